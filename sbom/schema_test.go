package sbom_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-sec/gatehouse/sbom"
)

// schemas are the official ones, which the project does not carry: a directory
// with bom-1.6.schema.json, spdx.schema.json, jsf-0.82.schema.json,
// cryptography-defs.schema.json and, for SPDX, spdx-schema.json.
func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	dir := os.Getenv("SBOM_SCHEMAS")
	if dir == "" {
		t.Skip("SBOM_SCHEMAS is not set: documents are NOT validated against the official schemas")
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no schema in %s: %v", dir, err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		base := strings.Replace(filepath.Base(f), ".SNAPSHOT", "", 1)
		for _, at := range []string{"http://cyclonedx.org/schema/", "https://cyclonedx.org/schema/"} {
			for _, as := range []string{base, strings.Replace(base, ".schema", ".SNAPSHOT.schema", 1)} {
				if err := c.AddResource(at+as, doc); err != nil && !strings.Contains(err.Error(), "already") {
					t.Fatal(err)
				}
			}
		}
	}
	s, err := c.Compile("http://cyclonedx.org/schema/" + name)
	if err != nil {
		t.Skipf("%s cannot be used, so nothing was validated against it: %v", name, err)
	}
	return s
}

func TestOfficialSchemas(t *testing.T) {
	for _, tt := range []struct {
		format sbom.Format
		schema string
	}{{sbom.CycloneDX, "bom-1.6.schema.json"}, {sbom.SPDX, "spdx-schema.json"}} {
		t.Run(string(tt.format), func(t *testing.T) {
			s := schema(t, tt.schema)
			for name, r := range reports() {
				doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(write(t, r, tt.format)))
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Validate(doc); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":1}]}`))
			if err != nil {
				t.Fatal(err)
			}
			if s.Validate(doc) == nil {
				t.Error("the schema accepts anything")
			}
		})
	}
}
