package vex

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// MostUnused is how many statements that did not apply are told of for each
// document.
const MostUnused = 20

// Apply puts the statements beside the vulnerabilities in the report that they
// are about, and records the documents in it. Products are the names of what
// was scanned: package URLs, digests, or whatever the documents call it. Now
// is the evaluation time: what is said later does not count yet.
//
// A statement applies to a finding if it names the vulnerability, by any of
// its ids, and
//   - its product is what was scanned, and it names no subcomponent, or the
//     package; or
//   - its product is the package; or
//   - its product is a package through which alone the package comes in, and
//     it names no subcomponent, or the package.
//
// Of several, the latest counts; of those of one time, the worst.
func Apply(report *gatehouse.Report, documents []*Document, products []string, now time.Time) {
	a := applier{uses: map[*Document]*gatehouse.VEXDocument{}, now: now}
	for _, p := range append(slices.Clone(products), report.Target.Digest) {
		if p != "" {
			a.targets = append(a.targets, parseName(p))
		}
	}
	byID := map[string][]*statement{}
	for _, d := range documents {
		report.VEX = append(report.VEX, gatehouse.VEXDocument{Path: d.Name, Digest: d.Digest, Format: d.Format, ID: d.ID, Author: d.Author, Statements: len(d.Statements)})
	}
	for i, d := range documents {
		a.uses[d] = &report.VEX[len(report.VEX)-len(documents)+i]
		for k := range d.Statements {
			s := prepare(&d.Statements[k])
			for _, id := range slices.Compact(slices.Sorted(slices.Values(s.Vulnerabilities))) {
				byID[id] = append(byID[id], s)
			}
		}
	}
	a.graph(report.Components)
	for i := range report.Findings {
		f := &report.Findings[i]
		if f.Vulnerability == nil {
			continue
		}
		var said []*statement
		for _, id := range append([]string{f.Rule}, f.Vulnerability.Aliases...) {
			for _, s := range byID[id] {
				if !slices.Contains(said, s) {
					said = append(said, s)
				}
			}
		}
		a.apply(f, said)
	}
	for _, list := range byID {
		for _, s := range list {
			a.unused(s)
		}
	}
	for i := range report.VEX {
		u := report.VEX[i].Unused
		slices.SortFunc(u, func(x, y gatehouse.VEXUnused) int {
			return cmp.Or(strings.Compare(x.Place, y.Place), strings.Compare(x.Reason, y.Reason))
		})
		u = slices.Compact(u)
		report.VEX[i].Unused = u[:min(len(u), MostUnused)]
	}
}

// statement is a statement with its names taken apart.
type statement struct {
	*Statement
	products []product
	// applied is true once it stands beside a finding; why says for the first
	// finding of the vulnerability why it does not.
	applied bool
	why     string
}

type product struct {
	names []name
	parts [][]name
}

func prepare(s *Statement) *statement {
	out := &statement{Statement: s}
	for _, p := range s.Products {
		one := product{names: parseNames(p.IDs)}
		for _, c := range p.Subcomponents {
			one.parts = append(one.parts, parseNames(c))
		}
		out.products = append(out.products, one)
	}
	return out
}

func parseNames(list []string) []name {
	names := make([]name, len(list))
	for i, text := range list {
		names[i] = parseName(text)
	}
	return names
}

func anyCovers(list []name, o name) bool {
	return slices.ContainsFunc(list, func(n name) bool { return n.covers(o) })
}

// hasPart reports whether the package is what the statement is about within
// its product.
func (p *product) hasPart(pkg name) bool {
	return len(p.parts) == 0 || slices.ContainsFunc(p.parts, func(part []name) bool { return anyCovers(part, pkg) })
}

type applier struct {
	targets []name
	uses    map[*Document]*gatehouse.VEXDocument
	now     time.Time
	users   map[node][]node // packages that need a package
	direct  map[node]bool
	names   map[string]name // of package URLs
}

// node is a package as one file names it.
type node struct{ file, purl string }

func (a *applier) graph(components []gatehouse.Component) {
	a.users, a.direct, a.names = map[node][]node{}, map[node]bool{}, map[string]name{}
	for i := range components {
		c := &components[i]
		n := node{c.Location.Path, c.Purl}
		a.direct[n] = a.direct[n] || c.Direct
		for _, d := range c.DependsOn {
			to := node{c.Location.Path, d}
			a.users[to] = append(a.users[to], n)
		}
	}
}

func (a *applier) name(purl string) name {
	n, ok := a.names[purl]
	if !ok {
		n = parseName(purl)
		a.names[purl] = n
	}
	return n
}

func (a *applier) apply(f *gatehouse.Finding, said []*statement) {
	pkg := node{f.Location.Path, f.Vulnerability.Package.Purl}
	var best *statement
	for _, s := range said {
		if s.Time.After(a.now) {
			s.why = cmp.Or(s.why, fmt.Sprintf("it is dated %s, after the evaluation time", s.Time.Format(time.RFC3339)))
			continue
		}
		if !slices.ContainsFunc(s.products, func(p product) bool { return a.about(&p, pkg) }) {
			s.why = cmp.Or(s.why, fmt.Sprintf("it is about %s, which is neither what was scanned, nor %s, nor the only way by which that comes in; if it is what was scanned, say so with --product",
				s.Products[0].IDs[0], f.Vulnerability.Package.Name))
			continue
		}
		if best == nil || s.over(best) {
			best = s
		}
	}
	if best == nil {
		return
	}
	v := &gatehouse.VEX{Status: best.Status, Justification: best.Justification, Statement: best.Text,
		Author: best.document.Author, Document: best.document.Name}
	if !best.Time.IsZero() {
		v.Time = best.Time.Format(time.RFC3339)
	}
	f.Vulnerability.VEX = v
	best.applied = true
	a.uses[best.document].Applied++
	for _, s := range said {
		s.applied = s.applied || s.Time.Before(best.Time) && s.why == ""
	}
}

// about reports whether a product of a statement has the package of a finding.
func (a *applier) about(p *product, pkg node) bool {
	this := a.name(pkg.purl)
	for _, t := range a.targets {
		if anyCovers(p.names, t) && p.hasPart(this) {
			return true
		}
	}
	if len(p.parts) == 0 && anyCovers(p.names, this) {
		return true
	}
	return p.hasPart(this) && a.onlyThrough(p, pkg)
}

// onlyThrough reports whether each way from the target to the package leads
// through the product.
func (a *applier) onlyThrough(p *product, pkg node) bool {
	seen := map[node]bool{pkg: true}
	queue := []node{pkg}
	through := false
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if n != pkg && anyCovers(p.names, a.name(n.purl)) {
			through = true
			continue
		}
		if a.direct[n] || len(a.users[n]) == 0 {
			return false
		}
		for _, u := range a.users[n] {
			if !seen[u] {
				seen[u] = true
				queue = append(queue, u)
			}
		}
	}
	return through
}

// over reports whether s counts rather than o.
func (s *statement) over(o *statement) bool {
	if !s.Time.Equal(o.Time) {
		return s.Time.After(o.Time)
	}
	return badness(s.Status) > badness(o.Status)
}

func badness(status string) int {
	return slices.Index([]string{NotAffected, Fixed, UnderInvestigation, Affected}, status)
}

// unused records a statement about a vulnerability that was found, if it did
// not apply.
func (a *applier) unused(s *statement) {
	if s.applied || s.why == "" {
		return
	}
	use := a.uses[s.document]
	use.Unused = append(use.Unused, gatehouse.VEXUnused{Place: s.Place, Vulnerability: s.Vulnerabilities[0], Reason: s.why})
}
