package sbom

import (
	"fmt"
	"slices"
	"strings"
)

// Packages counts the components that are packages.
func (d *Document) Packages() int {
	n := 0
	for i := range d.Components {
		if d.Components[i].IsPackage() {
			n++
		}
	}
	return n
}

// Empty is true for a document that lists no package and does not say that there
// is none: its tool may have understood nothing.
func (d *Document) Empty() bool { return d.Packages() == 0 && !d.complete }

// LeftOut says in clauses what the document does not tell about its packages and
// itself; empty if it tells all.
func (d *Document) LeftOut() []string {
	var notes []string
	var version, purl, hash, license, edges int
	total := 0
	for i := range d.Components {
		c := &d.Components[i]
		edges += len(c.DependsOn)
		if !c.IsPackage() {
			continue
		}
		total++
		count(&version, c.Version == "" && !strings.Contains(c.Purl, "@"))
		count(&purl, c.Purl == "")
		count(&hash, len(c.Hashes) == 0)
		count(&license, len(c.Licenses) == 0)
	}
	if d.Root != nil {
		edges += len(d.Root.DependsOn)
	}
	for _, m := range []struct {
		missing int
		what    string
	}{{version, "version"}, {purl, "package URL"}, {license, "licence"}, {hash, "hash"}} {
		switch m.missing {
		case 0:
		case total:
			notes = append(notes, "no package has a "+m.what)
		default:
			notes = append(notes, fmt.Sprintf("%d of %d packages have no %s", m.missing, total, m.what))
		}
	}
	if edges == 0 && total > 0 {
		notes = append(notes, "it does not say which package needs which")
	}
	if d.Root == nil {
		notes = append(notes, "it does not say what it is about")
	}
	if len(d.Producers) == 0 {
		notes = append(notes, "it does not say which tool made it")
	}
	if d.Created == "" {
		notes = append(notes, "it does not say when it was made")
	}
	if d.unverified {
		notes = append(notes, "it is in a signed envelope, whose signature was not verified")
	}
	return slices.Clip(notes)
}

func count(n *int, missing bool) {
	if missing {
		*n++
	}
}
