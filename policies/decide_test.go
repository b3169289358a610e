package policies

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

func docs(pairs ...string) *gatehouse.Report {
	r := goodReport()
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Documents = append(r.Documents, gatehouse.Document{Path: pairs[i], Line: 1, JSON: []byte(pairs[i+1])})
	}
	return r
}

func policy(src string) Options { return Options{Policies: []Source{files("policy", "a.rego", src)}} }

func messages(list []gatehouse.Violation) []string {
	out := []string{}
	for _, v := range list {
		out = append(out, v.Message)
	}
	return out
}

func TestDecideDocuments(t *testing.T) {
	tests := []struct {
		name    string
		opts    Options
		report  *gatehouse.Report
		outcome gatehouse.Outcome
		deny    []string
		warn    []string
		waived  []string // waiver and message
		gaps    []string // parts of reasons
	}{
		{name: "pass", opts: policy(docRule("input.kind == \"Pod\"")), report: docs("a.yaml", `{"kind": "Service"}`), outcome: gatehouse.OutcomePass},
		{name: "strings and objects", opts: policy("package main\n\ndeny contains \"a\" if input.x\n\ndeny contains {\"msg\": \"b\", \"n\": 1} if input.x\n\nviolation_c contains {\"msg\": \"c\"} if input.x\n\nwarn contains \"d\" if input.x\n"),
			report: docs("a.yaml", `{"x": 1}`), outcome: gatehouse.OutcomeFail, deny: []string{"a", "b", "c"}, warn: []string{"d"}},
		{name: "each document", opts: policy("package main\n\ndeny contains sprintf(\"%s/%s %v %s\", [data.conftest.file.dir, data.conftest.file.name, input.n, data.gatehouse.time])\n"),
			report: docs("b/x.yaml", `{"n": 1}`, "a.yaml", `{"n": 2}`, "a.yaml", `{"n": 3}`), outcome: gatehouse.OutcomeFail,
			deny: []string{"./a.yaml 2 2026-11-25T12:00:00Z", "./a.yaml 3 2026-11-25T12:00:00Z", "b/x.yaml 1 2026-11-25T12:00:00Z"}},
		{name: "elements of a list", opts: policy("package main\n\ndeny contains sprintf(\"%v\", [input.n])\n"),
			report: docs("a.json", `[{"n": 1}, {"n": 2}]`), outcome: gatehouse.OutcomeFail, deny: []string{"1", "2"}},
		{name: "combined", opts: Options{Combine: true, Policies: []Source{files("policy", "a.rego", "package main\n\ndeny contains {\"msg\": sprintf(\"%d %v\", [count(input), f.contents.n]), \"path\": f.path} if some f in input\n")}},
			report: docs("b.yaml", `{"n": 1}`, "a.yaml", `[{"n": 2}]`), outcome: gatehouse.OutcomeFail, deny: []string{"2 2", "2 1"}},
		{name: "no documents", opts: policy(denyAll), report: docs(), outcome: gatehouse.OutcomeIncomplete, gaps: []string{`package "main" judge configuration documents, and the target has none`}},
		{name: "broken document", opts: policy(denyAll), report: docs("a.yaml", `{`), outcome: gatehouse.OutcomeIncomplete, gaps: []string{`main.deny could not be evaluated on "a.yaml"`}},
		{name: "division by zero", opts: policy(docRule("1 / input.n > 0")), report: docs("a.yaml", `{"n": 0}`, "b.yaml", `{"n": 0}`, "c.yaml", `{"n": 1}`), outcome: gatehouse.OutcomeFail, deny: []string{"x"},
			gaps: []string{`the policy rule main.deny could not be evaluated on "a.yaml": div: divide by zero; guard the call, or correct the input (and 1 more time)`}},
		{name: "built-in error", opts: policy(docRule("to_number(input.n) > 0")), report: docs("a.yaml", `{"n": "x"}`), outcome: gatehouse.OutcomeIncomplete, gaps: []string{"main.deny"}},
		{name: "conflict", opts: policy("package main\n\ndeny contains \"x\" if level > 1\n\nlevel := 1 if input.a\n\nlevel := 2 if input.b\n"), report: docs("a.yaml", `{"a": 1, "b": 1}`), outcome: gatehouse.OutcomeIncomplete,
			gaps: []string{"make the conditions of its definitions exclude each other"}},
		{name: "error in one rule only", opts: policy("package main\n\ndeny_a contains \"a\" if 1 / 0 > input.n\n\ndeny_b contains \"b\"\n"), report: docs("a.yaml", `{"n": 0}`), outcome: gatehouse.OutcomeFail, deny: []string{"b"}, gaps: []string{"main.deny_a"}},
		{name: "object without msg", opts: policy("package main\n\ndeny contains {\"message\": \"x\"}\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeIncomplete, gaps: []string{`an object without a string "msg"`}},
		{name: "number", opts: policy("package main\n\ndeny contains 7\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeIncomplete, gaps: []string{"it gave a number"}},
		{name: "empty message", opts: policy("package main\n\ndeny contains \"\"\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeFail, deny: []string{"violates main.deny"}},
		{name: "bad severity counts as violation and gap", opts: policy("package main\n\ndeny contains {\"msg\": \"x\", \"severity\": \"DIRE\"}\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeFail, deny: []string{"x"}, gaps: []string{`unknown severity "DIRE"`}},
		{name: "unknown finding", opts: policy("package main\n\ndeny contains {\"msg\": \"x\", \"finding\": \"nope\"}\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeFail, deny: []string{"x"}, gaps: []string{`finding "nope"`}},
		{name: "exception", opts: policy("package main\n\ndeny_a contains \"a\"\n\ndeny_b contains \"b\"\n\nexception contains rules if {\n\tinput.ok\n\trules := [\"a\"]\n}\n"),
			report: docs("a.yaml", `{"ok": true}`, "b.yaml", `{}`), outcome: gatehouse.OutcomeFail, deny: []string{"b", "a", "b"}, waived: []string{"exception:main a"}},
		{name: "exception of plain deny", opts: policy(denyAll + "\nexception contains [\"\"]\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomePass, waived: []string{"exception:main no"}},
		{name: "bad exception", opts: policy(denyAll + "\nexception contains \"a\"\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeIncomplete, gaps: []string{"exceptions of package \"main\""}},
		{name: "failing exception", opts: policy(denyAll + "\nexception contains [\"\"] if 1 / 0 == 1\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeIncomplete, gaps: []string{"divide by zero"}},
		{name: "not yet effective", opts: policy("package main\n\n# METADATA\n# custom:\n#   effective_on: 2026-11-26\ndeny contains \"x\"\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomePass,
			warn: []string{"x (a warning until the rule takes effect on 2026-11-26)"}},
		{name: "effective", opts: policy("package main\n\n# METADATA\n# custom:\n#   effective_on: 2026-11-25T12:00:00Z\ndeny contains \"x\"\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeFail, deny: []string{"x"}},
		{name: "expectation", opts: policy("package main\n\n# METADATA\n# custom:\n#   expects: [\"**/*.tf\", \"*.yaml\"]\ndeny contains \"x\" if input.no\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeIncomplete, gaps: []string{`main.deny expects a document that matches "**/*.tf"`}},
		{name: "parse_config", opts: policy("package main\n\ndeny contains sprintf(\"%v %v %v\", [parse_config(\"yaml\", \"a: 1\"), parse_config(\"toml\", \"a = 1\"), parse_config(\"yaml\", \"a: 1\\n---\\na: 2\\n\")])\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeFail,
			deny: []string{`{"a": 1} {"a": 1} [{"a": 1}, {"a": 2}]`}},
		{name: "parse_config of an unknown format", opts: policy("package main\n\ndeny contains \"x\" if parse_config(\"hcl\", \"a = 1\")\n"), report: docs("a.yaml", `{}`), outcome: gatehouse.OutcomeIncomplete, gaps: []string{`unknown parser "hcl"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := mustDecide(t, mustLoad(t, tt.opts), tt.report)
			if v.Outcome != tt.outcome {
				t.Errorf("outcome %v, want %v: %v", v.Outcome, tt.outcome, v.Reasons)
			}
			if got := messages(v.Violations); !slices.Equal(got, slices.Concat([]string{}, tt.deny)) {
				t.Errorf("violations %q, want %q", got, tt.deny)
			}
			if got := messages(v.Warnings); !slices.Equal(got, slices.Concat([]string{}, tt.warn)) {
				t.Errorf("warnings %q, want %q", got, tt.warn)
			}
			var waived []string
			for _, w := range v.Waived {
				waived = append(waived, w.Waiver+" "+w.Violation.Message)
			}
			if !slices.Equal(waived, tt.waived) {
				t.Errorf("waived %q, want %q", waived, tt.waived)
			}
			if len(v.Gaps) != len(tt.gaps) {
				t.Fatalf("gaps %+v, want %q", v.Gaps, tt.gaps)
			}
			for i, g := range v.Gaps {
				if g.Code != gatehouse.GapRule || g.ID == "" || g.Path != "policy/a.rego" || !strings.Contains(g.Reason, tt.gaps[i]) {
					t.Errorf("gap %+v, want %q", g, tt.gaps[i])
				}
			}
			if len(v.Reasons) == 0 {
				t.Error("no reason is given")
			}
		})
	}
}

func TestDecideKeys(t *testing.T) {
	src := `package gatehouse.acme

# METADATA
# title: Titled
# custom:
#   id: ACME-1
#   severity: LOW
#   solution: Do it.
#   controls: [CC1, CC2]
deny_a contains {"msg": "a", "finding": f.id, "extra": {"b": [1]}} if {
	some f in input.findings
	f.id == "s1"
}

deny_b contains {"msg": "b", "finding": f} if {
	some f in input.findings
	f.id == "m1"
}

deny_c contains {"msg": "c", "finding": f.id, "severity": "critical", "path": "x.txt", "line": 9} if {
	some f in input.findings
	f.id == "m1"
}

deny_d contains {"msg": "d", "_loc": {"file": "y.txt", "line": 4}}

deny_e contains {"msg": "e", "gap": g.id} if some g in input.coverage.gaps
`
	r := badReport()
	r.Coverage.Gaps = []gatehouse.Gap{{ID: "gap-1", Code: gatehouse.GapParse, Path: "z.json", Line: 5, Reason: "r"}}
	v := mustDecide(t, mustLoad(t, policy(src)), r)
	got := map[string]gatehouse.Violation{}
	for _, x := range v.Violations {
		got[x.Message] = x
	}
	a := got["a"]
	if a.ID != "ACME-1" || a.Title != "Titled" || a.Solution != "Do it." || !slices.Equal(a.Controls, []string{"CC1", "CC2"}) ||
		a.Severity != gatehouse.SeverityCritical || a.Finding != "s1" || a.Location.String() != ".env:2" || string(a.Details) != `{"extra":{"b":[1]}}` {
		t.Errorf("a: %+v", a)
	}
	if b := got["b"]; b.Finding != "m1" || b.Severity != gatehouse.SeverityHigh || b.Location.String() != "main.tf:3" {
		t.Errorf("b: %+v", b)
	}
	if c := got["c"]; c.Finding != "m1" || c.Severity != gatehouse.SeverityCritical || c.Location.String() != "x.txt:9" {
		t.Errorf("c: %+v", c)
	}
	if d := got["d"]; d.Location.String() != "y.txt:4" || d.Severity != gatehouse.SeverityHigh {
		t.Errorf("d: %+v", d)
	}
	if e := got["e"]; e.Gap != "gap-1" || e.Location.String() != "z.json:5" {
		t.Errorf("e: %+v", e)
	}
	if !slices.IsSortedFunc(v.Violations, compareViolations) || v.Violations[0].Severity != gatehouse.SeverityCritical {
		t.Errorf("not sorted: %+v", v.Violations)
	}
	if v.Outcome != gatehouse.OutcomeFail || len(v.Gaps) != 1 {
		t.Errorf("%v %v", v.Outcome, v.Gaps)
	}
}

// Several definitions of one rule, each with metadata of its own.
func TestDecideTellsDefinitionsApart(t *testing.T) {
	src := `package main

# METADATA
# title: First
# custom:
#   short_name: one
deny contains "1"

# METADATA
# title: Second
# custom:
#   short_name: two
#   severity: warning
deny contains rego.metadata.rule().title if data.main.helper

deny contains "3"

helper if count(deny_x) == 1

deny_x contains "x"
`
	s := mustLoad(t, policy(src))
	v := mustDecide(t, s, docs("a.yaml", "{}"))
	var got []string
	for _, x := range v.Violations {
		got = append(got, fmt.Sprintf("%s %s %s %s %v", x.Rule, x.ID, x.Title, x.Message, x.Severity))
	}
	want := []string{
		"main.deny   3 HIGH", "main.deny one First 1 HIGH", "main.deny_x   x HIGH", "main.deny two Second Second MEDIUM",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	rules := s.Rules()
	if len(rules) != 4 || rules[0].Path != "main.deny" || rules[0].ID != "one" || rules[1].ID != "two" || rules[1].Line != 14 {
		t.Errorf("rules %+v", rules)
	}
}

func TestDecideIsReproducible(t *testing.T) {
	opts := Options{Baseline: true, Policies: []Source{files("policy", "a.rego", "package main\n\ndeny contains sprintf(\"%v\", [x]) if some x in input.list\n")}}
	var first []byte
	for range 5 {
		s := mustLoad(t, opts)
		r := badReport()
		for i := range 50 {
			r.Documents = append(r.Documents, gatehouse.Document{Path: fmt.Sprintf("d%d.yaml", i%7), Index: i, JSON: []byte(`{"list": ["c", "a", "b"]}`)})
		}
		b, err := json.Marshal(mustDecide(t, s, r))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(first, b) {
			t.Fatal("two runs differ")
		}
	}
}

// Hostile policies end with a gap, in bounded time and memory.
//
// It guards against TM-09.
func TestDecideHostile(t *testing.T) {
	exponential := "xs := numbers.range(1, 60)\n\tcount([1 | some a in xs; some b in xs; some c in xs; some d in xs; some e in xs; a + b + c + d + e < 0]) > 0"
	hoard := "xs := numbers.range(1, 3000)\n\tcount([[a, b, c] | some a in xs; some b in xs; some c in xs]) > 0"
	text := "s := concat(\"\", [\"aaaaaaaaaaaaaaaa\" | some _ in numbers.range(1, 100000)])\n\tt := replace(s, \"a\", s)\n\tcount(t) > 0"
	tests := []struct {
		name, body string
		timeout    time.Duration
		heap       uint64
		want       string
	}{
		{"exponential time", exponential, 200 * time.Millisecond, 0, "longer than the limit of 200ms"},
		{"exponential memory", hoard, 0, 32 << 20, "more than the limit of 32 MiB of memory"},
		{"huge range", "count(numbers.range(1, 100000000000)) > 0", 0, 64 << 20, "limit of 64 MiB"},
		{"huge network", "count(net.cidr_expand(\"fe80::/16\")) > 0", 0, 64 << 20, "limit of 64 MiB"},
		{"huge text", text, 0, 64 << 20, "limit of 64 MiB"},
		{"one huge call", "s := concat(\"\", [\"aaaaaaaaaaaaaaaa\" | some _ in numbers.range(1, 100000)])\n\tt := concat(\"\", [s | some _ in numbers.range(1, 10000)])\n\tcount(t) > 0", 0, 0, "more than the limit of 64 MiB"},
		{"one huge message", "s := concat(\"\", [\"aaaaaaaaaaaaaaaa\" | some _ in numbers.range(1, 1000000)])\n\tt := sprintf(\"%s%s%s%s%s%s\", [s, s, s, s, s, s])\n\tcount(t) > 0", 0, 0, "more than the limit of 64 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts := Options{Timeout: tt.timeout, HeapBytes: tt.heap, Policies: []Source{files("policy", "a.rego", reportRule(tt.body))}}
			if tt.timeout == 0 {
				opts.Timeout = 30 * time.Second
			}
			v := mustDecide(t, mustLoad(t, opts), goodReport())
			if v.Outcome != gatehouse.OutcomeIncomplete || len(v.Gaps) != 1 || !strings.Contains(v.Gaps[0].Reason, tt.want) ||
				!strings.Contains(v.Gaps[0].Reason, "gatehouse.acme.deny") {
				t.Errorf("%v %+v", v.Outcome, v.Gaps)
			}
		})
	}
}

// sharing is a policy whose values share their parts: n rules stand for 2ⁿ
// values.
func sharing(final string, n int) string {
	var b strings.Builder
	b.WriteString("package gatehouse.acme\n\nx0 := [input.version]\n\ny0 := [input.version]\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "\nx%d := [x%d, x%d]\n\ny%d := [y%d, y%d]\n", i, i-1, i-1, i, i-1, i-1)
	}
	fmt.Fprintf(&b, "\ndeny contains %s\n", strings.NewReplacer("X", fmt.Sprint("x", n), "Y", fmt.Sprint("y", n)).Replace(final))
	return b.String()
}

// Work that does not stop when it is told to is left behind.
func TestHostileSharing(t *testing.T) {
	opts := policy(sharing(`"x" if X == Y`, 12))
	opts.Timeout = 20 * time.Millisecond
	if _, err := Load(context.Background(), opts); err == nil || !strings.Contains(err.Error(), "longer than the limit of 20ms") {
		t.Errorf("type-checking: %v", err)
	}
	opts = policy(sharing(`{"msg": "x", "all": X}`, 22))
	opts.HeapBytes = 64 << 20
	v := mustDecide(t, mustLoad(t, opts), goodReport())
	if v.Outcome != gatehouse.OutcomeIncomplete || len(v.Gaps) != 1 || !strings.Contains(v.Gaps[0].Reason, "gatehouse.acme.deny") {
		t.Errorf("huge result: %v %+v", v.Outcome, v.Gaps)
	}
}

func TestDecideExpectsScanners(t *testing.T) {
	s := mustLoad(t, policy("package gatehouse.acme\n\n# METADATA\n# custom:\n#   expects: [sca, secrets, image]\ndeny contains \"x\" if count(input.findings) > 99\n"))
	r := goodReport()
	r.Coverage.Scanners[0].Status = gatehouse.StatusFailed
	v := mustDecide(t, s, r)
	if v.Outcome != gatehouse.OutcomeIncomplete || len(v.Gaps) != 2 {
		t.Fatalf("%v %+v", v.Outcome, v.Gaps)
	}
	for i, name := range []string{"secrets", "image"} {
		if !strings.Contains(v.Gaps[i].Reason, "gatehouse.acme.deny expects the scanner \""+name+"\"") {
			t.Errorf("%+v", v.Gaps[i])
		}
	}
	if v.Gaps[0].ID == v.Gaps[1].ID {
		t.Error("two gaps have one id")
	}
	// A gap of a rule can be waived for a while, by the file of the policy.
	v = mustDecide(t, s, r, parse(t, waiver("kind: coverage", "match: [rule]", "scope: {paths: [policy/a.rego]}"))...)
	if v.Outcome != gatehouse.OutcomePass || len(v.Waived) != 2 {
		t.Errorf("%v %+v", v.Outcome, v.Waived)
	}
}

func TestDecideWithoutInput(t *testing.T) {
	s := mustLoad(t, Options{Baseline: true})
	for _, in := range []*Input{nil, {}} {
		if v, err := s.Decide(t.Context(), in, nil); err == nil || v.Outcome != gatehouse.OutcomeIncomplete {
			t.Errorf("%v, %v", v.Outcome, err)
		}
	}
}

func TestDecideCancelled(t *testing.T) {
	s := mustLoad(t, Options{Baseline: true})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	v, err := s.Decide(ctx, mustInput(t, goodReport()), nil)
	if !errors.Is(err, context.Canceled) || v.Outcome != gatehouse.OutcomeIncomplete {
		t.Errorf("%v, %v", v.Outcome, err)
	}
}

func TestNewInputErrors(t *testing.T) {
	if _, err := NewInput(nil, testNow); err == nil {
		t.Error("no report: no error")
	}
	if _, err := NewInput(goodReport(), time.Time{}); err == nil {
		t.Error("no time: no error")
	}
	r := badReport()
	r.Findings[0].ID = ""
	if _, err := NewInput(r, testNow); err == nil {
		t.Error("no id: no error")
	}
	r = goodReport()
	r.Databases["sca"] = gatehouse.Database{UpdatedAt: "yesterday"}
	if d := mustInput(t, r).Document.Databases[0]; d.UpdatedAt != "" || d.AgeHours != -1 {
		t.Errorf("%+v", d)
	}
	if n := mustInput(t, goodReport()).Document.Coverage.Files; n.Total != 1 || n.Scanned != 1 || n.Bytes != 10 {
		t.Errorf("%+v", n)
	}
}

// The input that policies see fits the published schema: each key is known
// there and nothing required is missing.
func TestInputFitsSchema(t *testing.T) {
	r := badReport()
	r.Findings = append(r.Findings, gatehouse.Finding{ID: "l1", Kind: gatehouse.KindLicense, License: &gatehouse.License{Expression: "MIT"}})
	r.Coverage.Gaps = []gatehouse.Gap{{ID: "g", Code: gatehouse.GapParse}}
	b, err := json.Marshal(mustInput(t, r))
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	var schema map[string]any
	if err := errors.Join(json.Unmarshal(b, &doc), json.Unmarshal(InputSchema(), &schema)); err != nil {
		t.Fatal(err)
	}
	defs := schema["$defs"].(map[string]any)
	checked := 0
	var check func(at string, s map[string]any, v any)
	check = func(at string, s map[string]any, v any) {
		if ref, ok := s["$ref"].(string); ok {
			s = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		}
		switch v := v.(type) {
		case map[string]any:
			checked++
			props, _ := s["properties"].(map[string]any)
			if s["additionalProperties"] != false {
				t.Errorf("%s: the object is open", at)
			}
			for k, x := range v {
				p, ok := props[k].(map[string]any)
				if !ok {
					t.Errorf("%s.%s is not in the schema", at, k)
					continue
				}
				check(at+"."+k, p, x)
			}
			required, _ := s["required"].([]any)
			for _, k := range required {
				if _, ok := v[k.(string)]; !ok {
					t.Errorf("%s.%s is missing", at, k)
				}
			}
		case []any:
			if s["type"] != "array" {
				t.Errorf("%s is an array", at)
				return
			}
			for _, x := range v {
				check(at+"[]", s["items"].(map[string]any), x)
			}
		case nil:
			t.Errorf("%s is null", at)
		}
	}
	check("input", schema, doc)
	if checked < 20 {
		t.Errorf("only %d objects were checked", checked)
	}
}
