package sbom

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// tagValue reads SPDX 2 as tags and values; see
// https://spdx.github.io/spdx-spec/v2.3/package-information/.
func (r *reader) tagValue() error {
	r.doc.Format, r.doc.Syntax = "SPDX", "tag-value"
	var p *readPackage
	started := 0
	var licenseID string
	take := func() error {
		if p == nil {
			return nil
		}
		done := p
		p = nil
		return r.add(done.component(started))
	}
	inFile := false // tags of files have the names of those of packages
	for line, tag := range tags(r.data) {
		switch tag.name {
		case "":
			if tag.fatal {
				return errors.Join(take(), &Error{line, tag.value})
			}
			r.problem(line, "", tag.value)
		case "SPDXVersion":
			r.doc.Spec = strings.TrimPrefix(tag.value, "SPDX-")
		case "Creator":
			r.creator(tag.value)
		case "Created":
			r.doc.Created = tag.value
		case "PackageName":
			if err := take(); err != nil {
				return err
			}
			p, started, inFile = &readPackage{Name: text(tag.value)}, line, false
		case "FileName", "SnippetSPDXID":
			if err := take(); err != nil {
				return err
			}
			inFile = true
		case "SPDXID":
			if p != nil && p.ID == "" {
				p.ID = text(tag.value)
			}
		case "LicenseID":
			licenseID = tag.value
			r.license(licenseID, "", "")
		case "ExtractedText":
			r.license(licenseID, "", tag.value)
		case "LicenseName":
			r.license(licenseID, said(text(tag.value)), "")
		case "Relationship":
			if parts := strings.Fields(tag.value); len(parts) >= 3 {
				r.relationship(parts[0], parts[1], parts[2])
			} else {
				r.problem(line, "", fmt.Sprintf("the relationship %q is left out: it has no two elements", clip(tag.value)))
			}
		case "AnnotationComment":
			r.annotation(tag.value)
		default:
			if p != nil && !inFile {
				r.packageTag(p, line, tag)
			}
		}
	}
	return take()
}

// packageTag takes one tag of a package.
func (r *reader) packageTag(p *readPackage, line int, t tag) {
	switch t.name {
	case "PackageVersion":
		p.Version = text(t.value)
	case "PrimaryPackagePurpose":
		p.Purpose = text(t.value)
	case "PackageSourceInfo":
		p.SourceInfo = text(t.value)
	case "PackageLicenseDeclared":
		p.Declared = text(t.value)
	case "PackageLicenseConcluded":
		p.Concluded = text(t.value)
	case "PackageComment":
		p.Comment = text(t.value)
	case "PackageChecksum":
		algorithm, sum, _ := strings.Cut(t.value, ":")
		p.Checksums = append(p.Checksums, struct {
			Algorithm text `json:"algorithm"`
			Value     text `json:"checksumValue"`
		}{text(algorithm), text(sum)})
	case "ExternalRef":
		parts := strings.Fields(t.value)
		if len(parts) != 3 {
			r.problem(line, string(p.Name), fmt.Sprintf("the reference %q is left out: it has not a category, a type and a locator", clip(t.value)))
			return
		}
		p.ExternalRefs = append(p.ExternalRefs, struct {
			Category text `json:"referenceCategory"`
			Type     text `json:"referenceType"`
			Locator  text `json:"referenceLocator"`
		}{text(parts[0]), text(parts[1]), text(parts[2])})
	}
}

// tag is a tag with its value; without a name, the value says what is wrong, and
// fatal that nothing that follows can be read.
type tag struct {
	name, value string
	fatal       bool
}

// tags yields the tags of a document, each with its line. A value in <text> may
// have several lines.
func tags(data []byte) func(yield func(int, tag) bool) {
	return func(yield func(int, tag) bool) {
		const open, end = "<text>", "</text>"
		n := 0
		for len(data) > 0 {
			n++
			line := data
			if i := bytes.IndexByte(data, '\n'); i >= 0 {
				line, data = data[:i], data[i+1:]
			} else {
				data = nil
			}
			s := strings.TrimSpace(string(line))
			if s == "" || s[0] == '#' {
				continue
			}
			name, value, ok := strings.Cut(s, ":")
			if !ok {
				if !yield(n, tag{value: fmt.Sprintf("the line %q is left out: it is no tag with a value", clip(s))}) {
					return
				}
				continue
			}
			start := n
			value = strings.TrimSpace(value)
			if rest, multi := strings.CutPrefix(value, open); multi {
				if before, _, closed := strings.Cut(rest, end); closed {
					value = before
				} else {
					i := bytes.Index(data, []byte(end))
					if i < 0 {
						yield(start, tag{value: "a <text> does not end: the document is cut off", fatal: true})
						return
					}
					value = rest + "\n" + string(data[:i])
					n += bytes.Count(data[:i], []byte("\n")) + 1
					data = data[i+len(end):]
					if k := bytes.IndexByte(data, '\n'); k >= 0 {
						data = data[k+1:]
					} else {
						data = nil
					}
				}
			}
			if !yield(start, tag{name: strings.TrimSpace(name), value: strings.TrimSpace(value)}) {
				return
			}
		}
	}
}
