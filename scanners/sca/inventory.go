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
	// knows are names that the file has without a package of theirs.
	knows []string
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
	index    map[string]int // of each id
	users    [][]int        // of each package
	seen     []int          // the search that saw a package last
	searches int
	queue    []int // reused
}

func newGraph(packages []pkg) *graph {
	g := &graph{packages: packages, byID: make(map[string]*pkg, len(packages)), index: make(map[string]int, len(packages)),
		users: make([][]int, len(packages)), seen: make([]int, len(packages))}
	for i := range packages {
		g.byID[packages[i].id] = &packages[i]
		g.index[packages[i].id] = i
	}
	for i := range packages {
		for _, d := range packages[i].dependsOn {
			if k, ok := g.index[d]; ok {
				g.users[k] = append(g.users[k], i)
			}
		}
	}
	return g
}

// broughtInBy returns the direct dependencies from which p is reached, nearest
// first, and no more than most; empty if p is direct itself or the graph does
// not say.
func (g *graph) broughtInBy(p *pkg, most int) []*pkg {
	start, ok := g.index[p.id]
	if p.direct || !ok {
		return nil
	}
	g.searches++
	g.seen[start] = g.searches
	var direct []*pkg
	g.queue = append(g.queue[:0], start)
	for next := 0; next < len(g.queue) && len(direct) < most; next++ {
		for _, i := range g.users[g.queue[next]] {
			user := &g.packages[i]
			if g.seen[i] == g.searches || user.firstParty {
				continue
			}
			g.seen[i] = g.searches
			if user.direct {
				direct = append(direct, user)
				continue
			}
			g.queue = append(g.queue, i)
		}
	}
	return direct[:min(len(direct), most)]
}
