package sca

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

// knownDB knows the advisories of one package.
type knownDB struct {
	list    []vulndb.Advisory
	details map[string]vulndb.Detail
}

func (k *knownDB) Advisories(string, string) ([]vulndb.Advisory, error) { return k.list, nil }

func (k *knownDB) Details(id string) (vulndb.Detail, bool, error) {
	d, ok := k.details[id]
	return d, ok, nil
}

func (*knownDB) All(string) iter.Seq2[vulndb.PackageAdvisory, error] {
	return func(func(vulndb.PackageAdvisory, error) bool) {}
}

func (*knownDB) Systems() []string { return nil }

func (*knownDB) Info() gatehouse.Database { return gatehouse.Database{} }

func high() vulndb.Detail { return vulndb.Detail{Severity: gatehouse.SeverityHigh} }

func TestUpgrade(t *testing.T) {
	db := &knownDB{
		list: []vulndb.Advisory{
			{ID: "CVE-A", VulnerableVersions: []string{"<1.2.6", ">=2.0.0, <2.1.0"}},
			{ID: "CVE-B", VulnerableVersions: []string{"<1.3.0"}},
			{ID: "CVE-LOW", VulnerableVersions: []string{"<1.9.0"}},
			{ID: "CVE-OPEN", VulnerableVersions: []string{">=3.0.0"}},
		},
		details: map[string]vulndb.Detail{"CVE-A": high(), "CVE-B": high(), "CVE-OPEN": high(), "CVE-LOW": {Severity: gatehouse.SeverityLow}},
	}
	declared := &gatehouse.Location{Path: "package.json", Line: 7}
	for _, c := range []struct {
		name, file string
		eco        *inventory.Ecosystem
		p          inventory.Package
		users      []inventory.Package
		rule       string
		want       string // package, from, to, line and how
	}{
		{"admitted", "package-lock.json", inventory.NPM, inventory.Package{Version: "1.0.0", Direct: true, Requirement: "^1.0.0", Declared: declared}, nil, "CVE-A",
			`p 1.0.0 → "" package.json:7: npm update p: "^1.0.0" allows 1.3.0 already; 1.2.6 has this fixed too, but is affected by CVE-B`},
		{"not admitted", "package-lock.json", inventory.NPM, inventory.Package{Version: "1.0.0", Direct: true, Requirement: "~1.0.0", Declared: declared}, nil, "CVE-B",
			`p 1.0.0 → "1.3.0" package.json:7: npm install p@1.3.0: "~1.0.0" does not allow 1.3.0`},
		{"another line", "pnpm-lock.yaml", inventory.NPM, inventory.Package{Version: "2.0.0", Direct: true}, nil, "CVE-A",
			`p 2.0.0 → "2.1.0": pnpm update --depth Infinity p; if that does not reach 2.1.0, pnpm update p@2.1.0`},
		{"open", "package-lock.json", inventory.NPM, inventory.Package{Version: "3.0.0", Direct: true}, nil, "CVE-OPEN", "none; fix: replace p"},
		{"lockfile is old", "yarn.lock", inventory.NPM, inventory.Package{Version: "1.0.0"},
			[]inventory.Package{{Name: "a", Version: "1.0.0", Direct: true, Ranges: map[string]string{"p": "^1.0.0"}}}, "CVE-B",
			`a 1.0.0 → "": yarn upgrade p: those that need it allow 1.3.0`},
		{"override", "package-lock.json", inventory.NPM, inventory.Package{Version: "1.0.0"},
			[]inventory.Package{{Name: "a", Version: "1.0.0", Direct: true, Ranges: map[string]string{"p": "1.0.0"}}}, "CVE-B",
			`p 1.0.0 → "1.3.0" package.json: add "overrides": {"p": "1.3.0"} to package.json, then npm install: a@1.0.0 asks for p 1.0.0; a newer`},
		{"ranges not known", "poetry.lock", inventory.PyPI, inventory.Package{Version: "1.0.0"},
			[]inventory.Package{{Name: "a", Version: "1.0.0", Direct: true}}, "CVE-B",
			`p 1.0.0 → "1.3.0" pyproject.toml: poetry update p; if that does not reach 1.3.0, poetry add "p>=1.3.0"`},
		{"nothing can overrule", "Gemfile.lock", inventory.Gem, inventory.Package{Version: "1.0.0"},
			[]inventory.Package{{Name: "a", Version: "1.0.0", Direct: true, Ranges: map[string]string{"p": "= 1.0.0"}}}, "CVE-B",
			"none; fix: upgrade p to 1.3.0 or later; it comes in through a 1.0.0; but a@1.0.0 asks for p = 1.0.0, so look for"},
		{"go", "a/go.mod", inventory.Golang, inventory.Package{Version: "v1.0.0", Line: 5, Direct: true}, nil, "CVE-B",
			`p v1.0.0 → "v1.3.0" a/go.mod:5: go get p@v1.3.0`},
		{"go itself", "go.mod", inventory.Golang, inventory.Package{Name: "stdlib", Version: "v1.0.0", Line: 3}, nil, "CVE-B",
			`stdlib v1.0.0 → "1.3.0" go.mod:3: go get go@1.3.0`},
		{"cargo", "Cargo.lock", inventory.Cargo, inventory.Package{Version: "1.0.0"},
			[]inventory.Package{{Name: "a", Version: "1.0.0", Direct: true, Ranges: map[string]string{"p": "1"}}}, "CVE-B",
			`a 1.0.0 → "": cargo update -p p@1.0.0 --precise 1.3.0: those`},
		{"a requirement", "requirements.txt", inventory.PyPI, inventory.Package{Version: "1.0.0", Line: 2, Direct: true, Requirement: "==1.0.0"}, nil, "CVE-B",
			`p 1.0.0 → "1.3.0" requirements.txt:2: write p==1.3.0`},
		{"a file of another kind", "x.unknown", inventory.NPM, inventory.Package{Version: "1.0.0", Direct: true}, nil, "CVE-B", `p 1.0.0 → "1.3.0": move p to 1.3.0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.p
			p.Eco = c.eco
			if p.Name == "" {
				p.Name = "p"
			}
			p.ID = p.Name
			packages := []inventory.Package{p}
			for _, u := range c.users {
				u.Eco, u.ID, u.DependsOn = c.eco, u.Name, []string{p.ID}
				packages = append(packages, u)
			}
			m := newMatcher(db)
			in := &place{c.file, inventory.NewGraph(packages), managerOf(c.file, nil)}
			hits, problems, err := m.match(&packages[0])
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			i := slices.IndexFunc(hits, func(a advisory) bool { return a.ID == c.rule })
			if i < 0 {
				t.Fatalf("%s is not among %d hits", c.rule, len(hits))
			}
			f, err := m.finding(in, &packages[0], hits[i:i+1])
			if err != nil {
				t.Fatal(err)
			}
			got := "none; fix: " + f.Fix
			if u := f.Vulnerability.Upgrade; u != nil {
				got = fmt.Sprintf("%s %s → %q", u.Package, u.From, u.To)
				if u.Location != nil {
					got += " " + u.Location.String()
				}
				got += ": " + u.How
			}
			if !strings.HasPrefix(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestPaths: a graph with 2^30 ways to the package, and with cycles.
func TestPaths(t *testing.T) {
	var packages []inventory.Package
	const layers = 30
	for i := range layers {
		for _, side := range []string{"a", "b"} {
			p := inventory.Package{ID: fmt.Sprint(side, i), Name: fmt.Sprint(side, i), Version: "1", Eco: inventory.NPM, Direct: i == layers-1 || i == 3}
			if i > 0 {
				p.DependsOn = []string{fmt.Sprint("a", i-1), fmt.Sprint("b", i-1), fmt.Sprint(side, i)}
			}
			packages = append(packages, p)
		}
	}
	packages[0].DependsOn = []string{fmt.Sprint("a", layers-2)}
	g := inventory.NewGraph(packages)
	var got []string
	for _, path := range g.Paths(&packages[0], mostPaths) {
		var names []string
		for _, p := range path {
			names = append(names, p.Name)
		}
		got = append(got, strings.Join(names, " "))
	}
	if want := []string{"a3 a2 a1 a0", "b3 a2 a1 a0"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestManagers: each text of a package manager is whole.
func TestManagers(t *testing.T) {
	p := &inventory.Package{Name: "x", Version: "1", Eco: inventory.NPM}
	for _, m := range append(managers, yarnBerry) {
		for _, text := range []string{m.refresh, m.set, m.override} {
			if got := fill(text, p, "2"); strings.Contains(got, "{version}") || strings.Contains(got, "{name}") {
				t.Errorf("%q becomes %q", text, got)
			}
		}
		if m.set == "" && m.refresh == "" {
			t.Errorf("%v has no commands", m.files)
		}
	}
}
