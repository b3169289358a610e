// Package vex reads VEX documents in the three formats that are in use, and
// puts what they say beside the vulnerabilities that a scan found. It decides
// nothing: a finding with a statement stays a finding, and policies judge.
//
// The formats are OpenVEX (https://github.com/openvex/spec), CSAF VEX (OASIS
// CSAF 2.0, section 4.5) and CycloneDX VEX (CycloneDX 1.4 to 1.6,
// vulnerabilities[].analysis).
package vex

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The statuses of a vulnerability in a product (VEX minimum requirements,
// CISA 2023, section 2.3).
const (
	NotAffected        = "not_affected"
	Affected           = "affected"
	Fixed              = "fixed"
	UnderInvestigation = "under_investigation"
)

// Statement says what a vulnerability means for some products.
type Statement struct {
	// Vulnerabilities are all ids of the one vulnerability; never empty.
	Vulnerabilities []string
	// Products are what it is about; never empty.
	Products []Product
	// Status is one of the constants.
	Status string
	// Justification says why a product is not affected, in the words of the
	// format; may be empty.
	Justification string
	// Text is the impact or action in the words of the author; may be empty.
	Text string
	// Time is when it was said; zero if the document does not say.
	Time time.Time
	// Place says where in the document it stands: "statement 3".
	Place string

	document *Document
}

// Product is a thing that a statement is about, under each of its names.
type Product struct {
	// IDs are package URLs, digests ("sha256:…") and any other names.
	IDs []string
	// Subcomponents are the parts in which the vulnerability is; empty if the
	// statement is about the product whatever the part. Each has its names.
	Subcomponents [][]string
}

// Document is one VEX document.
type Document struct {
	// Name is the path as given, and Digest the "sha256:" of its bytes.
	Name, Digest string
	// Format is "openvex", "csaf" or "cyclonedx".
	Format string
	// ID and Author are as written; may be empty.
	ID, Author string
	Statements []Statement
}

// Parse reads a document. Name is for messages. A document that says nothing,
// or that cannot be understood in full, is an error: a statement that was
// passed over might be the one that counts.
func Parse(name string, data []byte) (*Document, error) {
	d := &Document{Name: name, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(data))}
	if err := d.parse(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))); err != nil {
		return nil, fmt.Errorf("read VEX document %s: %w", name, err)
	}
	for i := range d.Statements {
		d.Statements[i].document = d
	}
	return d, nil
}

func (d *Document) parse(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("it is empty")
	}
	if !utf8.Valid(data) {
		return errors.New("it is not valid UTF-8")
	}
	var sniff struct {
		Context   any    `json:"@context"`
		BOMFormat string `json:"bomFormat"`
		Document  *struct {
			Category    string `json:"category"`
			CSAFVersion string `json:"csaf_version"`
		} `json:"document"`
	}
	if err := json.Unmarshal(data, &sniff); err != nil {
		return jsonError(err)
	}
	context, _ := sniff.Context.(string)
	var err error
	switch {
	case strings.Contains(context, "openvex.dev/ns"):
		d.Format, err = "openvex", d.openVEX(data)
	case sniff.BOMFormat == "CycloneDX":
		d.Format, err = "cyclonedx", d.cycloneDX(data)
	case sniff.Document != nil && sniff.Document.CSAFVersion != "":
		d.Format, err = "csaf", d.csaf(data)
	default:
		return errors.New(`it is no VEX document: want OpenVEX ("@context": "https://openvex.dev/ns/…"), CSAF ("document": {"csaf_version": …}) or CycloneDX ("bomFormat": "CycloneDX") as JSON`)
	}
	if err == nil && len(d.Statements) == 0 {
		err = errors.New("it has no statement about any vulnerability")
	}
	return err
}

// check reports what a statement lacks to be used.
func (s *Statement) check() error {
	switch s.Status {
	case NotAffected, Affected, Fixed, UnderInvestigation:
	case "":
		return fmt.Errorf("%s has no status", s.Place)
	default:
		return fmt.Errorf("%s has the unknown status %q", s.Place, s.Status)
	}
	if len(s.Vulnerabilities) == 0 {
		return fmt.Errorf("%s names no vulnerability", s.Place)
	}
	if len(s.Products) == 0 {
		return fmt.Errorf("%s names no product", s.Place)
	}
	for _, p := range s.Products {
		if len(p.IDs) == 0 {
			return fmt.Errorf("%s has a product without an identifier", s.Place)
		}
		for _, c := range p.Subcomponents {
			if len(c) == 0 {
				return fmt.Errorf("%s has a subcomponent without an identifier", s.Place)
			}
		}
	}
	return nil
}

// add keeps a statement.
func (d *Document) add(s Statement) error {
	if err := s.check(); err != nil {
		return err
	}
	d.Statements = append(d.Statements, s)
	return nil
}

// parseTime reads a time of a document; empty is the zero time.
func parseTime(text, what string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return t, fmt.Errorf("%s %q is no RFC 3339 time", what, text)
	}
	return t.UTC(), nil
}

func nonEmpty(list ...string) []string {
	var kept []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// jsonError says what is wrong in words of the document rather than of Go.
func jsonError(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return fmt.Errorf("it is no valid JSON: %w", err)
	}
	if wrong.Field == "" {
		return fmt.Errorf("it is a JSON %s and not an object", wrong.Value)
	}
	return fmt.Errorf("%q is a JSON %s, which does not belong there", wrong.Field, wrong.Value)
}
