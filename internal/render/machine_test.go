package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	// The module carries the official schema of SARIF 2.1.0.
	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/gatehouse-sec/gatehouse"
)

func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem:schema", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:schema")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, out string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
	if err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	return s.Validate(doc)
}

func TestJSONMatchesSchema(t *testing.T) {
	// Closed, so that a field that the schema does not know is an error.
	closed := compile(t, closeObjects(t, Schema()))
	for _, f := range fixtures() {
		out := render(t, "json", f.make())
		if err := validate(t, closed, out); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		var doc Document
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
	for _, bad := range []string{
		`{"version":1}`,
		strings.Replace(render(t, "json", failing()), `"FAIL"`, `"OK"`, 1),
		strings.Replace(render(t, "json", failing()), `"violations"`, `"breaches"`, 1),
	} {
		if validate(t, closed, bad) == nil {
			t.Errorf("the schema accepts %.60s", bad)
		}
	}
}

// closeObjects forbids properties that a schema does not list.
func closeObjects(t *testing.T, schema []byte) []byte {
	var doc map[string]any
	if err := json.Unmarshal(schema, &doc); err != nil {
		t.Fatal(err)
	}
	closed := 0
	for _, def := range doc["$defs"].(map[string]any) {
		if d := def.(map[string]any); d["properties"] != nil {
			d["additionalProperties"] = false
			closed++
		}
	}
	if closed < 10 {
		t.Fatalf("only %d types in the schema", closed)
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sarifSchemaText takes the schema out of the source of the module; the module
// itself only validates its own types, which drop unknown properties.
func sarifSchemaText(t *testing.T) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		t.Fatalf("find the module with the SARIF schema: %v", err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == "schema" {
			text, err = strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		}
		return true
	})
	if err != nil || !strings.Contains(text, "sarif-schema-2.1.0.json") {
		t.Fatalf("the module has no SARIF schema where it was: %v", err)
	}
	return []byte(text)
}

func TestSARIFMatchesSchema(t *testing.T) {
	s := compile(t, sarifSchemaText(t))
	if validate(t, s, `{"version":"2.1.0","runs":[{"tool":{"driver":{}}}]}`) == nil {
		t.Fatal("the schema accepts a driver without a name")
	}
	for _, f := range append(fixtures(), fixture{"large", large}) {
		if err := validate(t, s, render(t, "sarif", f.make())); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

func sarif(t *testing.T, in Input) sarifRun {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal([]byte(render(t, "sarif", in)), &log); err != nil {
		t.Fatal(err)
	}
	return log.Runs[0]
}

func TestSARIFContent(t *testing.T) {
	run := sarif(t, failing())
	if len(run.Results) != 12+2+3 { // findings, objections without one, warnings
		t.Errorf("%d results", len(run.Results))
	}
	levels := map[string]int{}
	for _, r := range run.Results {
		levels[r.Level]++
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("result refers to rule %q by the index of %q", r.RuleID, run.Tool.Driver.Rules[r.RuleIndex].ID)
		}
		if len(r.Locations) != 1 || r.PartialFingerprints[fingerprintKey] == "" {
			t.Errorf("result %s lacks a location or fingerprint", r.RuleID)
		}
	}
	if levels["error"] != 13 || levels["warning"] != 3 || levels["note"] != 1 {
		t.Errorf("levels = %v", levels)
	}
	ids := map[string]bool{}
	for _, r := range run.Tool.Driver.Rules {
		if ids[r.ID] {
			t.Errorf("rule %q occurs twice", r.ID)
		}
		ids[r.ID] = true
	}
	run = sarif(t, waivedInput())
	if !run.Invocations[0].ExecutionSuccessful {
		t.Error("a waived gap makes the execution fail")
	}
	if len(run.Results) != 2 {
		t.Fatalf("%d results", len(run.Results))
	}
	for _, r := range run.Results {
		if len(r.Suppressions) != 1 || !strings.Contains(r.Suppressions[0].Justification, "@example.org until 202") {
			t.Errorf("suppressions of %s = %+v", r.RuleID, r.Suppressions)
		}
	}
	run = sarif(t, incomplete())
	inv := run.Invocations[0]
	if inv.ExecutionSuccessful || len(inv.ToolExecutionNotifications) != 4 || len(run.Results) != 4 {
		t.Errorf("gaps: %+v, %d results", inv, len(run.Results))
	}
}

func TestSARIFCountsBeforeWaived(t *testing.T) {
	in := failing()
	f := in.Report.Findings[0]
	in.Verdict.Waived = []gatehouse.Waived{{Waiver: "W", Violation: ptr(objection("gatehouse.other.deny", f))}}
	for _, r := range sarif(t, in).Results {
		if r.PartialFingerprints[fingerprintKey] == f.Fingerprint && (len(r.Suppressions) > 0 || r.Level != "error") {
			t.Error("a finding that counts is shown as waived")
		}
	}
}

func TestSARIFRelativeURI(t *testing.T) {
	for in, want := range map[string]string{"a b/ü#.tf": "a%20b/%C3%BC%23.tf", "c:/x": "c%3A/x", "a/\xff": "a/%FF", ".": "."} {
		if got := relativeURI(in); got != want {
			t.Errorf("relativeURI(%q) = %q, want %q", in, got, want)
		}
	}
}

// junitNode is any element, to compare with the schema.
type junitNode struct {
	XMLName xml.Name
	Attrs   []xml.Attr  `xml:",any,attr"`
	Nodes   []junitNode `xml:",any"`
	Text    string      `xml:",chardata"`
}

// junitSchema is junit-10.xsd of Jenkins' xUnit plugin as far as it is used:
// the required and optional attributes and the children in their order.
var junitSchema = map[string]struct {
	required, optional, children []string
}{
	"testsuites": {nil, []string{"name", "time", "tests", "failures", "disabled", "errors"}, []string{"testsuite"}},
	"testsuite": {[]string{"name"}, []string{"tests", "failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"},
		[]string{"properties", "testcase", "system-out", "system-err"}},
	"testcase":   {[]string{"name"}, []string{"assertions", "time", "classname", "status"}, []string{"skipped", "error", "failure", "system-out", "system-err"}},
	"skipped":    {nil, []string{"type", "message"}, nil},
	"error":      {nil, []string{"type", "message"}, nil},
	"failure":    {nil, []string{"type", "message"}, nil},
	"system-out": {},
}

func (n *junitNode) check(t *testing.T) {
	s, ok := junitSchema[n.XMLName.Local]
	if !ok {
		t.Errorf("element %q is not allowed", n.XMLName.Local)
		return
	}
	have := map[string]string{}
	for _, a := range n.Attrs {
		if !slices.Contains(s.required, a.Name.Local) && !slices.Contains(s.optional, a.Name.Local) {
			t.Errorf("%s: attribute %q is not allowed", n.XMLName.Local, a.Name.Local)
		}
		have[a.Name.Local] = a.Value
	}
	for _, r := range s.required {
		if have[r] == "" {
			t.Errorf("%s: attribute %q is missing", n.XMLName.Local, r)
		}
	}
	last := 0
	counts := map[string]int{}
	for i := range n.Nodes {
		c := &n.Nodes[i]
		at := slices.Index(s.children, c.XMLName.Local)
		if at < last {
			t.Errorf("%s: child %q is not allowed or not in order", n.XMLName.Local, c.XMLName.Local)
		}
		last = at
		c.check(t)
		c.count(counts)
	}
	for attr, element := range map[string]string{"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"} {
		if v, ok := have[attr]; ok && v != strconv.Itoa(counts[element]) {
			t.Errorf("%s: %s=%q, but there are %d", n.XMLName.Local, attr, v, counts[element])
		}
	}
}

func (n *junitNode) count(counts map[string]int) {
	counts[n.XMLName.Local]++
	for i := range n.Nodes {
		n.Nodes[i].count(counts)
	}
}

func TestJUnitMatchesSchema(t *testing.T) {
	for _, f := range append(fixtures(), fixture{"large", large}) {
		out := render(t, "junit", f.make())
		if !utf8.ValidString(out) || strings.ContainsRune(out, utf8.RuneError) {
			t.Errorf("%s: invalid UTF-8", f.name)
		}
		var root junitNode
		dec := xml.NewDecoder(strings.NewReader(out))
		if err := dec.Decode(&root); err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		if tok, _ := dec.Token(); string(tok.(xml.CharData)) != "\n" {
			t.Errorf("%s: more after the root: %v", f.name, tok)
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: more after the root: %v", f.name, err)
		}
		if root.XMLName.Local != "testsuites" {
			t.Errorf("%s: root is %q", f.name, root.XMLName.Local)
		}
		root.check(t)
		counts := map[string]int{}
		root.count(counts)
		in := f.make()
		if in.Verdict != nil && (counts["failure"]+counts["error"] == 0) != (in.Verdict.Outcome == gatehouse.OutcomePass) {
			t.Errorf("%s: %v for %s", f.name, counts, in.Verdict.Outcome)
		}
	}
}

func TestGitHubCommands(t *testing.T) {
	for _, f := range append(fixtures(), fixture{"large", large}) {
		counts := map[string]int{}
		for line := range strings.Lines(render(t, "github", f.make())) {
			line = strings.TrimSuffix(line, "\n")
			level, rest, ok := strings.Cut(strings.TrimPrefix(line, "::"), " ")
			if !strings.HasPrefix(line, "::") {
				continue
			}
			if line == "::endgroup::" || strings.HasPrefix(line, "::group::") {
				continue
			}
			counts[level]++
			if !ok || !slices.Contains([]string{"error", "warning", "notice"}, level) {
				t.Errorf("%s: command %q", f.name, line)
			}
			// The runner ends the properties at the first "::".
			props, _, ok := strings.Cut(rest, "::")
			if !ok {
				t.Errorf("%s: no message in %q", f.name, line)
			}
			for p := range strings.SplitSeq(props, ",") {
				key, value, _ := strings.Cut(p, "=")
				if !slices.Contains([]string{"file", "line", "endLine", "col", "title"}, key) || strings.Contains(value, ":") {
					t.Errorf("%s: property %q", f.name, p)
				}
			}
		}
		for level, n := range counts {
			if n > maxAnnotations {
				t.Errorf("%s: %d annotations of level %s", f.name, n, level)
			}
		}
		if len(counts) == 0 {
			t.Errorf("%s: no annotation", f.name)
		}
	}
	out := render(t, "github", large())
	if !strings.Contains(out, "::group::gatehouse: 991 more problems") || !strings.HasSuffix(out, "::endgroup::\n") {
		t.Errorf("the rest is not counted: %.300s", out)
	}
}

func TestGitLabReport(t *testing.T) {
	for _, f := range fixtures() {
		var all []codeQuality
		dec := json.NewDecoder(strings.NewReader(render(t, "gitlab", f.make())))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&all); err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 && f.name != "pass" {
			t.Errorf("%s: empty", f.name)
		}
		seen := map[string]bool{}
		for _, q := range all {
			if q.Description == "" || q.CheckName == "" || q.Fingerprint == "" || q.Location.Path == "" || q.Location.Lines.Begin < 1 {
				t.Errorf("%s: incomplete entry %+v", f.name, q)
			}
			if !slices.Contains([]string{"info", "minor", "major", "critical", "blocker"}, q.Severity) {
				t.Errorf("%s: severity %q", f.name, q.Severity)
			}
			if seen[q.Fingerprint] {
				t.Errorf("%s: fingerprint %q occurs twice", f.name, q.Fingerprint)
			}
			seen[q.Fingerprint] = true
		}
	}
	if out := render(t, "gitlab", passing()); out != "[]\n" {
		t.Errorf("a pass is %q", out)
	}
}

func TestMarkdownSize(t *testing.T) {
	out := render(t, "markdown", large())
	if len(out) > maxComment {
		t.Errorf("%d bytes", len(out))
	}
	if !strings.Contains(out, "left out here") || !strings.Contains(out, "… and 750 more.") {
		t.Error("the cut is not stated")
	}
	if strings.Count(out, "<details>") != strings.Count(out, "</details>") {
		t.Error("unbalanced details")
	}
	// All cells as long as they can get after escaping.
	in := large()
	for i := range in.Report.Findings {
		in.Report.Findings[i].Message = strings.Repeat("|\x01", 500)
		in.Report.Findings[i].Fix = strings.Repeat("@#", 500)
		in.Report.Findings[i].Location.Path = strings.Repeat("`<", 2000)
	}
	in.Verdict.Reasons = []string{strings.Repeat("<", 100_000)}
	for i := range in.Verdict.Gaps {
		in.Verdict.Gaps[i].Reason = strings.Repeat("\x00", 3000)
	}
	if out = render(t, "markdown", in); len(out) > maxComment || !strings.Contains(out, "left out here") {
		t.Errorf("%d bytes of hostile text", len(out))
	}
	if !strings.Contains(out, "gatehouse: FAIL") {
		t.Error("the outcome is lost")
	}
}

// TestMarkdownEscapes guards against TM-14.
func TestMarkdownEscapes(t *testing.T) {
	out := render(t, "markdown", hostile())
	allowed := strings.NewReplacer("<code>", "", "</code>", "", "<br>", "", "<sub>", "", "</sub>", "",
		"<details>", "", "</details>", "", "<summary>", "", "</summary>", "").Replace(out)
	if i := strings.IndexAny(allowed, "<>`"); i >= 0 {
		t.Errorf("markup survives: %.80q", allowed[i:])
	}
	if strings.Contains(out, "](") || strings.ContainsAny(out, "\x1b\x00\u202e") {
		t.Error("a link or a control character survives")
	}
	code := false
	for part := range strings.SplitSeq(out, "code>") {
		if !code && (strings.Contains(part, "@octocat") || strings.Contains(part, "https://evil") || strings.Contains(part, "#1 ")) {
			t.Errorf("a mention, link or reference survives: %q", part)
		}
		code = !code
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "| ") && strings.Count(line, "|") != 5 && strings.Count(line, "|") != 8 {
			t.Errorf("a row has other columns: %q", line)
		}
	}
}
