package iac

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// folderOf is where a check of our own lies.
func folderOf(c *checks.Check) string {
	typ := string(c.Selectors[0].Type)
	return filepath.Join("rules", typ, strings.ReplaceAll(strings.TrimPrefix(c.Aliases[0], typ+"-"), "-", "_"))
}

// Each check of our own objects to its bad samples and leaves the good ones
// alone, and has what its folder must have.
func TestRuleSamples(t *testing.T) {
	sc, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := loadRules(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	folders, err := fs.Glob(os.DirFS("rules"), "*/*")
	if err != nil || len(folders) != len(set.Checks) {
		t.Fatalf("%d folders for %d checks: %v", len(folders), len(set.Checks), err)
	}
	for _, c := range set.Checks {
		t.Run(c.ID, func(t *testing.T) {
			if readme, err := os.ReadFile(filepath.Join(folderOf(c), "README.md")); err != nil || !strings.HasPrefix(string(readme), "# "+c.ID+": "+c.Title) {
				t.Errorf("README.md does not start with id and title (%v)", err)
			}
			if len(c.Controls) == 0 || c.Fix == "" || c.Description == "" || len(c.References) == 0 {
				t.Errorf("the metadata is not complete: %+v", c)
			}
			kinds := map[string]int{}
			for _, s := range readSamples(t, filepath.Join(folderOf(c), "samples.txtar")) {
				kinds[s.kind]++
				r := scannertest.Scan(t, sc, s.files)
				for _, g := range r.Coverage.Gaps {
					if !strings.Contains(g.Reason, "remote") { // what is elsewhere is not fetched
						t.Errorf("%s: gap: %+v", s.name, g)
					}
				}
				if fired := slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool { return f.Rule == c.ID }); fired != (s.kind == "bad") {
					t.Errorf("%s: fired is %v\n%s", s.name, fired, s.files)
				}
				if s.kind == "good" && len(r.Findings) > 0 && r.Findings[0].Location.Line < 1 {
					t.Errorf("%s: a finding has no line: %+v", s.name, r.Findings[0])
				}
			}
			if kinds["bad"] == 0 || kinds["good"] == 0 {
				t.Errorf("there must be bad and good samples: %v", kinds)
			}
		})
	}
}

// The table in the documentation is that of the checks.
func TestRuleDocs(t *testing.T) {
	set, err := loadRules(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	const name = "../../docs/infrastructure.md"
	const begin, end = "<!-- The table is written by go test ./scanners/iac -run TestRuleDocs -update -->\n", "<!-- end of the table -->\n"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has not the lines %q and %q", name, begin, end)
	}
	var b strings.Builder
	b.WriteString(head + begin + "\n| check | severity | what it objects to | control |\n|---|---|---|---|\n")
	for _, c := range set.Checks {
		fmt.Fprintf(&b, "| [%s](../scanners/iac/%s/README.md) | %s | %s | %s |\n", c.ID, filepath.ToSlash(folderOf(c)), c.Severity, c.Title, strings.Join(c.Controls, ", "))
	}
	b.WriteString("\n" + end + tail)
	if b.String() == string(page) {
		return
	}
	if !*update {
		t.Fatalf("%s is not up to date; run this test with -update", name)
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
