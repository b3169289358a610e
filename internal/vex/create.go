package vex

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// CreateOptions say what a new document says beside its statements.
type CreateOptions struct {
	// Author is who makes the statements; must not be empty.
	Author string
	// Product is the name of what was scanned; must not be empty.
	Product string
	// Status is that of each statement; empty means [Affected], as a waiver
	// accepts a vulnerability and does not deny it.
	Status string
	// Justification is one of OpenVEX's; wanted with [NotAffected].
	Justification string
	// Time is when the statements are made.
	Time time.Time
	// Tool made the document.
	Tool string
}

// Waived is a vulnerability and the waiver that covers it.
type Waived struct {
	Finding *gatehouse.Finding
	Waiver  *gatehouse.Waiver
}

type newDocument struct {
	Context    string         `json:"@context"`
	ID         string         `json:"@id"`
	Author     string         `json:"author"`
	Timestamp  string         `json:"timestamp"`
	Version    int            `json:"version"`
	Tooling    string         `json:"tooling,omitempty"`
	Statements []newStatement `json:"statements"`
}

type newStatement struct {
	Vulnerability   newVulnerability `json:"vulnerability"`
	Products        []newProduct     `json:"products"`
	Status          string           `json:"status"`
	Justification   string           `json:"justification,omitempty"`
	ImpactStatement string           `json:"impact_statement,omitempty"`
	ActionStatement string           `json:"action_statement,omitempty"`
}

type newVulnerability struct {
	Name    string   `json:"name"`
	Aliases []string `json:"aliases,omitempty"`
}

type newProduct struct {
	ID            string         `json:"@id"`
	Subcomponents []newComponent `json:"subcomponents"`
}

type newComponent struct {
	ID string `json:"@id"`
}

// Create writes an OpenVEX document with one statement for each vulnerability
// and waiver. The same input gives the same bytes.
func Create(list []Waived, o CreateOptions) ([]byte, error) {
	switch {
	case len(list) == 0:
		return nil, errors.New("create VEX document: no vulnerability is waived")
	case o.Author == "":
		return nil, errors.New("create VEX document: there is no author")
	case o.Product == "":
		return nil, errors.New("create VEX document: there is no product")
	}
	status := cmp.Or(o.Status, Affected)
	type key struct{ rule, waiver string }
	at := map[key]int{}
	doc := newDocument{Context: "https://openvex.dev/ns/v0.2.0", Author: o.Author, Timestamp: o.Time.UTC().Format(time.RFC3339), Version: 1, Tooling: o.Tool}
	for _, w := range list {
		v := w.Finding.Vulnerability
		k := key{w.Finding.Rule, w.Waiver.ID}
		i, ok := at[k]
		if !ok {
			i = len(doc.Statements)
			at[k] = i
			s := newStatement{Vulnerability: newVulnerability{w.Finding.Rule, v.Aliases}, Products: []newProduct{{ID: o.Product}}, Status: status}
			switch status {
			case NotAffected:
				s.Justification, s.ImpactStatement = o.Justification, w.Waiver.Reason
			default:
				s.ActionStatement = action(w.Waiver)
			}
			doc.Statements = append(doc.Statements, s)
		}
		subs := &doc.Statements[i].Products[0].Subcomponents
		if c := (newComponent{v.Package.Purl}); !slices.Contains(*subs, c) {
			*subs = append(*subs, c)
		}
	}
	for _, s := range doc.Statements {
		slices.SortFunc(s.Products[0].Subcomponents, func(a, b newComponent) int { return strings.Compare(a.ID, b.ID) })
	}
	slices.SortStableFunc(doc.Statements, func(a, b newStatement) int { return strings.Compare(a.Vulnerability.Name, b.Vulnerability.Name) })
	content, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	doc.ID = fmt.Sprintf("https://openvex.dev/docs/public/vex-%x", sha256.Sum256(content))
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, err
	}
	out = append(out, '\n')
	// What others would refuse is not written.
	if _, err := Parse("the new document", out); err != nil {
		return nil, err
	}
	return out, nil
}

func action(w *gatehouse.Waiver) string {
	text := fmt.Sprintf("Accepted until %s by %s: %s", w.Expires.UTC().Format(time.DateOnly), w.Owner, strings.TrimSuffix(w.Reason, "."))
	if w.Ticket != "" {
		text += " (" + w.Ticket + ")"
	}
	return text
}
