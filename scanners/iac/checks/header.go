package checks

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"go.yaml.in/yaml/v3"
)

// header is the metadata of a check, as it stands in the comment.
type header struct {
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	Related     []any  `yaml:"related_resources"`
	Custom      struct {
		ID         string   `yaml:"id"`
		AVDID      string   `yaml:"avd_id"`
		LongID     string   `yaml:"long_id"`
		ShortCode  string   `yaml:"short_code"`
		Aliases    []string `yaml:"aliases"`
		Controls   []string `yaml:"controls"`
		Provider   string   `yaml:"provider"`
		Service    string   `yaml:"service"`
		Severity   string   `yaml:"severity"`
		Deprecated bool     `yaml:"deprecated"`
		Examples   string   `yaml:"examples"`
		Action     string   `yaml:"recommended_action"`
		Actions    string   `yaml:"recommended_actions"`
		Input      struct {
			Selector []headerSelector `yaml:"selector"`
		} `yaml:"input"`
	} `yaml:"custom"`
}

type headerSelector struct {
	Type     string          `yaml:"type"`
	Subtypes []headerSubtype `yaml:"subtypes"`
}

type headerSubtype struct {
	Kind     string `yaml:"kind"`
	Provider string `yaml:"provider"`
	Service  string `yaml:"service"`
}

// fill reads the metadata from simple YAML.
func (h *header) fill(n *node) {
	h.Title, h.Description = n.get("title").text, n.get("description").text
	for _, item := range n.get("related_resources").items {
		if len(item.keys) > 0 {
			h.Related = append(h.Related, map[string]any{"ref": item.get("ref").text})
		} else {
			h.Related = append(h.Related, item.text)
		}
	}
	m, c := &h.Custom, n.get("custom")
	for key, field := range map[string]*string{
		"id": &m.ID, "avd_id": &m.AVDID, "long_id": &m.LongID, "short_code": &m.ShortCode, "provider": &m.Provider,
		"service": &m.Service, "severity": &m.Severity, "examples": &m.Examples, "recommended_action": &m.Action, "recommended_actions": &m.Actions,
	} {
		*field = c.get(key).text
	}
	m.Deprecated = c.get("deprecated").text == "true"
	for _, item := range c.get("aliases").items {
		m.Aliases = append(m.Aliases, item.text)
	}
	for _, item := range c.get("controls").items {
		m.Controls = append(m.Controls, item.text)
	}
	for _, item := range c.get("input", "selector").items {
		sel := headerSelector{Type: item.get("type").text}
		for _, st := range item.get("subtypes").items {
			sel.Subtypes = append(sel.Subtypes, headerSubtype{Kind: st.get("kind").text, Provider: st.get("provider").text, Service: st.get("service").text})
		}
		m.Input.Selector = append(m.Input.Selector, sel)
	}
}

// parseHeader reads the metadata comment and the package clause of a check.
func parseHeader(file, source string) (c *Check, deprecated bool, err error) {
	_, rest, ok := strings.Cut(source, "# METADATA")
	if !ok {
		return nil, false, errors.New(`there is no "# METADATA" comment`)
	}
	_, rest, _ = strings.Cut(rest, "\n")
	var text strings.Builder
	pkg := ""
	for line := range strings.Lines(rest) {
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			text.WriteString(strings.TrimPrefix(comment, " "))
			continue
		}
		if name, ok := strings.CutPrefix(line, "package "); ok {
			pkg = strings.TrimSpace(name)
			break
		}
	}
	if pkg == "" {
		return nil, false, errors.New("there is no package clause after the metadata")
	}
	var h header
	if n, ok := parseSimple(text.String()); ok {
		h.fill(n)
	} else if err := yaml.Unmarshal([]byte(text.String()), &h); err != nil {
		return nil, false, fmt.Errorf("metadata: %w", err)
	}
	m := h.Custom
	if m.ID == "" || h.Title == "" {
		return nil, false, errors.New("metadata: there is no id or no title")
	}
	c = &Check{
		ID: m.ID, Title: oneLine(h.Title), Description: strings.TrimSpace(h.Description),
		Fix: strings.TrimSpace(m.Action + m.Actions), Controls: m.Controls, Provider: m.Provider, Service: m.Service,
		Examples: m.Examples, pkg: pkg, rule: "deny", files: []string{file},
	}
	if c.Severity, err = gatehouse.ParseSeverity(m.Severity); err != nil {
		return nil, false, fmt.Errorf("metadata: %w", err)
	}
	for _, a := range append([]string{m.AVDID, m.LongID, m.ShortCode}, m.Aliases...) {
		if a != "" && a != c.ID {
			c.Aliases = append(c.Aliases, a)
		}
	}
	for _, r := range h.Related {
		switch r := r.(type) {
		case string:
			c.References = append(c.References, r)
		case map[string]any:
			if ref, ok := r["ref"].(string); ok {
				c.References = append(c.References, ref)
			}
		}
	}
	for _, sel := range m.Input.Selector {
		s := Selector{Type: Type(sel.Type)}
		for _, st := range sel.Subtypes {
			s.Subtypes = append(s.Subtypes, Subtype{Kind: st.Kind, Provider: st.Provider, Service: st.Service})
		}
		switch s.Type {
		case Dockerfile, Kubernetes, Cloud, Pipeline, GitOps, Compose, Ansible, Serverless, OpenAPI:
		default:
			return nil, false, fmt.Errorf("metadata: unknown type of input %q", sel.Type)
		}
		c.Selectors = append(c.Selectors, s)
	}
	if len(c.Selectors) == 0 {
		return nil, false, errors.New("metadata: there is no input selector")
	}
	return c, m.Deprecated, nil
}

func oneLine(s string) string {
	return strings.TrimRight(strings.Join(strings.Fields(s), " "), ". ")
}
