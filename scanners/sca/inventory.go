package sca

import (
	"cmp"
	"slices"

	"github.com/gatehouse-sec/gatehouse"
)

// inventory is what one file says: the packages, and what could not be made
// one.
type inventory struct {
	packages []pkg
	gaps     []gatehouse.Gap
	// skip is the reason why the file holds nothing to look at.
	skip string
}

// pkg is a package as a file names it.
type pkg struct {
	// id is unique within the file; dependsOn holds ids.
	id            string
	eco           *ecosystem
	name, version string
	line, endLine int
	direct, dev   bool
	licenses      []string
	dependsOn     []string
	// firstParty is true for the project itself and its own parts: they are no
	// components and no advisory is about them.
	firstParty bool
	// unmatched says why the package cannot be matched, as a clause: it does
	// not come from the registry whose advisories are known.
	unmatched string
}

func (p *pkg) key() string { return p.eco.purl + "\x00" + p.name + "\x00" + p.version }

func (p *pkg) label() string {
	if p.version == "" {
		return p.name
	}
	return p.name + "@" + p.version
}

func (inv *inventory) add(p pkg) {
	if p.id == "" {
		p.id = p.label()
	}
	inv.packages = append(inv.packages, p)
}

func (inv *inventory) gap(code gatehouse.GapCode, line int, entry, reason string) {
	inv.gaps = append(inv.gaps, gatehouse.Gap{Code: code, Line: line, Entry: entry, Reason: reason})
}

// normalise merges entries that are the same package at the same version, so
// that a file has each once, and sorts.
func (inv *inventory) normalise() {
	order := func(a, b pkg) int {
		return cmp.Or(cmp.Compare(a.eco.purl, b.eco.purl), cmp.Compare(a.name, b.name), cmp.Compare(a.version, b.version),
			cmp.Compare(a.line, b.line), cmp.Compare(a.id, b.id))
	}
	slices.SortStableFunc(inv.packages, order)
	first := map[string]int{}
	alias := map[string]string{} // id of a merged entry to the id of the kept one
	kept := inv.packages[:0:0]
	for _, p := range inv.packages {
		i, ok := first[p.key()]
		if !ok || kept[i].firstParty != p.firstParty {
			first[p.key()] = len(kept)
			kept = append(kept, p)
			continue
		}
		k := &kept[i]
		if p.id != k.id {
			alias[p.id] = k.id
		}
		k.direct = k.direct || p.direct
		k.dev = k.dev && p.dev
		if p.line > 0 && (k.line == 0 || p.line < k.line) {
			k.line, k.endLine = p.line, p.endLine
		}
		if len(k.licenses) == 0 {
			k.licenses = p.licenses
		}
		if k.unmatched == "" {
			k.unmatched = p.unmatched
		}
		k.dependsOn = append(slices.Clone(k.dependsOn), p.dependsOn...)
	}
	for i := range kept {
		deps := make([]string, 0, len(kept[i].dependsOn))
		for _, d := range kept[i].dependsOn {
			if to, ok := alias[d]; ok {
				d = to
			}
			if d != kept[i].id {
				deps = append(deps, d)
			}
		}
		slices.Sort(deps)
		kept[i].dependsOn = slices.Compact(deps)
	}
	inv.packages = kept
}

// component describes a package in the bill of materials; byID resolves the
// packages it needs.
func (p *pkg) component(byID map[string]*pkg) gatehouse.Component {
	c := gatehouse.Component{
		Package:  p.identity(),
		Location: gatehouse.Location{Line: p.line, EndLine: p.endLine},
		Direct:   p.direct,
		Dev:      p.dev,
		Licenses: p.licenses,
	}
	if c.Location.EndLine <= c.Location.Line {
		c.Location.EndLine = 0
	}
	for _, id := range p.dependsOn {
		if d := byID[id]; d != nil && !d.firstParty {
			c.DependsOn = append(c.DependsOn, d.eco.packageURL(d.name, d.version))
		}
	}
	slices.Sort(c.DependsOn)
	c.DependsOn = slices.Compact(c.DependsOn)
	return c
}

func (p *pkg) identity() gatehouse.Package {
	return gatehouse.Package{
		Purl:      p.eco.packageURL(p.name, p.version),
		Ecosystem: p.eco.purl,
		Name:      p.name,
		Version:   p.version,
	}
}

// graph answers which direct dependencies bring a package in.
type graph struct {
	packages []pkg
	byID     map[string]*pkg
	users    map[string][]*pkg // by id
}

func newGraph(packages []pkg) *graph {
	g := &graph{packages: packages, byID: make(map[string]*pkg, len(packages)), users: map[string][]*pkg{}}
	for i := range packages {
		p := &packages[i]
		g.byID[p.id] = p
		for _, d := range p.dependsOn {
			g.users[d] = append(g.users[d], p)
		}
	}
	return g
}

// broughtInBy returns the direct dependencies from which p is reached, nearest
// first; empty if p is direct itself or the graph does not say.
func (g *graph) broughtInBy(p *pkg) []*pkg {
	if p.direct {
		return nil
	}
	var direct []*pkg
	seen := map[string]bool{p.id: true}
	for queue := []*pkg{p}; len(queue) > 0; queue = queue[1:] {
		for _, user := range g.users[queue[0].id] {
			if seen[user.id] || user.firstParty {
				continue
			}
			seen[user.id] = true
			if user.direct {
				direct = append(direct, user)
				continue
			}
			queue = append(queue, user)
		}
	}
	return direct
}
