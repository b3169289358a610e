package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	invopop "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the schema")

const schemaFile = "schema/gatehouse.schema.json"

// schema makes the JSON Schema of gatehouse.yaml from its type.
func schema(t *testing.T) []byte {
	t.Helper()
	r := &invopop.Reflector{DoNotReference: true, FieldNameTag: "yaml"}
	s := r.Reflect(&Config{})
	s.ID = ""
	s.Title = "gatehouse.yaml"
	s.Required = []string{"version"}
	s.AdditionalProperties = invopop.FalseSchema
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		pair.Value.Required = nil
	}
	iac, _ := s.Properties.Get("iac")
	helm, _ := iac.Properties.Get("helm")
	helm.Items.Required = []string{"chart"}
	exclude, _ := s.Properties.Get("exclude")
	object := exclude.Items
	object.Required = []string{"path"}
	exclude.Items = &invopop.Schema{OneOf: []*invopop.Schema{{Type: "string"}, object}}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestSchemaIsUpToDate(t *testing.T) {
	want := schema(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not up to date; run: go test ./internal/config -update", schemaFile)
	}
}

// The schema and the strict reader agree on what is a configuration.
func TestSchemaAgreesWithReader(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	sch, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	starter, err := os.ReadFile("../cli/starter/gatehouse.yaml")
	if err != nil {
		t.Fatal(err)
	}
	demo, err := os.ReadFile("../../fixtures/demo/parcel/gatehouse.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{string(starter), true},
		{string(demo), true},
		{"version: 1\nexclude: [a, {path: b, reason: c}]\nlimits: {max_file_bytes: 5, file_timeout: 2m}\n", true},
		{"version: 1\npolicy: {baseline: false, settings: {x: {y: 1}}}\n", true},
		{"version: 2\n", false},
		{"exclude: []\n", false},
		{"version: 1\nexcludes: []\n", false},
		{"version: 1\npolicy: {path: x}\n", false},
		{"version: 1\npolicy: {paths: {a: 1}}\n", false},
		{"version: 1\nscanners: secrets\n", false},
		{"version: 1\ndatabase: somewhere\n", false},
		{"version: 1\nexclude: [{pth: a}]\n", false},
		{"version: 1\ncache: {enabled: perhaps}\n", false},
	} {
		file := filepath.Join(t.TempDir(), FileName)
		if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, readErr := Load(file, "")
		var v any
		if err := yaml.Unmarshal([]byte(c.text), &v); err != nil {
			t.Fatal(err)
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		inst, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
		if err != nil {
			t.Fatal(err)
		}
		schemaErr := sch.Validate(inst)
		if (readErr == nil) != c.ok || (schemaErr == nil) != c.ok {
			t.Errorf("%q: want valid %v; the reader says %v, the schema %v", c.text, c.ok, readErr, schemaErr)
		}
		if readErr != nil && !strings.Contains(readErr.Error(), file) {
			t.Errorf("%q: the error does not name the file: %v", c.text, readErr)
		}
	}
}

func TestExcluder(t *testing.T) {
	c := &Config{Exclude: []Exclude{{Path: "vendor/**"}, {Path: "**/*.min.js", Reason: "minified"}, {Path: "build/"}}}
	ex := c.Excluder()
	for _, tc := range []struct {
		path string
		dir  bool
		want bool
	}{
		{".git", true, true}, {"sub/.git", true, true}, {".git", false, false}, {".gitignore", false, false},
		{"vendor", true, true}, {"vendor", false, false}, {"a/vendor", true, false},
		{"a/b.min.js", false, true}, {"b.min.js", false, true}, {"b.js", false, false},
		{"build", true, true}, {"build", false, false}, {"a/build", true, false},
	} {
		if reason, got := ex(tc.path, tc.dir); got != tc.want || got == (reason == "") {
			t.Errorf("%s (directory %v): %v %q", tc.path, tc.dir, got, reason)
		}
	}
}

func TestResolve(t *testing.T) {
	c := &Config{Path: "/repo/gatehouse.yaml"}
	if err := c.ApplyEnv([]string{"GATEHOUSE_CACHE_DIR=here", "OTHER=x"}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range [][3]string{{"waivers", "w.yaml", "/repo/w.yaml"}, {"waivers", "/w.yaml", "/w.yaml"}, {"cache.dir", "here", "here"}} {
		if got := c.Resolve(tc[0], tc[1]); got != tc[2] {
			t.Errorf("%s %s: got %s, want %s", tc[0], tc[1], got, tc[2])
		}
	}
}

func TestVariablesAreDocumentedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range Variables() {
		if seen[v.Name] || v.Doc == "" || !strings.HasPrefix(v.Name, "GATEHOUSE_") {
			t.Errorf("%+v", v)
		}
		seen[v.Name] = true
	}
	if len(seen) == 0 {
		t.Fatal("there is none")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("version: 1\nexclude: [a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), FileName)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := Load(file, "")
		if err == nil && c.Version != 1 {
			t.Errorf("version %d is accepted", c.Version)
		}
	})
}
