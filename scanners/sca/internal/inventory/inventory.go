package inventory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// Inventory is what one file says: the packages, and what could not be made
// one.
type Inventory struct {
	Packages []Package
	Gaps     []gatehouse.Gap
	// Knows are names that the file has without a package of theirs.
	Knows []string
	// Skip is the reason why the file holds nothing to look at.
	Skip string
}

// Package is a package as a file names it.
type Package struct {
	// ID is unique within the file; dependsOn holds ids.
	ID            string
	Eco           *Ecosystem
	Name, Version string
	Line, EndLine int
	Direct, Dev   bool
	Licenses      []string
	DependsOn     []string
	// FirstParty is true for the project itself and its own parts: they are no
	// components and no advisory is about them.
	FirstParty bool
	// Unmatched says why the package cannot be matched, as a clause: it does
	// not come from the registry whose advisories are known.
	Unmatched string

	// The rest is as in [gatehouse.Component], and empty where the file does
	// not say.
	Scope         gatehouse.Scope
	Requirement   string
	Declared      *gatehouse.Location
	Workspace     string
	Hashes        []string
	Origin        *gatehouse.Origin
	InstallScript bool
	Deprecated    string
	Published     string
	Installed     bool
	// Ranges are the requirements that this package has of those it needs, by
	// their name, as written; nil if the file does not say.
	Ranges map[string]string

	purl string // see url
}

// merge takes from other entries of the same package what this one lacks.
// Where they disagree, what makes more of the package counts: it is shipped if
// one entry is.
func (p *Package) merge(others []Package) {
	if len(others) == 0 {
		return
	}
	own := p.Ranges
	hashes, needs := slices.Clone(p.Hashes), slices.Clone(p.DependsOn)
	for i := range others {
		o := &others[i]
		p.Requirement = cmp.Or(p.Requirement, o.Requirement)
		p.Workspace = cmp.Or(p.Workspace, o.Workspace)
		p.Deprecated = cmp.Or(p.Deprecated, o.Deprecated)
		p.Published = max(p.Published, o.Published)
		p.Declared = cmp.Or(p.Declared, o.Declared)
		switch {
		case p.Origin == bundled: // each copy must be covered
			p.Origin = o.Origin
		case o.Origin != bundled:
			p.Origin = cmp.Or(p.Origin, o.Origin)
		}
		p.Unmatched = cmp.Or(p.Unmatched, o.Unmatched)
		p.InstallScript = p.InstallScript || o.InstallScript
		p.Installed = p.Installed || o.Installed
		p.Direct = p.Direct || o.Direct
		p.Dev = p.Dev && o.Dev
		p.Scope = wider(p.Scope, o.Scope)
		if o.Line > 0 && (p.Line == 0 || o.Line < p.Line) {
			p.Line, p.EndLine = o.Line, o.EndLine
		}
		if len(p.Licenses) == 0 {
			p.Licenses = o.Licenses
		}
		hashes, needs = append(hashes, o.Hashes...), append(needs, o.DependsOn...)
		if len(own) == 0 {
			own = o.Ranges
		}
	}
	p.Ranges = own
	p.Hashes, p.DependsOn = hashes, needs
}

// sortUnique sorts a list, in place, if it is not sorted without repetition.
func sortUnique(list []string) []string {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			slices.Sort(list)
			return slices.Compact(list)
		}
	}
	return list
}

func (p *Package) key() string { return p.Eco.Purl + "\x00" + p.Name + "\x00" + p.Version }

// Label is name@version, or the name if there is no version.
func (p *Package) Label() string {
	if p.Version == "" {
		return p.Name
	}
	return p.Name + "@" + p.Version
}

func (inv *Inventory) add(p Package) {
	if p.ID == "" {
		p.ID = p.Label()
	}
	inv.Packages = append(inv.Packages, p)
}

func (inv *Inventory) gap(code gatehouse.GapCode, line int, entry, reason string) {
	inv.Gaps = append(inv.Gaps, gatehouse.Gap{Code: code, Line: line, Entry: strings.Clone(entry), Reason: reason})
}

// Normalise merges entries that are the same package at the same version, so
// that a file has each once, and sorts.
func (inv *Inventory) Normalise() {
	all := inv.Packages
	same := func(a, b *Package) int {
		return cmp.Or(cmp.Compare(a.Eco.Purl, b.Eco.Purl), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	}
	// Packages are large: what is sorted are their places.
	places := make([]int32, len(all))
	for i := range places {
		places[i] = int32(i)
	}
	slices.SortFunc(places, func(i, j int32) int {
		a, b := &all[i], &all[j]
		if d := same(a, b); d != 0 {
			return d
		}
		if a.FirstParty != b.FirstParty {
			if a.FirstParty {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID), cmp.Compare(i, j))
	})
	alias := map[string]string{} // id of a merged entry to the id of the kept one
	kept := make([]Package, 0, len(all))
	var group []Package
	for i := 0; i < len(places); {
		k := all[places[i]]
		group = group[:0]
		for i++; i < len(places); i++ {
			p := &all[places[i]]
			if same(&k, p) != 0 || k.FirstParty != p.FirstParty {
				break
			}
			if p.ID != k.ID {
				alias[p.ID] = k.ID
			}
			group = append(group, *p)
		}
		k.merge(group)
		kept = append(kept, k)
	}
	for i := range kept {
		p := &kept[i]
		deps := p.DependsOn[:0:0]
		for _, d := range p.DependsOn {
			if to, ok := alias[d]; ok {
				d = to
			}
			if d != p.ID {
				deps = append(deps, d)
			}
		}
		p.DependsOn = sortUnique(deps)
		p.Hashes = sortUnique(p.Hashes)
	}
	inv.Packages = kept
}

// Component describes a package in the bill of materials; byID resolves the
// packages it needs.
func (p *Package) Component(byID map[string]*Package) gatehouse.Component {
	c := gatehouse.Component{
		Package:  p.Identity(),
		Location: gatehouse.Location{Line: p.Line, EndLine: p.EndLine},
		Direct:   p.Direct,
		Dev:      p.Dev,
		Scope:    p.Scope, Requirement: strings.Clone(p.Requirement), Declared: p.Declared, Workspace: p.Workspace,
		Hashes: p.Hashes, Origin: p.Origin, InstallScript: p.InstallScript, Deprecated: strings.Clone(p.Deprecated), Published: p.Published, Installed: p.Installed,
	}
	for _, l := range p.Licenses {
		c.Licenses = append(c.Licenses, strings.Clone(l))
	}
	if c.Location.EndLine <= c.Location.Line {
		c.Location.EndLine = 0
	}
	for _, id := range p.DependsOn {
		if d := byID[id]; d != nil && !d.FirstParty {
			c.DependsOn = append(c.DependsOn, d.url())
		}
	}
	c.DependsOn = sortUnique(c.DependsOn)
	return c
}

// url is the package URL, made once.
func (p *Package) url() string {
	if p.purl == "" {
		p.purl = p.Eco.PackageURL(p.Name, p.Version)
	}
	return p.purl
}

// within is s as a part of a text that is kept anyway, or a copy: what is
// reported must not keep the text of the whole file in memory.
func within(text, s string) string {
	if i := strings.LastIndex(text, s); i >= 0 {
		return text[i : i+len(s)]
	}
	return strings.Clone(s)
}

// Identity is the package as reports name it.
func (p *Package) Identity() gatehouse.Package {
	purl := p.url()
	return gatehouse.Package{
		Purl:      purl,
		Ecosystem: p.Eco.Purl,
		Name:      within(purl, p.Name),
		Version:   within(purl, p.Version),
	}
}

// Graph answers which direct dependencies bring a package in.
type Graph struct {
	packages []Package
	ByID     map[string]*Package
	index    map[string]int // of each id
	users    [][]int        // of each package
	seen     []int          // the search that saw a package last
	searches int
	queue    []int // reused
	// toward is for each package that the last search saw the next one on the
	// way to where it started.
	toward []int32
}

// NewGraph makes the graph of the packages of one file.
func NewGraph(packages []Package) *Graph {
	g := &Graph{packages: packages, ByID: make(map[string]*Package, len(packages)), index: make(map[string]int, len(packages)),
		users: make([][]int, len(packages)), seen: make([]int, len(packages))}
	for i := range packages {
		g.ByID[packages[i].ID] = &packages[i]
		g.index[packages[i].ID] = i
	}
	for i := range packages {
		for _, d := range packages[i].DependsOn {
			if k, ok := g.index[d]; ok {
				g.users[k] = append(g.users[k], i)
			}
		}
	}
	return g
}

// Written is a version as the files of the ecosystem write it: advisories for
// Go leave out the "v" that go get wants.
func (p *Package) Written(version string) string {
	if p.Eco == Golang && p.Name != "stdlib" && !strings.HasPrefix(version, "v") {
		return "v" + version
	}
	return version
}
