package vex

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

type cdxComponent struct {
	Ref        string         `json:"bom-ref"`
	PURL       string         `json:"purl"`
	Name       string         `json:"name"`
	Version    string         `json:"version"`
	Components []cdxComponent `json:"components"`
}

type cycloneDX struct {
	SerialNumber string `json:"serialNumber"`
	Metadata     struct {
		Timestamp string        `json:"timestamp"`
		Component *cdxComponent `json:"component"`
		Authors   []struct {
			Name string `json:"name"`
		} `json:"authors"`
	} `json:"metadata"`
	Components      []cdxComponent `json:"components"`
	Vulnerabilities []struct {
		ID         string `json:"id"`
		References []struct {
			ID string `json:"id"`
		} `json:"references"`
		Created  string `json:"created"`
		Updated  string `json:"updated"`
		Analysis *struct {
			State         string   `json:"state"`
			Justification string   `json:"justification"`
			Detail        string   `json:"detail"`
			Response      []string `json:"response"`
			FirstIssued   string   `json:"firstIssued"`
			LastUpdated   string   `json:"lastUpdated"`
		} `json:"analysis"`
		Affects []struct {
			Ref string `json:"ref"`
		} `json:"affects"`
	} `json:"vulnerabilities"`
}

// cdxStates are the impact analysis states of CycloneDX 1.6.
var cdxStates = map[string]string{
	"resolved": Fixed, "resolved_with_pedigree": Fixed, "exploitable": Affected, "in_triage": UnderInvestigation,
	"false_positive": NotAffected, "not_affected": NotAffected,
}

func (d *Document) cycloneDX(data []byte) error {
	var doc cycloneDX
	if err := json.Unmarshal(data, &doc); err != nil {
		return jsonError(err)
	}
	d.ID = doc.SerialNumber
	for _, a := range doc.Metadata.Authors {
		d.Author = cmp.Or(d.Author, a.Name)
	}
	names := map[string][]string{}
	var index func([]cdxComponent, int)
	index = func(list []cdxComponent, depth int) {
		for _, c := range list {
			if c.Ref != "" {
				names[c.Ref] = nonEmpty(c.PURL, c.Ref)
			}
			if depth < maxDepth {
				index(c.Components, depth+1)
			}
		}
	}
	index(doc.Components, 0)
	var root []string
	if c := doc.Metadata.Component; c != nil {
		root = nonEmpty(c.PURL, c.Ref)
	}
	var errs []error
	for i, v := range doc.Vulnerabilities {
		if v.Analysis == nil || v.Analysis.State == "" {
			continue // a list of vulnerabilities, not a statement about them
		}
		place := fmt.Sprintf("vulnerability %d (%s)", i+1, v.ID)
		status, ok := cdxStates[v.Analysis.State]
		if !ok {
			errs = append(errs, fmt.Errorf("%s has the unknown analysis state %q", place, v.Analysis.State))
			continue
		}
		s := Statement{Vulnerabilities: nonEmpty(v.ID), Status: status, Justification: v.Analysis.Justification,
			Text: cmp.Or(v.Analysis.Detail, strings.Join(v.Analysis.Response, ", ")), Place: place}
		if v.Analysis.State == "false_positive" {
			s.Justification = cmp.Or(s.Justification, "false_positive")
		}
		for _, r := range v.References {
			s.Vulnerabilities = append(s.Vulnerabilities, nonEmpty(r.ID)...)
		}
		var err error
		s.Time, err = parseTime(cmp.Or(v.Analysis.LastUpdated, v.Analysis.FirstIssued, v.Updated, v.Created, doc.Metadata.Timestamp), place+": the time")
		for _, a := range v.Affects {
			s.Products = append(s.Products, cdxProduct(a.Ref, root, names))
		}
		if err == nil {
			err = d.add(s)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// maxDepth is how deep components are looked for in components.
const maxDepth = 64

// cdxProduct is what "affects" refers to: the described component itself, a
// part of it, or, by BOM-Link, something in another document
// (urn:cdx:serial/version#bom-ref).
func cdxProduct(ref string, root []string, names map[string][]string) Product {
	if slices.Contains(root, ref) {
		return Product{IDs: root}
	}
	part, known := names[ref]
	if !known && strings.HasPrefix(ref, "urn:cdx:") {
		_, fragment, _ := strings.Cut(ref, "#")
		if decoded, err := url.PathUnescape(fragment); err == nil {
			fragment = decoded
		}
		return Product{IDs: nonEmpty(fragment)}
	}
	if !known {
		part = nonEmpty(ref)
	}
	if len(root) == 0 {
		return Product{IDs: part}
	}
	return Product{IDs: root, Subcomponents: [][]string{part}}
}
