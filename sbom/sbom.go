// Package sbom writes bills of materials of reports, and reads those of anybody:
// CycloneDX and SPDX.
//
// It turns bytes into values and values into bytes: no file is opened, no clock is
// read, no id is drawn at random. The same report gives the same bytes.
package sbom

import (
	"cmp"
	"slices"

	"github.com/gatehouse-sec/gatehouse"
)

// Format is a kind of bill of materials.
type Format string

// The formats that are written. More are read, see [Read].
const (
	// CycloneDX is https://cyclonedx.org/docs/1.6/json/.
	CycloneDX Format = "cyclonedx"
	// SPDX is https://spdx.github.io/spdx-spec/v2.3/, as JSON.
	SPDX Format = "spdx"
)

// Formats lists the formats that are written.
func Formats() []Format { return []Format{CycloneDX, SPDX} }

// Document is a bill of materials.
type Document struct {
	// Format is "CycloneDX" or "SPDX", Spec the version of the specification,
	// and Syntax "JSON", "XML" or "tag-value".
	Format, Spec, Syntax string
	// Producers are the tools that made it, each as name and version; empty if
	// it does not say.
	Producers []string
	// Created is when it was made, as written; may be empty.
	Created string
	// Root is what it is about; nil if it does not say, or names several things.
	Root *Component
	// Components are all others, in the order of the document.
	Components []Component
	// Incomplete says why it lacks something by its own account, each in a
	// clause; empty if it does not say so.
	Incomplete []string
	// Problems are parts of it that could not be read.
	Problems []Problem

	complete   bool // it says that it is
	unverified bool // it was in an envelope

	// digest is that of the target, and described what it is the digest of.
	digest, described string
	excluded          []string // what was left out of the scan, and why
	properties        []property
	tool              gatehouse.Tool
}

// Component is a part of a product.
type Component struct {
	// ID is what others in the document call it; unique, or empty.
	ID string
	// Type is as in CycloneDX, such as "library" or "operating-system"; empty
	// if the document does not say.
	Type string
	// Name includes the group or namespace that the document has apart from it,
	// joined by a slash, and for Maven by a colon.
	Name, Version string
	// Purl is as written; may be empty.
	Purl string
	// Line is the 1-based line on which it starts; 0 if it is not known.
	Line int
	// Licenses are SPDX expressions or names, as declared.
	Licenses []string
	// Hashes are "algorithm:hex".
	Hashes []string
	// DependsOn are ids of components that it needs.
	DependsOn []string
	// Direct is true if the root needs it.
	Direct bool
	// Scope is what it is needed for; empty if the document does not say. Dev is
	// true if it is not part of what is shipped.
	Scope gatehouse.Scope
	Dev   bool
	// Source is the source package as "name version", for packages of operating
	// systems; empty if the document does not say.
	Source string
	// Module is the module stream of a package of rpm; may be empty.
	Module string

	detected   []gatehouse.DetectedLicense
	places     []gatehouse.Location
	properties []property
	graph      bool // its file says what packages need, so that nothing means none
}

// property is a name with a value that has no place of its own in CycloneDX.
type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Problem is a part of a document that could not be read.
type Problem struct {
	// Line is 1-based; 0 if it is not known.
	Line int
	// Entry names the part; may be empty.
	Entry string
	// Reason is a sentence without a period.
	Reason string
}

// byID gives the components by what others call them. Of two with one id the
// first counts; the second is a problem.
func (d *Document) byID() map[string]*Component {
	all := make(map[string]*Component, len(d.Components)+1)
	if d.Root != nil && d.Root.ID != "" {
		all[d.Root.ID] = d.Root
	}
	for i := range d.Components {
		if c := &d.Components[i]; c.ID != "" && all[c.ID] == nil {
			all[c.ID] = c
		}
	}
	return all
}

// IsPackage is true for what may be in a registry of packages, rather than a
// file, an operating system, or a node that only groups others.
func (c *Component) IsPackage() bool {
	switch {
	case c.Purl != "":
		return true
	case c.Type == "application" && c.Version == "":
		return false // a lockfile, mostly
	}
	return slices.Contains([]string{"", "library", "framework", "application", "firmware"}, c.Type)
}

// sortUnique sorts a list and removes repetitions.
func sortUnique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

func comparePlaces(a, b gatehouse.Location) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line))
}
