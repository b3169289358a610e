package inventory

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// facts writes all that is known about a package, but for what is empty.
func facts(p *Package) string {
	s := fmt.Sprintf("%s:%d", p.Label(), p.Line)
	add := func(name, value string) {
		if value != "" {
			s += " " + name + "=" + value
		}
	}
	flag := func(name string, is bool) {
		if is {
			s += " " + name
		}
	}
	flag("own", p.FirstParty)
	flag("direct", p.Direct)
	flag("dev", p.Dev)
	add("scope", string(p.Scope))
	add("asks", p.Requirement)
	if p.Declared != nil {
		add("at", p.Declared.String())
	}
	add("in", p.Workspace)
	for _, h := range p.Hashes {
		algorithm, sum, _ := strings.Cut(h, ":")
		add("hash", algorithm+":"+sum[:min(len(sum), 4)])
	}
	if o := p.Origin; o != nil {
		add("from", o.Kind+"("+strings.TrimSpace(o.URL+" "+o.Revision[:min(len(o.Revision), 6)])+")")
		flag("floating", !o.Pinned)
	}
	flag("script", p.InstallScript)
	add("deprecated", p.Deprecated)
	flag("installed", p.Installed)
	flag("unmatched", p.Unmatched != "")
	if len(p.DependsOn) > 0 {
		add("needs", strings.Join(p.DependsOn, ","))
	}
	for _, k := range slices.Sorted(maps.Keys(p.Ranges)) {
		add(k, "("+p.Ranges[k]+")")
	}
	add("license", strings.Join(p.Licenses, ","))
	return s
}

// parseWith parses a lockfile with the files beside it.
func parseWith(t *testing.T, path, text string, others map[string]string) Inventory {
	t.Helper()
	f := &Lockfile{Path: path, Data: []byte(text), Others: map[string]*gatehouse.File{}}
	for p, s := range others {
		f.Others[p] = &gatehouse.File{FileInfo: gatehouse.FileInfo{Path: p}, Data: []byte(s)}
	}
	inv, err := Safely(f, FormatOf(path).Parse)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	inv.Normalise()
	return inv
}

var update = flag.Bool("update", false, "write the golden files")

// TestFacts: each format says all that its files hold. What it is expected to
// say is in testdata/facts.golden.
func TestFacts(t *testing.T) {
	const golden = "testdata/facts.golden"
	var b strings.Builder
	for _, c := range factCases {
		inv := parseWith(t, c.path, c.text, c.others)
		fmt.Fprintf(&b, "# %s\n", c.path)
		for i := range inv.Packages {
			b.WriteString(facts(&inv.Packages[i]) + "\n")
		}
		for _, g := range inv.Gaps {
			t.Errorf("%s: gap %+v", c.path, g)
		}
	}
	got := b.String()
	if strings.Contains(got, "hidden") {
		t.Error("a password is in what is said")
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	lines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if strings.HasPrefix(line, "# ") {
			section = line
		}
		if i >= len(lines) || line != lines[i] {
			t.Fatalf("%s: got\n%s\nwant\n%s", section, line, lines[min(i, len(lines)-1)])
		}
	}
	if len(got) != len(want) {
		t.Error("the golden file has more")
	}
}
