package iac

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

func scan(t testing.TB, dir string) *gatehouse.Report {
	t.Helper()
	sc, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return scanWith(t, sc, dir)
}

func scanWith(t testing.TB, sc *gatehouse.Scanner, dir string) *gatehouse.Report {
	t.Helper()
	target, err := gatehouse.OpenTarget(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	r, err := gatehouse.Scan(t.Context(), target, []*gatehouse.Scanner{sc}, gatehouse.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func qualityData(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("QUALITY_DATA")
	if root == "" {
		t.Skip("QUALITY_DATA is not set: the quality on real examples is NOT measured")
	}
	return filepath.Join(append([]string{root, "iac"}, elem...)...)
}

// The check of an example fires on the bad one and is silent on the good one.
func TestQualityExamples(t *testing.T) {
	index, err := os.ReadFile(qualityData(t, "trivy-checks.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	sc, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range sc.Rules {
		known[r.ID] = true
	}
	right, wrong := map[string]int{}, map[string]int{}
	var unknown int
	for line := range strings.Lines(string(index)) {
		var ex struct {
			ID, Type, Label, Path string
			Deprecated            any
		}
		if err := json.Unmarshal([]byte(line), &ex); err != nil {
			t.Fatal(err)
		}
		if !known[ex.ID] {
			unknown++
			continue
		}
		r := scanWith(t, sc, filepath.Dir(qualityData(t, "trivy-checks", filepath.FromSlash(ex.Path))))
		fired := slices.ContainsFunc(r.Findings, func(f gatehouse.Finding) bool { return f.Rule == ex.ID })
		any := len(r.Findings) > 0
		key := ex.Type + " " + ex.Label
		if (ex.Label == "bad" && fired) || (ex.Label == "good" && !fired) {
			right[key]++
		} else {
			wrong[key]++
			t.Logf("%s: %s fired=%v any=%v gaps=%v", ex.Path, ex.ID, fired, any, gapReasons(r))
		}
	}
	total, good := 0, 0
	for _, key := range slices.Sorted(func(yield func(string) bool) {
		for k := range right {
			if !yield(k) {
				return
			}
		}
	}) {
		t.Logf("%-22s %4d of %4d", key, right[key], right[key]+wrong[key])
		total += right[key] + wrong[key]
		good += right[key]
	}
	t.Logf("score %d of %d; %d examples are of checks that are left out", good, total, unknown)
	if total == 0 {
		t.Fatal("there is no example")
	}
	if float64(good) < 0.99*float64(total) {
		t.Errorf("the score is below 99 %%")
	}
}

func gapReasons(r *gatehouse.Report) []string {
	var all []string
	for _, g := range r.Coverage.Gaps {
		all = append(all, fmt.Sprintf("%s:%d %s %s", g.Path, g.Line, g.Code, g.Reason))
	}
	return all
}

// Real files are read without a crash, and what could not be read is said.
func TestQualityReal(t *testing.T) {
	r := scan(t, qualityData(t, "real"))
	for _, g := range r.Coverage.Gaps {
		t.Logf("%s:%d %s %s %s", g.Path, g.Line, g.Code, g.Entry, g.Reason)
		if g.Code == gatehouse.GapPanic || g.Code == gatehouse.GapTimeout || g.Code == gatehouse.GapRule {
			t.Errorf("%s: %s", g.Path, g.Reason)
		}
	}
	s := r.Coverage.Scanners[0]
	t.Logf("%d findings, %d files scanned, %d skipped, %d failed, %d gaps", len(r.Findings), s.Scanned, s.Skipped, s.Failed, len(r.Coverage.Gaps))
	if s.Scanned == 0 {
		t.Fatal("no file was scanned")
	}
}
