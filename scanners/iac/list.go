package iac

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	trivychecks "github.com/aquasecurity/trivy-checks"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
)

// Rule is a check as its author describes it.
type Rule struct {
	ID       string             `json:"id"`
	Title    string             `json:"title"`
	Severity gatehouse.Severity `json:"severity"`
	// Types are the sorts of input that it reads, and Kinds those of objects or
	// services of clouds; Kinds is empty if it reads all.
	Types []string `json:"types"`
	Kinds []string `json:"kinds,omitempty"`
	// Aliases are names in other tools and of older versions.
	Aliases     []string `json:"aliases,omitempty"`
	Controls    []string `json:"controls,omitempty"`
	Description string   `json:"description,omitempty"`
	Fix         string   `json:"fix,omitempty"`
	References  []string `json:"references,omitempty"`
	// Good are configurations to which it does not object, by language; empty
	// if its author gives none.
	Good map[string]string `json:"good,omitempty"`

	examples string // file
}

// List gives all checks, sorted by id.
func List(opts Options) ([]Rule, error) {
	sets, err := loadSets(opts)
	if err != nil {
		return nil, err
	}
	var all []Rule
	for _, set := range sets {
		for _, c := range set.Checks {
			all = append(all, describe(c))
		}
	}
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

func describe(c *checks.Check) Rule {
	r := Rule{ID: c.ID, Title: c.Title, Severity: c.Severity, Aliases: c.Aliases, Controls: c.Controls,
		Description: c.Description, Fix: c.Fix, References: c.References, examples: c.Examples}
	for _, sel := range c.Selectors {
		if !slices.Contains(r.Types, string(sel.Type)) {
			r.Types = append(r.Types, string(sel.Type))
		}
		for _, st := range sel.Subtypes {
			kind := st.Kind
			if kind == "" {
				kind = strings.TrimSuffix(st.Provider+"/"+st.Service, "/")
			}
			if !slices.Contains(r.Kinds, kind) {
				r.Kinds = append(r.Kinds, kind)
			}
		}
	}
	return r
}

// Examples adds to a rule what its author shows as right. That is read only
// here, as there is much of it.
func (r *Rule) Examples() error {
	if r.examples == "" {
		return nil
	}
	text, err := fs.ReadFile(trivychecks.EmbeddedPolicyFileSystem, r.examples)
	if err != nil {
		return fmt.Errorf("read the examples of %s: %w", r.ID, err)
	}
	var languages map[string]struct {
		Good []string `yaml:"good"`
	}
	if err := yaml.Unmarshal(text, &languages); err != nil {
		return fmt.Errorf("read the examples of %s: %w", r.ID, err)
	}
	r.Good = map[string]string{}
	for _, language := range slices.Sorted(maps.Keys(languages)) {
		if good := languages[language].Good; len(good) > 0 {
			r.Good[language] = strings.TrimSpace(good[0])
		}
	}
	return nil
}
