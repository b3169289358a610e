package sbom

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // version 5 of UUIDs is made with it
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// The parts of CycloneDX 1.6 that are written; see
// https://cyclonedx.org/docs/1.6/json/.
type (
	cdxBOM struct {
		Schema       string           `json:"$schema"`
		BOMFormat    string           `json:"bomFormat"`
		SpecVersion  string           `json:"specVersion"`
		SerialNumber string           `json:"serialNumber,omitempty"`
		Version      int              `json:"version"`
		Metadata     cdxMetadata      `json:"metadata"`
		Components   []cdxComponent   `json:"components"`
		Dependencies []cdxDependency  `json:"dependencies"`
		Compositions []cdxComposition `json:"compositions"`
	}
	cdxMetadata struct {
		Timestamp  string       `json:"timestamp,omitempty"`
		Tools      cdxTools     `json:"tools"`
		Component  cdxComponent `json:"component"`
		Properties []property   `json:"properties,omitempty"`
	}
	cdxTools struct {
		Components []cdxComponent `json:"components"`
	}
	cdxComponent struct {
		Ref        string             `json:"bom-ref,omitempty"`
		Type       string             `json:"type"`
		Group      string             `json:"group,omitempty"`
		Name       string             `json:"name"`
		Version    string             `json:"version,omitempty"`
		Scope      string             `json:"scope,omitempty"`
		Hashes     []cdxHash          `json:"hashes,omitempty"`
		Licenses   []cdxLicenseChoice `json:"licenses,omitempty"`
		Purl       string             `json:"purl,omitempty"`
		Evidence   *cdxEvidence       `json:"evidence,omitempty"`
		Properties []property         `json:"properties,omitempty"`
	}
	cdxHash struct {
		Alg     string `json:"alg"`
		Content string `json:"content"`
	}
	cdxLicenseChoice struct {
		License         *cdxLicense `json:"license,omitempty"`
		Expression      string      `json:"expression,omitempty"`
		Acknowledgement string      `json:"acknowledgement,omitempty"`
	}
	cdxLicense struct {
		ID              string `json:"id,omitempty"`
		Name            string `json:"name,omitempty"`
		Acknowledgement string `json:"acknowledgement,omitempty"`
	}
	cdxEvidence struct {
		Occurrences []cdxOccurrence    `json:"occurrences,omitempty"`
		Licenses    []cdxLicenseChoice `json:"licenses,omitempty"`
	}
	cdxOccurrence struct {
		Location string `json:"location"`
		Line     int    `json:"line,omitempty"`
	}
	cdxDependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
	cdxComposition struct {
		Aggregate  string   `json:"aggregate"`
		Assemblies []string `json:"assemblies"`
	}
)

// namespace is that of the UUIDs that name documents: version 5 of the address of
// the project, see RFC 9562, section 5.5.
var namespace = uuid5([16]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}, // of URLs
	"https://github.com/gatehouse-sec/gatehouse/sbom")

func uuid5(space [16]byte, name string) (id [16]byte) {
	sum := sha1.Sum(append(space[:], name...)) //nolint:gosec // see above
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}

// documentID names a document by its content and target, so that another content
// has another name.
func documentID(content []byte, digest string) string {
	sum := sha256.Sum256(content)
	id := uuid5(namespace, fmt.Sprintf("%s %x", digest, sum))
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// Write encodes the document, as JSON that ends with a newline.
func (d *Document) Write(f Format) ([]byte, error) {
	switch f {
	case CycloneDX:
		return d.cycloneDX()
	case SPDX:
		return d.spdx()
	}
	return nil, fmt.Errorf("unknown format %q: want %s or %s", f, CycloneDX, SPDX)
}

func (d *Document) cycloneDX() ([]byte, error) {
	b := cdxBOM{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", BOMFormat: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: cdxMetadata{
			Timestamp:  d.Created,
			Tools:      cdxTools{[]cdxComponent{{Type: "application", Name: d.tool.Name, Version: d.tool.Version}}},
			Component:  writeComponent(d.Root),
			Properties: slices.Clone(d.properties),
		},
		Components:   []cdxComponent{},
		Dependencies: []cdxDependency{{d.Root.ID, d.Root.DependsOn}},
		Compositions: []cdxComposition{{"complete", []string{d.Root.ID}}},
	}
	if len(d.Incomplete) > 0 {
		b.Compositions[0].Aggregate = "incomplete"
	}
	for _, text := range d.Incomplete {
		b.Metadata.Properties = append(b.Metadata.Properties, property{propertyGap, text})
	}
	for _, text := range d.excluded {
		b.Metadata.Properties = append(b.Metadata.Properties, property{"gatehouse:excluded", text})
	}
	for i := range d.Components {
		c := &d.Components[i]
		b.Components = append(b.Components, writeComponent(c))
		if c.graph || len(c.DependsOn) > 0 {
			b.Dependencies = append(b.Dependencies, cdxDependency{c.ID, c.DependsOn})
		}
	}
	unnamed, err := encode(b)
	if err != nil {
		return nil, err
	}
	b.SerialNumber = "urn:uuid:" + documentID(unnamed, d.digest)
	return encode(b)
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write the SBOM: %w", err)
	}
	return out.Bytes(), nil
}

func writeComponent(c *Component) cdxComponent {
	out := cdxComponent{Ref: c.ID, Type: c.Type, Name: c.Name, Version: c.Version, Purl: c.Purl, Properties: c.properties, Licenses: writeLicenses(c.Licenses, "declared")}
	out.Group, out.Name = splitName(c)
	switch {
	case c.Scope == gatehouse.ScopeOptional, c.Scope == gatehouse.ScopePeer:
		out.Scope = "optional"
	case c.Dev:
		out.Scope = "excluded"
	case c.Scope == gatehouse.ScopeRuntime:
		out.Scope = "required"
	}
	for _, h := range c.Hashes {
		algorithm, sum, _ := strings.Cut(h, ":")
		if name := hashNames[algorithm]; name != "" {
			out.Hashes = append(out.Hashes, cdxHash{name, sum})
		}
	}
	var evidence cdxEvidence
	for _, l := range c.places {
		evidence.Occurrences = append(evidence.Occurrences, cdxOccurrence{l.Path, l.Line})
	}
	var detected []string
	for _, l := range c.detected {
		if l.License != "" {
			detected = append(detected, l.License)
		}
	}
	evidence.Licenses = writeLicenses(sortUnique(detected), "")
	if len(evidence.Occurrences)+len(evidence.Licenses) > 0 {
		out.Evidence = &evidence
	}
	return out
}

// splitName takes the group from the name where the ecosystem has one.
func splitName(c *Component) (group, name string) {
	kind, _, _ := strings.Cut(strings.TrimPrefix(c.Purl, "pkg:"), "/")
	cut := byte('/')
	switch kind {
	case "maven":
		cut = ':'
	case "npm", "composer":
	default:
		return "", cmp.Or(c.Name, "unknown")
	}
	if i := strings.LastIndexByte(c.Name, cut); i > 0 && i < len(c.Name)-1 {
		return c.Name[:i], c.Name[i+1:]
	}
	return "", cmp.Or(c.Name, "unknown")
}

// writeLicenses writes licences that apply together. An expression can only stand
// alone.
func writeLicenses(list []string, acknowledgement string) []cdxLicenseChoice {
	if len(list) == 1 && licenseID(list[0]) == "" {
		if text, ok := expression(list[0]); ok {
			return []cdxLicenseChoice{{Expression: text, Acknowledgement: acknowledgement}}
		}
	}
	var out []cdxLicenseChoice
	for _, l := range list {
		license := &cdxLicense{ID: licenseID(l), Acknowledgement: acknowledgement}
		if license.ID == "" {
			license.Name = l
		}
		out = append(out, cdxLicenseChoice{License: license})
	}
	return out
}
