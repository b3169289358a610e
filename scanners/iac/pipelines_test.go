package iac

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// sample is a target of samples.txtar.
type sample struct {
	kind  string // "bad", "good", or "strict": bad only if asked for strictness
	name  string // "bad/1"
	files map[string]string
}

func readSamples(t *testing.T, name string) []sample {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []sample
	file := ""
	for line := range strings.Lines(string(data)) {
		header, ok := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		if ok {
			parts := strings.SplitN(strings.TrimSuffix(header, " --"), "/", 3)
			if len(parts) < 3 {
				t.Fatalf("%s: %q is no path of a sample", name, line)
			}
			id := parts[0] + "/" + parts[1]
			if len(all) == 0 || all[len(all)-1].name != id {
				all = append(all, sample{kind: parts[0], name: id, files: map[string]string{}})
			}
			file = parts[2]
			all[len(all)-1].files[file] = ""
		} else if len(all) > 0 {
			all[len(all)-1].files[file] += line
		}
	}
	return all
}

// Each check of pipelines objects to its bad samples and leaves the good ones
// alone, and has what its folder must have.
func TestPipelineSamples(t *testing.T) {
	sc, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	strict, err := New(Options{StrictPipelines: true})
	if err != nil {
		t.Fatal(err)
	}
	set, err := loadPipelineChecks(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	folders, err := fs.Glob(os.DirFS("pipelines"), "*")
	if err != nil || len(folders) != len(set.Checks) {
		t.Fatalf("%d folders for %d checks: %v", len(folders), len(set.Checks), err)
	}
	for _, c := range set.Checks {
		folder := filepath.Join("pipelines", strings.ReplaceAll(strings.TrimPrefix(c.Aliases[0], "pipeline-"), "-", "_"))
		t.Run(c.ID, func(t *testing.T) {
			if readme, err := os.ReadFile(filepath.Join(folder, "README.md")); err != nil || !strings.HasPrefix(string(readme), "# "+c.ID+": "+c.Title) {
				t.Errorf("README.md does not start with id and title (%v)", err)
			}
			if len(c.Controls) == 0 || c.Fix == "" || c.Description == "" || len(c.References) == 0 {
				t.Errorf("the metadata is not complete: %+v", c)
			}
			kinds := map[string]int{}
			for _, s := range readSamples(t, filepath.Join(folder, "samples.txtar")) {
				kinds[s.kind]++
				fires := func(sc *gatehouse.Scanner) bool {
					r := scannertest.Scan(t, sc, s.files)
					for _, g := range r.Coverage.Gaps {
						t.Errorf("%s: gap: %+v", s.name, g)
					}
					return slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool { return f.Rule == c.ID })
				}
				if fired := fires(sc); fired != (s.kind == "bad") {
					t.Errorf("%s: fired is %v\n%s", s.name, fired, s.files)
				}
				if fired := fires(strict); fired != (s.kind != "good") {
					t.Errorf("%s: if strict, fired is %v\n%s", s.name, fired, s.files)
				}
			}
			if kinds["bad"]+kinds["strict"] == 0 || kinds["good"] == 0 {
				t.Errorf("there must be bad and good samples: %v", kinds)
			}
		})
	}
}

var update = flag.Bool("update", false, "write docs/pipelines.md")

// The table in the documentation is that of the checks.
func TestPipelineDocs(t *testing.T) {
	set, err := loadPipelineChecks(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	const name, mark = "../../docs/pipelines.md", "<!-- The table is written by go test ./scanners/iac -run TestPipelineDocs -update -->\n"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(page), mark)
	if !ok {
		t.Fatalf("%s has no line %q", name, mark)
	}
	var b strings.Builder
	b.WriteString(head + mark + "\n| check | severity | what it objects to | control | known elsewhere as |\n|---|---|---|---|---|\n")
	for _, c := range set.Checks {
		folder := strings.ReplaceAll(strings.TrimPrefix(c.Aliases[0], "pipeline-"), "-", "_")
		fmt.Fprintf(&b, "| [%s](../scanners/iac/pipelines/%s/README.md) | %s | %s | %s | %s |\n", c.ID, folder, c.Severity, c.Title, strings.Join(c.Controls, ", "), strings.Join(c.Aliases[1:], ", "))
	}
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

// Words of pipelines in a file that cannot be parsed do not make it one.
func TestBrokenOthers(t *testing.T) {
	sc, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := scannertest.Scan(t, sc, map[string]string{"a.json": "{ // it runs jobs using what it uses\n", "b.yml": "jobs:\n  a:\n    script: [\n    image: b\n"})
	s := r.Coverage.Scanners[0]
	if s.Skipped != 1 || s.Failed != 1 {
		t.Errorf("%d skipped and %d failed, want 1 and 1", s.Skipped, s.Failed)
	}
}
