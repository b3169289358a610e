package vex

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// OpenVEX 0.2.0, and the older form in which a vulnerability and a product are
// plain texts (0.0.x).
type openVEX struct {
	ID          string `json:"@id"`
	Author      string `json:"author"`
	Timestamp   string `json:"timestamp"`
	LastUpdated string `json:"last_updated"`
	Statements  []struct {
		Vulnerability   openVulnerability `json:"vulnerability"`
		Timestamp       string            `json:"timestamp"`
		LastUpdated     string            `json:"last_updated"`
		Products        []openComponent   `json:"products"`
		Subcomponents   []openComponent   `json:"subcomponents"`
		Status          string            `json:"status"`
		StatusNotes     string            `json:"status_notes"`
		Justification   string            `json:"justification"`
		ImpactStatement string            `json:"impact_statement"`
		ActionStatement string            `json:"action_statement"`
	} `json:"statements"`
}

type openVulnerability struct {
	ID      string   `json:"@id"`
	Name    string   `json:"name"`
	Aliases []string `json:"aliases"`
}

func (v *openVulnerability) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &v.Name)
	}
	type plain openVulnerability
	return json.Unmarshal(b, (*plain)(v))
}

type openComponent struct {
	ID            string            `json:"@id"`
	Identifiers   map[string]string `json:"identifiers"`
	Hashes        map[string]string `json:"hashes"`
	Subcomponents []openComponent   `json:"subcomponents"`
}

func (c *openComponent) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &c.ID)
	}
	type plain openComponent
	return json.Unmarshal(b, (*plain)(c))
}

func (c *openComponent) names() []string {
	names := nonEmpty(c.ID)
	for _, id := range c.Identifiers {
		names = append(names, nonEmpty(id)...)
	}
	for algorithm, sum := range c.Hashes {
		if sum != "" {
			names = append(names, strings.ToLower(strings.ReplaceAll(algorithm, "-", "")+":"+sum))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// openJustifications are those of the specification, section "Status
// Justifications".
var openJustifications = []string{"component_not_present", "vulnerable_code_not_present", "vulnerable_code_not_in_execute_path",
	"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist"}

func (d *Document) openVEX(data []byte) error {
	var doc openVEX
	if err := json.Unmarshal(data, &doc); err != nil {
		return jsonError(err)
	}
	d.ID, d.Author = doc.ID, doc.Author
	var errs []error
	for i, s := range doc.Statements {
		out := Statement{
			Vulnerabilities: append(nonEmpty(s.Vulnerability.Name, lastPart(s.Vulnerability.ID)), nonEmpty(s.Vulnerability.Aliases...)...),
			Status:          s.Status,
			Justification:   s.Justification,
			Text:            cmp.Or(s.ImpactStatement, s.ActionStatement, s.StatusNotes),
			Place:           fmt.Sprintf("statement %d", i+1),
		}
		for _, p := range s.Products {
			product := Product{IDs: p.names()}
			for _, c := range slices.Concat(p.Subcomponents, s.Subcomponents) {
				product.Subcomponents = append(product.Subcomponents, c.names())
			}
			out.Products = append(out.Products, product)
		}
		t, err := parseTime(cmp.Or(s.LastUpdated, s.Timestamp, doc.LastUpdated, doc.Timestamp), out.Place+": the timestamp")
		out.Time = t
		if err == nil {
			err = out.openRules()
		}
		if err == nil {
			err = d.add(out)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// openRules are what the specification asks of a statement.
func (s *Statement) openRules() error {
	if s.Status == NotAffected && s.Justification == "" && s.Text == "" {
		return fmt.Errorf("%s says not_affected without a justification or an impact statement, and the specification wants one", s.Place)
	}
	if s.Justification != "" && !slices.Contains(openJustifications, s.Justification) {
		return fmt.Errorf("%s has the unknown justification %q: want one of %s", s.Place, s.Justification, strings.Join(openJustifications, ", "))
	}
	return nil
}

// lastPart takes the id of a vulnerability out of an IRI, such as
// https://nvd.nist.gov/vuln/detail/CVE-2023-1; "" if it has none.
func lastPart(iri string) string {
	if !strings.Contains(iri, "/") {
		return iri
	}
	part := iri[strings.LastIndexByte(iri, '/')+1:]
	if strings.Count(part, "-") >= 2 {
		return part
	}
	return ""
}
