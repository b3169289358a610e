package checks

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

var builtIn = fstest.MapFS{"a.rego": check("A", "p.a", podSelector, always)}

const (
	annotated = `# METADATA
# title: No latest
# custom:
#   id: USR-0001
#   severity: CRITICAL
#   recommended_action: Pin the tag
#   input:
#     selector:
#     - type: kubernetes
#       subtypes:
#       - kind: Pod
package user.tags

import rego.v1

import data.lib.names

deny contains res if {
	input.metadata.name == names.bad
	res := result.new("bad name", input.metadata)
}
`
	oldStyle = `package user.old

__rego_metadata__ := {"id": "USR-0002", "title": "Old", "severity": "LOW", "url": "https://example.com"}

__rego_input__ := {"selector": [{"type": "kubernetes"}]}

deny[res] {
	input.kind == "Pod"
	res := {"msg": "old", "startline": 7}
}
`
)

func TestUserChecks(t *testing.T) {
	s := load(t, time.Time{}, builtIn)
	digest := s.Digest
	err := s.Add([]File{
		{"mine/tags.rego", annotated}, {"mine/lib.rego", "package lib.names\n\nbad := \"latest\"\n"}, {"mine/old.rego", oldStyle},
		{"mine/one.rego", "package main\n\ndeny[msg] {\n  input.kind == \"Pod\"\n  msg := \"one\"\n}\n"},
		{"mine/two.rego", "package main\n\ndeny contains msg if {\n  msg := \"two\"\n}\n\nwarn_soft contains msg if {\n  msg := \"soft\"\n}\n"},
	}, []Type{Dockerfile, Kubernetes, Cloud}, true)
	if err != nil {
		t.Fatal(err)
	}
	if s.Digest == digest {
		t.Error("the digest does not depend on the checks of the user")
	}
	results, failures, err := s.Eval(t.Context(), Kubernetes, ast.MustParseTerm(`{"kind": "Pod", "metadata": {"name": "latest", "__defsec_metadata": {"startline": 3, "filepath": "x.yaml"}}}`).Value)
	if err != nil || len(failures) > 0 {
		t.Fatal(err, failures)
	}
	var got []string
	for _, r := range results {
		got = append(got, r.Check.ID+" "+r.Check.Severity.String()+" "+r.Message)
		if r.Check.ID == "USR-0001" && (r.StartLine != 3 || r.Path != "x.yaml" || r.Check.Fix != "Pin the tag") {
			t.Errorf("got %+v", r)
		}
		if r.Check.ID == "USR-0002" && (r.StartLine != 7 || !slices.Equal(r.Check.References, []string{"https://example.com"})) {
			t.Errorf("got %+v", r)
		}
	}
	want := []string{"A LOW no", "USR-0001 CRITICAL bad name", "USR-0002 LOW old", "main.deny HIGH one", "main.deny HIGH two", "main.warn_soft LOW soft"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if results, _, err = s.Eval(t.Context(), Dockerfile, ast.MustParseTerm(`{"Stages": []}`).Value); err != nil || len(results) != 2 {
		t.Errorf("without a selector: %v, %v", results, err)
	}
}

func TestUserChecksRefused(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"syntax":        {"package user.x\n\nimport rego.v1\n\ndeny contains msg if {\n", "x.rego:"},
		"old syntax":    {"package user.x\n\ndeny contains {\n", "x.rego:4"},
		"unknown name":  {"package user.x\n\nimport rego.v1\n\ndeny contains msg if {\n  msg := nosuch(1)\n}\n", "x.rego:6"},
		"network":       {"package user.x\n\nimport rego.v1\n\ndeny contains msg if {\n  msg := http.send({})\n}\n", "x.rego:6"},
		"complete rule": {"package user.x\n\nimport rego.v1\n\ndeny := \"x\"\n", "x.rego:5: deny must be a set"},
		"selector":      {"package user.x\n\n__rego_input__ := {\"selector\": [{\"type\": \"cobol\"}]}\n\ndeny[m] { m := \"x\" }\n", `x.rego:5: the selector names the type "cobol"`},
		"severity":      {"package user.x\n\n__rego_metadata__ := {\"severity\": \"AWFUL\"}\n\ndeny[m] { m := \"x\" }\n", "x.rego:5"},
		"same id":       {"package user.x\n\n__rego_metadata__ := {\"id\": \"A\"}\n\ndeny[m] { m := \"x\" }\n", `x.rego: the id "A"`},
		"metadata":      {"package user.x\n\n__rego_metadata__ := {\"id\": 1}\n\ndeny[m] { m := \"x\" }\n", "x.rego:1: __rego_metadata__ cannot be read"},
	} {
		err := load(t, time.Time{}, builtIn).Add([]File{{"x.rego", tt.text}}, []Type{Kubernetes}, true)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s…", name, err, tt.want)
		}
	}
}
