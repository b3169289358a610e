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
	Installed     bool
	// Ranges are the requirements that this package has of those it needs, by
	// their name, as written; nil if the file does not say.
	Ranges map[string]string
}

// merge takes from a second entry of the same package what this one lacks.
func (p *Package) merge(o Package) {
	p.Requirement = cmp.Or(p.Requirement, o.Requirement)
	p.Workspace = cmp.Or(p.Workspace, o.Workspace)
	p.Deprecated = cmp.Or(p.Deprecated, o.Deprecated)
	p.Declared = cmp.Or(p.Declared, o.Declared)
	p.Origin = cmp.Or(p.Origin, o.Origin)
	p.InstallScript = p.InstallScript || o.InstallScript
	p.Installed = p.Installed || o.Installed
	if o.Scope == gatehouse.ScopeRuntime || p.Scope == "" {
		p.Scope = o.Scope
	}
	p.Hashes = slices.Concat(p.Hashes, o.Hashes)
	slices.Sort(p.Hashes)
	p.Hashes = slices.Compact(p.Hashes)
	if len(p.Ranges) == 0 {
		p.Ranges = o.Ranges
	}
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
	inv.Gaps = append(inv.Gaps, gatehouse.Gap{Code: code, Line: line, Entry: entry, Reason: reason})
}

// Normalise merges entries that are the same package at the same version, so
// that a file has each once, and sorts.
func (inv *Inventory) Normalise() {
	order := func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Eco.Purl, b.Eco.Purl), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID))
	}
	slices.SortStableFunc(inv.Packages, order)
	first := map[string]int{}
	alias := map[string]string{} // id of a merged entry to the id of the kept one
	kept := inv.Packages[:0:0]
	for _, p := range inv.Packages {
		i, ok := first[p.key()]
		if !ok || kept[i].FirstParty != p.FirstParty {
			first[p.key()] = len(kept)
			kept = append(kept, p)
			continue
		}
		k := &kept[i]
		if p.ID != k.ID {
			alias[p.ID] = k.ID
		}
		k.Direct = k.Direct || p.Direct
		k.Dev = k.Dev && p.Dev
		if p.Line > 0 && (k.Line == 0 || p.Line < k.Line) {
			k.Line, k.EndLine = p.Line, p.EndLine
		}
		if len(k.Licenses) == 0 {
			k.Licenses = p.Licenses
		}
		k.merge(p)
		if k.Unmatched == "" {
			k.Unmatched = p.Unmatched
		}
		k.DependsOn = append(slices.Clone(k.DependsOn), p.DependsOn...)
	}
	for i := range kept {
		deps := make([]string, 0, len(kept[i].DependsOn))
		for _, d := range kept[i].DependsOn {
			if to, ok := alias[d]; ok {
				d = to
			}
			if d != kept[i].ID {
				deps = append(deps, d)
			}
		}
		slices.Sort(deps)
		kept[i].DependsOn = slices.Compact(deps)
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
		Licenses: p.Licenses,
		Scope:    p.Scope, Requirement: p.Requirement, Declared: p.Declared, Workspace: p.Workspace,
		Hashes: p.Hashes, Origin: p.Origin, InstallScript: p.InstallScript, Deprecated: p.Deprecated, Installed: p.Installed,
	}
	if c.Location.EndLine <= c.Location.Line {
		c.Location.EndLine = 0
	}
	for _, id := range p.DependsOn {
		if d := byID[id]; d != nil && !d.FirstParty {
			c.DependsOn = append(c.DependsOn, d.Eco.PackageURL(d.Name, d.Version))
		}
	}
	slices.Sort(c.DependsOn)
	c.DependsOn = slices.Compact(c.DependsOn)
	return c
}

// Identity is the package as reports name it.
func (p *Package) Identity() gatehouse.Package {
	return gatehouse.Package{
		Purl:      p.Eco.PackageURL(p.Name, p.Version),
		Ecosystem: p.Eco.Purl,
		Name:      p.Name,
		Version:   p.Version,
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

// BroughtInBy returns the direct dependencies from which p is reached, nearest
// first, and no more than most; empty if p is direct itself or the graph does
// not say.
func (g *Graph) BroughtInBy(p *Package, most int) []*Package {
	start, ok := g.index[p.ID]
	if p.Direct || !ok {
		return nil
	}
	g.searches++
	g.seen[start] = g.searches
	var direct []*Package
	g.queue = append(g.queue[:0], start)
	for next := 0; next < len(g.queue) && len(direct) < most; next++ {
		for _, i := range g.users[g.queue[next]] {
			user := &g.packages[i]
			if g.seen[i] == g.searches || user.FirstParty {
				continue
			}
			g.seen[i] = g.searches
			if user.Direct {
				direct = append(direct, user)
				continue
			}
			g.queue = append(g.queue, i)
		}
	}
	return direct[:min(len(direct), most)]
}

// Written is a version as the files of the ecosystem write it: advisories for
// Go leave out the "v" that go get wants.
func (p *Package) Written(version string) string {
	if p.Eco == Golang && p.Name != "stdlib" && !strings.HasPrefix(version, "v") {
		return "v" + version
	}
	return version
}
