package checks

import (
	"reflect"
	"strings"
	"testing"

	trivychecks "github.com/aquasecurity/trivy-checks"
	"go.yaml.in/yaml/v3"
)

// Whatever the quick reader accepts, it reads as a YAML parser does.
func TestSimpleAgreesWithYAML(t *testing.T) {
	files, err := regoFiles(trivychecks.EmbeddedPolicyFileSystem)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"quotes": "title: 'a: b'\ncustom:\n  id: \"x\"\n", "literal": "description: |\n  a\n\n  b\n    c\ncustom:\n  id: x\n",
		"folded": "description: >\n  a\n  b\n", "plain over lines": "description: a\n  b\n", "escape": "title: \"a\\tb\"\n", "comment": "title: a # b\n",
		"flow": "custom: {id: x}\n", "list": "custom:\n  aliases:\n  - a\n  - b\n  id: x\n", "nested": "custom:\n  input:\n    selector:\n    - type: cloud\n      subtypes:\n        - kind: a\n        - kind: b\n    - type: kubernetes\n",
		"anchor": "title: &a b\n", "colon": "title: a: b\n", "empty": "title:\ncustom:\n  id: x\n", "strip": "description: |-\n  a\n", "deeper first": "description: |\n\n    a\n  b\n",
	}
	for name, source := range files {
		_, rest, _ := strings.Cut(source, "# METADATA\n")
		var text strings.Builder
		for line := range strings.Lines(rest) {
			comment, ok := strings.CutPrefix(line, "#")
			if !ok {
				break
			}
			text.WriteString(strings.TrimPrefix(comment, " "))
		}
		texts[name] = text.String()
	}
	simple := 0
	for name, text := range texts {
		n, ok := parseSimple(text)
		if !ok {
			continue
		}
		simple++
		var got, want header
		got.fill(n)
		if err := yaml.Unmarshal([]byte(text), &want); err != nil {
			t.Errorf("%s: accepted what is no YAML: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
	if len(files) == 0 || simple < len(files)*8/10 {
		t.Errorf("only %d of %d are simple", simple, len(files))
	}
	t.Logf("%d of %d are simple", simple, len(files))
}
