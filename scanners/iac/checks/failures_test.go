package checks

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

func check(id, pkg, selector, body string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(fmt.Sprintf(`# METADATA
# title: Check %[1]s
# custom:
#   id: %[1]s
#   severity: LOW
#   input:
#     selector:
%[3]s
package %[2]s

import rego.v1

%[4]s
`, id, pkg, selector, body))}
}

const (
	kubernetesSelector = "#     - type: kubernetes"
	podSelector        = "#     - type: kubernetes\n#       subtypes:\n#       - kind: pod"
	always             = `deny contains result.new("no", input) if input`
)

func load(t *testing.T, now time.Time, files fstest.MapFS) *Set {
	t.Helper()
	s, err := Load(files, fstest.MapFS{}, fstest.MapFS{"lib/l.rego": {Data: []byte("package lib.l\n\nimport rego.v1\n\nyes := true\n")}}, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func eval(t *testing.T, s *Set, input string) (ids, failed []string) {
	t.Helper()
	results, failures, err := s.Eval(t.Context(), Kubernetes, ast.MustParseTerm(input).Value)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		ids = append(ids, r.Check.ID)
	}
	for _, f := range failures {
		failed = append(failed, f.Check.ID)
	}
	slices.Sort(failed)
	return ids, failed
}

// A check that does not parse, compile or evaluate is a failure, each time, and
// the others still count.
func TestFailuresAreTold(t *testing.T) {
	s := load(t, time.Time{}, fstest.MapFS{
		"good.rego":     check("GOOD", "p.good", kubernetesSelector, "import data.lib.l\n\ndeny contains result.new(\"no\", input) if l.yes"),
		"parse.rego":    check("PARSE", "p.parse", kubernetesSelector, "deny contains {"),
		"compile.rego":  check("COMPILE", "p.compile", kubernetesSelector, "deny contains x if nosuch(1)"),
		"conflict.rego": check("CONFLICT", "p.conflict", kubernetesSelector, "x := 1\n\nx := 2 if input.kind\n\ndeny contains \"no\" if x > 0"),
		"shape.rego":    check("SHAPE", "p.shape", kubernetesSelector, "deny contains 1"),
		"missing.rego":  check("MISSING", "p.missing", kubernetesSelector, "other := 1"),
	})
	for range 2 {
		ids, failed := eval(t, s, `{"kind": "Pod"}`)
		if !slices.Equal(ids, []string{"GOOD"}) || !slices.Equal(failed, []string{"COMPILE", "CONFLICT", "MISSING", "PARSE", "SHAPE"}) {
			t.Errorf("got %v, failed %v", ids, failed)
		}
	}
}

func TestSelectors(t *testing.T) {
	s := load(t, time.Time{}, fstest.MapFS{
		"any.rego":  check("ANY", "p.any", kubernetesSelector, always),
		"pod.rego":  check("POD", "p.pod", podSelector, always),
		"both.rego": check("BOTH", "p.both", podSelector+"\n#     - type: dockerfile", always),
	})
	for input, want := range map[string][]string{
		`{"kind": "Pod"}`:     {"ANY", "BOTH", "POD"},
		`{"kind": "Service"}`: {"ANY"},
	} {
		if ids, failed := eval(t, s, input); !slices.Equal(ids, want) || len(failed) > 0 {
			t.Errorf("%s: got %v, failed %v, want %v", input, ids, failed, want)
		}
	}
	results, _, err := s.Eval(t.Context(), Dockerfile, ast.MustParseTerm(`{"Stages": []}`).Value)
	if err != nil || len(results) != 1 || results[0].Check.ID != "BOTH" {
		t.Errorf("a check with two selectors gave %v, %v for the second", results, err)
	}
}

func TestClock(t *testing.T) {
	files := fstest.MapFS{
		"clock.rego": check("CLOCK", "p.clock", kubernetesSelector, `deny contains "late" if time.now_ns() > 1000`),
		"other.rego": check("OTHER", "p.other", kubernetesSelector, always),
	}
	if s := load(t, time.Time{}, files); s.Clocked != 1 || len(s.Checks) != 1 {
		t.Errorf("without a clock there are %d checks and %d that need one", len(s.Checks), s.Clocked)
	}
	if ids, _ := eval(t, load(t, time.Unix(0, 2000), files), `{}`); !slices.Equal(ids, []string{"CLOCK", "OTHER"}) {
		t.Errorf("late: got %v", ids)
	}
	if ids, _ := eval(t, load(t, time.Unix(0, 500), files), `{}`); !slices.Equal(ids, []string{"OTHER"}) {
		t.Errorf("early: got %v", ids)
	}
}

func TestLoadRefuses(t *testing.T) {
	good := check("A", "p.a", kubernetesSelector, always)
	for name, files := range map[string]fstest.MapFS{
		"none":         {},
		"no metadata":  {"a.rego": {Data: []byte("package p.a\n")}},
		"no selector":  {"a.rego": check("A", "p.a", "#     - kind: x", always)},
		"unknown type": {"a.rego": check("A", "p.a", "#     - type: cobol", always)},
		"same id":      {"a.rego": good, "b.rego": check("A", "p.b", kubernetesSelector, always)},
	} {
		if _, err := Load(files, fstest.MapFS{}, fstest.MapFS{}, time.Time{}); err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
}

func TestAddresses(t *testing.T) {
	tests := []struct {
		text   string
		public bool
		count  uint64
	}{
		{"0.0.0.0/0", true, 1 << 32}, {"::/0", true, 1<<64 - 1}, {"10.0.0.0/8", false, 1 << 24}, {"10.0.0.0/7", true, 1 << 25},
		{"192.168.1.1", false, 1}, {"8.8.8.8", true, 1}, {"100.64.0.1", false, 1}, {"fe80::1", false, 1}, {"2001:db8::/64", true, 1<<64 - 1},
		{"*", true, 1<<64 - 1}, {"Internet", true, 1<<64 - 1}, {"10.0.0.1-10.0.0.9", false, 0}, {"9.0.0.1 - 11.0.0.9", true, 0}, {"nonsense", false, 0}, {"", false, 0},
	}
	for _, tt := range tests {
		if got := isPublic(tt.text); got != tt.public {
			t.Errorf("isPublic(%q) = %v", tt.text, got)
		}
		if got := countAddresses(tt.text); got != tt.count {
			t.Errorf("countAddresses(%q) = %d, want %d", tt.text, got, tt.count)
		}
	}
}

func TestOverrides(t *testing.T) {
	checks := fstest.MapFS{"a.rego": check("A", "p.a", kubernetesSelector, always), "b.rego": check("B", "p.b", kubernetesSelector, always)}
	better := fstest.MapFS{"c.rego": check("A", "q.a", kubernetesSelector, `deny contains "better" if input`)}
	s, err := Load(checks, better, fstest.MapFS{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	results, _, err := s.Eval(t.Context(), Kubernetes, ast.MustParseTerm(`{}`).Value)
	if err != nil || len(results) != 2 || results[0].Message != "better" {
		t.Errorf("got %+v, %v", results, err)
	}
	if _, err := Load(fstest.MapFS{"b.rego": checks["b.rego"]}, better, fstest.MapFS{}, time.Time{}); err == nil {
		t.Error("an override of nothing is no error")
	}
}
