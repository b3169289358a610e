package iac

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

// notOurs are audits that need the network, a database or a list that the user
// keeps, or that are about style.
var notOurs = map[string]bool{
	"impostor-commit": true, "ref-confusion": true, "ref-version-mismatch": true, "stale-action-refs": true, "known-vulnerable-actions": true,
	"forbidden-uses": true, "undocumented-permissions": true, "anonymous-definition": true, "concurrency-limits": true,
	"superfluous-actions": true, "self-repository": true,
}

// labelledCase is a file of the examples with what another tool finds in it.
type labelledCase struct {
	Module   string `json:"audit_module"`
	Input    string `json:"input"`
	Persona  string `json:"persona"`
	Findings []struct {
		Audit string `json:"audit"`
		Line  int    `json:"line"`
	} `json:"findings"`
}

// The labelled workflows: by audit, which files have a finding of it. A file
// is right if one of our rules with that alias fires, and wrong if one fires
// where none of the labels, with whatever strictness, says so.
func TestQualityPipelines(t *testing.T) {
	data, err := os.ReadFile(qualityData(t, "zizmor", "labels.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []labelledCase
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("there are no labels: %v", err)
	}
	sc, err := New(Options{StrictPipelines: true})
	if err != nil {
		t.Fatal(err)
	}
	audits := map[string][]string{} // of a rule
	for _, r := range sc.Rules {
		audits[r.ID] = r.Aliases
	}
	labelled, modules := map[string]map[string][]int{}, map[string]map[string]bool{}
	for _, c := range cases {
		if modules[c.Input] == nil {
			modules[c.Input], labelled[c.Input] = map[string]bool{}, map[string][]int{}
		}
		modules[c.Input][c.Module] = true
		for _, f := range c.Findings {
			labelled[c.Input][f.Audit] = append(labelled[c.Input][f.Audit], f.Line)
		}
	}
	type score struct{ found, missed, wrong, lines, linesFound int }
	scores := map[string]*score{}
	of := func(audit string) *score {
		if scores[audit] == nil {
			scores[audit] = &score{}
		}
		return scores[audit]
	}
	for _, input := range slices.Sorted(func(yield func(string) bool) {
		for k := range labelled {
			if !yield(k) {
				return
			}
		}
	}) {
		if strings.Contains(input, "pre-commit") || strings.Contains(input, "/configs/") || input == "insecure-url-scheme/" {
			continue // no pipeline
		}
		r := scanWith(t, sc, aloneIn(t, filepath.Join(qualityData(t, "zizmor", "test-data"), input)))
		fired := map[string][]int{}
		for _, f := range r.Findings {
			for _, a := range audits[f.Rule] {
				fired[a] = append(fired[a], f.Location.Line)
			}
		}
		for audit, lines := range labelled[input] {
			if notOurs[audit] {
				continue
			}
			s := of(audit)
			if len(fired[audit]) == 0 {
				s.missed++
				t.Logf("missed %s in %s: lines %v; gaps %v", audit, input, lines, gapReasons(r))
			} else {
				s.found++
			}
			lines = slices.Compact(slices.Sorted(slices.Values(lines)))
			for _, l := range lines {
				s.lines++
				if slices.ContainsFunc(fired[audit], func(x int) bool { return x >= l-3 && x <= l+6 }) {
					s.linesFound++
				} else if os.Getenv("QUALITY_SHOW") != "" && len(fired[audit]) > 0 {
					t.Logf("missed line %s in %s:%d (fired %v)", audit, input, l, fired[audit])
				}
			}
		}
		// Only the audit that the example is about was run on it.
		for module := range modules[input] {
			if !notOurs[module] && len(fired[module]) > 0 && len(labelled[input][module]) == 0 {
				of(module).wrong++
				t.Logf("wrong %s in %s: lines %v", module, input, fired[module])
			}
		}
	}
	var total score
	names := make([]string, 0, len(scores))
	for name := range scores {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		s := scores[name]
		t.Logf("%-28s found %d missed %d wrong %d; lines %d of %d", name, s.found, s.missed, s.wrong, s.linesFound, s.lines)
		total.found, total.missed, total.wrong = total.found+s.found, total.missed+s.missed, total.wrong+s.wrong
		total.lines, total.linesFound = total.lines+s.lines, total.linesFound+s.linesFound
	}
	t.Logf("files: found %d missed %d wrong %d; lines %d of %d", total.found, total.missed, total.wrong, total.linesFound, total.lines)
	if total.found == 0 {
		t.Fatal("nothing was found")
	}
	if recall := float64(total.found) / float64(total.found+total.missed); recall < 0.88 {
		t.Errorf("recall is %.3f, below 0.88", recall)
	}
	if total.wrong > 1 {
		t.Errorf("%d files have a finding that they should not have, more than 1", total.wrong)
	}
}

// aloneIn is a directory that holds only the file, or the files of the
// directory, as the examples lie beside each other.
func aloneIn(t *testing.T, name string) string {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		return name
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
