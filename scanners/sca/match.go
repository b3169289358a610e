package sca

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/version"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

// Database is what the scanner needs of a vulnerability database. Ecosystems
// and names are those of trivy-db; [vulndb.DB] is one. Its methods are called
// concurrently.
type Database interface {
	// Advisories returns all advisories about a package.
	Advisories(ecosystem, name string) ([]vulndb.Advisory, error)
	// Details returns what is known about a problem, and whether there is
	// anything.
	Details(id string) (vulndb.Detail, bool, error)
	// All yields the advisories of an ecosystem.
	All(ecosystem string) iter.Seq2[vulndb.PackageAdvisory, error]
	// Systems are the operating systems for which there are advisories.
	Systems() []string
	// Info identifies the content.
	Info() gatehouse.Database
}

// matcher finds the advisories that apply to packages. What it reads from the
// database it keeps.
type matcher struct {
	db         Database
	mu         sync.RWMutex // of packages
	packages   map[packageKey]*packageAdvisories
	ecosystems sync.Map // ecosystem to *known
	details    sync.Map // id to *detail
}

func newMatcher(db Database) *matcher {
	return &matcher{db: db, packages: map[packageKey]*packageAdvisories{}}
}

// packageKey is a package by the name of its ecosystem in the database and its
// own.
type packageKey struct{ ecosystem, name string }

type known struct {
	once sync.Once
	any  bool
	err  error
}

type packageAdvisories struct {
	once sync.Once
	list []advisory
	err  error
	// fixed is what [fixedVersions] gives, once it is asked for.
	fixedOnce sync.Once
	fixed     []fixedVersion
}

type detail struct {
	once sync.Once
	vulndb.Detail
	err error
}

// advisory is an advisory with its ranges compiled.
type advisory struct {
	vulndb.Advisory
	vulnerable, safe *version.Range
	// bad says what cannot be read of the ranges.
	bad error
}

// crashed makes a crash of a look-up an error for all who ask for the same:
// what it leaves behind would look like no advisories. To be deferred.
func crashed(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the vulnerability database could not be read: %v", r)
	}
}

// covers reports whether the database has any advisory for the ecosystem.
func (m *matcher) covers(eco *inventory.Ecosystem) (bool, error) {
	if eco.Database == "" {
		return false, nil
	}
	v, _ := m.ecosystems.LoadOrStore(eco.Database, &known{})
	k := v.(*known)
	k.once.Do(func() {
		defer crashed(&k.err)
		for _, err := range m.db.All(eco.Database) {
			k.any, k.err = err == nil, err
			return
		}
	})
	return k.any, k.err
}

// about returns what is known about a package.
func (m *matcher) about(eco *inventory.Ecosystem, name string) (*packageAdvisories, error) {
	p := m.entry(packageKey{eco.Database, name})
	p.once.Do(func() {
		defer crashed(&p.err)
		var seen map[string]bool
		for _, n := range databaseNames(eco, name) {
			list, err := m.db.Advisories(eco.Database, n)
			if err != nil {
				p.err = err
				return
			}
			if seen == nil && len(list) > 0 {
				seen = map[string]bool{}
			}
			for _, a := range list {
				if key := a.Source.ID + "\x00" + a.Source.Name + "\x00" + a.ID; !seen[key] {
					seen[key] = true
					p.list = append(p.list, compile(eco, a))
				}
			}
		}
	})
	return p, p.err
}

// entry returns the place of a package, and makes it if there is none.
func (m *matcher) entry(key packageKey) *packageAdvisories {
	m.mu.RLock()
	p := m.packages[key]
	m.mu.RUnlock()
	if p != nil {
		return p
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if p = m.packages[key]; p == nil {
		p = &packageAdvisories{}
		key.name = strings.Clone(key.name) // it must not keep the text of a file
		m.packages[key] = p
	}
	return p
}

// databaseNames are the names under which a package may be in the database.
// Python names are kept with their dots, and lockfiles may have lost them.
func databaseNames(eco *inventory.Ecosystem, name string) []string {
	names := []string{name}
	if eco != inventory.PyPI && eco != inventory.CocoaPods {
		return names
	}
	if eco == inventory.PyPI {
		plain := inventory.PythonName(name)
		names = append(names, plain, strings.ReplaceAll(plain, "-", "."), strings.Replace(plain, "-", ".", 1))
	}
	if eco == inventory.CocoaPods {
		// Advisories are about pods; a subspec is a part of one.
		root, _, _ := strings.Cut(name, "/")
		names = append(names, root)
	}
	var unique []string
	seen := map[string]bool{}
	for _, n := range names {
		if key := vulndb.NormalizeName(eco.Database, n); !seen[key] {
			seen[key] = true
			unique = append(unique, n)
		}
	}
	return unique
}

func compile(eco *inventory.Ecosystem, a vulndb.Advisory) advisory {
	if a.FixedVersion != "" && len(a.VulnerableVersions)+len(a.PatchedVersions) == 0 {
		a.VulnerableVersions = []string{"<" + a.FixedVersion} // as distributions say it
	}
	c := advisory{Advisory: a}
	if c.vulnerable, c.bad = eco.Compare.ParseRange(a.VulnerableVersions); c.bad != nil {
		return c
	}
	c.safe, c.bad = eco.Compare.ParseRange(slices.Concat(a.PatchedVersions, a.UnaffectedVersions))
	return c
}

// affects reports whether the version has the problem. As trivy decides in
// compare.IsVulnerable: an empty range in either list means that all versions
// have it.
func (a *advisory) affects(v version.Version) bool {
	if a.vulnerable.Any || a.safe.Any {
		return true
	}
	if len(a.VulnerableVersions) > 0 && !a.vulnerable.Contains(v) {
		return false
	}
	if len(a.PatchedVersions)+len(a.UnaffectedVersions) == 0 {
		return true // also if it says nothing at all about versions
	}
	return !a.safe.Contains(v)
}

// unmatchable is why a package could not be compared with an advisory.
type unmatchable struct{ reason string }

// match returns the advisories that apply to a package, and why it could not
// be matched with some or all of them.
func (m *matcher) match(p *inventory.Package) (hits []advisory, problems []unmatchable, err error) {
	known, err := m.about(p.Eco, p.Name)
	if err != nil || len(known.list) == 0 {
		return nil, nil, err
	}
	list := known.list
	if p.Unmatched != "" {
		return nil, []unmatchable{{fmt.Sprintf("there are advisories about %s, but %s", p.Name, p.Unmatched)}}, nil
	}
	v, err := p.Eco.Compare.Parse(p.Version)
	for _, a := range list {
		switch {
		case a.bad != nil:
			problems = append(problems, unmatchable{fmt.Sprintf("advisory %s about %s could not be compared: %v", a.ID, p.Name, a.bad)})
		case a.vulnerable.Any || a.safe.Any:
			hits = append(hits, a)
		case err != nil:
		case a.affects(v):
			hits = append(hits, a)
		}
	}
	if err != nil {
		reason := fmt.Sprintf("there are advisories about %s, but its version %q could not be compared; check by hand whether they apply", p.Name, p.Version)
		if p.Version == "" {
			reason = fmt.Sprintf("there are advisories about %s, but its version is not known", p.Name)
		}
		problems = append(problems, unmatchable{reason})
	}
	return hits, problems, nil
}

// fold groups advisories that are the same one under several names, each
// group with the id to use first.
func fold(hits []advisory) [][]advisory {
	group := make([]int, len(hits))
	owner := map[string]int{} // id to index
	find := func(i int) int {
		for group[i] != i {
			i = group[i]
		}
		return i
	}
	for i, a := range hits {
		group[i] = i
		for _, id := range append([]string{a.ID}, a.Aliases...) {
			if j, ok := owner[id]; ok {
				a, b := find(i), find(j)
				group[max(a, b)] = min(a, b)
				continue
			}
			owner[id] = i
		}
	}
	at := map[int]int{}
	var folded [][]advisory
	for i, a := range hits {
		root := find(i)
		k, ok := at[root]
		if !ok {
			k = len(folded)
			at[root] = k
			folded = append(folded, nil)
		}
		folded[k] = append(folded[k], a)
	}
	for _, g := range folded {
		slices.SortStableFunc(g, func(a, b advisory) int {
			if d := idRank(a.ID) - idRank(b.ID); d != 0 {
				return d
			}
			return strings.Compare(a.ID, b.ID)
		})
	}
	slices.SortFunc(folded, func(a, b []advisory) int { return strings.Compare(a[0].ID, b[0].ID) })
	return folded
}

// idRank orders ids by how well they are known.
func idRank(id string) int {
	for i, prefix := range []string{"MAL-", "CVE-", "GHSA-"} {
		if strings.HasPrefix(id, prefix) {
			return i
		}
	}
	return 3
}

// fixes returns the versions that advisories name as fixed and that none of
// them affects, oldest first, and the oldest of them that is newer than the
// installed version; empty if there is none.
func fixes(p *inventory.Package, group []advisory) (all []string, next string) {
	installed, err := p.Eco.Compare.Parse(p.Version)
	type fixed struct {
		text string
		v    version.Version
	}
	var list []fixed
	seen := map[string]bool{}
	add := func(text string) {
		text = strings.TrimSpace(text)
		v, err := p.Eco.Compare.Parse(text)
		if text == "" || err != nil || seen[text] {
			return
		}
		// What one source calls fixed, another may still call affected.
		if slices.ContainsFunc(group, func(a advisory) bool { return a.affects(v) }) {
			return
		}
		seen[text] = true
		list = append(list, fixed{text, v})
	}
	for i := range group {
		patched := group[i].patchedVersions()
		for _, text := range patched {
			add(text)
		}
		if len(patched) == 0 && err == nil {
			for _, b := range group[i].vulnerable.UpperBounds(installed) {
				add(b)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b fixed) int { return a.v.Compare(b.v) })
	for _, f := range list {
		all = append(all, f.text)
		if next == "" && err == nil && f.v.Compare(installed) > 0 {
			next = f.text
		}
	}
	return all, next
}

// patchedText is one comparison of a range.
var patchedText = regexp.MustCompile(`([<>=!~^]*)\s*(v?[0-9][^\s,<>=|]*)`)

// patchedVersions are the versions from which on the ranges are that an
// advisory calls patched: "~> 8.0.4, >= 8.0.4.1" has 8.0.4 and 8.0.4.1, of which
// the caller sorts out the first.
func (a *advisory) patchedVersions() (texts []string) {
	for _, r := range a.PatchedVersions {
		for _, m := range patchedText.FindAllStringSubmatch(r, -1) {
			if !strings.HasPrefix(m[1], "<") && m[1] != ">" && !strings.HasPrefix(m[1], "!") {
				texts = append(texts, m[2])
			}
		}
	}
	return texts
}

// goodVersions are all versions that an advisory names as good.
func (a *advisory) goodVersions() []string {
	texts := a.patchedVersions()
	if len(texts) == 0 && a.bad == nil {
		texts = a.vulnerable.Ends()
	}
	return texts
}

// severityOf is that of an advisory for its package, by its source.
func (m *matcher) severityOf(a *advisory) (gatehouse.Severity, error) {
	d, err := m.detail(a.ID)
	return max(a.Severity, d.SeverityOf(a.Source.ID)), err
}

// detail returns what is known about an advisory.
func (m *matcher) detail(id string) (vulndb.Detail, error) {
	v, _ := m.details.LoadOrStore(id, &detail{})
	d := v.(*detail)
	d.once.Do(func() {
		defer crashed(&d.err)
		d.Detail, _, d.err = m.db.Details(id)
	})
	return d.Detail, d.err
}
