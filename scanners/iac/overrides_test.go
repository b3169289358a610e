package iac

import (
	"fmt"
	"io/fs"
	"testing"

	trivychecks "github.com/aquasecurity/trivy-checks"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// The library that takes the place of an embedded one gives the same answers.
func TestOverridesOfLibraries(t *testing.T) {
	const place = `"__defsec_metadata": {"startline": 1}`
	objects := []string{
		`{}`, `{` + place + `}`, `"text"`,
		`{"a": {"value": false, "fskey": "x"}, "b": {"value": 1, "fskey": ""}, ` + place + `}`,
		`{"a": {"b": {"value": 1, "fskey": "x"}}, "b": {"value": 2, "fskey": "x"}, "c": {"a": {` + place + `}}}`,
		`{"a": {"b": {"c": {` + place + `}}, ` + place + `}, "b": {"c": {"value": null, "fskey": "x"}}, ` + place + `}`,
		`{"a": {"__defsec_metadata": false, "value": 1}, ` + place + `}`,
		`{"a": [{` + place + `}, {"b": {` + place + `}}], ` + place + `}`,
	}
	paths := []string{`[]`, `"a"`, `["a"]`, `["b"]`, `["a", "b"]`, `["b", "a"]`, `["a", "b", "c"]`, `["a", "x", "c"]`, `["a", 0]`, `["a", 1, "b"]`, `{"a": 1}`}
	ask := func(lib string) rego.PreparedEvalQuery {
		q, err := rego.New(rego.Query("data.lib.cloud.metadata.obj_by_path(input.object, input.path)"), rego.Module("lib.rego", lib)).PrepareForEval(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	const name = "lib/cloud/metadata.rego"
	theirs, err := fs.ReadFile(trivychecks.EmbeddedLibraryFileSystem, name)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := fs.ReadFile(overrides, "overrides/"+name)
	if err != nil {
		t.Fatal(err)
	}
	before, after := ask(string(theirs)), ask(string(ours))
	for _, object := range objects {
		for _, path := range paths {
			input := ast.MustParseTerm(fmt.Sprintf(`{"object": %s, "path": %s}`, object, path)).Value
			want, err := before.Eval(t.Context(), rego.EvalParsedInput(input))
			if err != nil {
				t.Fatal(err)
			}
			got, err := after.Eval(t.Context(), rego.EvalParsedInput(input))
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s of %s: got %v, want %v", path, object, got, want)
			}
		}
	}
}
