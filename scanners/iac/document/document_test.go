package document

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

func TestParse(t *testing.T) {
	laughs := "a0: &a0 [x, x]\n"
	for i := 1; i < 40; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	ladder := "a0: &a0 [x]\n"
	for i := 1; i < limits.MaxNesting+2; i++ {
		ladder += fmt.Sprintf("a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	deep := strings.Repeat("[", limits.MaxNesting+2) + strings.Repeat("]", limits.MaxNesting+2)
	tests := []struct {
		name, text string
		docs       int
		code       gatehouse.GapCode // of the error, "" for none
	}{
		{"empty", "", 0, ""},
		{"only comments", "# nothing\n", 0, ""},
		{"two documents", "a: 1\n---\n---\nb: 2\n", 2, ""},
		{"JSON", `{"a": "😀", "b": [1, 2.5, null, true]}`, 1, ""},
		{"JSON with tabs", "{\n\t\"a\": 1\n}", 1, ""},
		{"flow style YAML", "{a: 1, b: [x]}\n", 1, ""},
		{"alias", "a: &a {b: 1}\nc: *a\n", 1, ""},
		{"broken second document", "a: 1\n---\nb: [\n", 1, gatehouse.GapParse},
		{"billion laughs", laughs, 0, gatehouse.GapTooLarge},
		{"alias in itself", "a: &a\n  b: *a\n", 0, gatehouse.GapParse},
		{"deep through aliases", ladder, 0, gatehouse.GapTooLarge},
		{"deep JSON", deep, 0, gatehouse.GapTooLarge},
		{"deep YAML", strings.ReplaceAll(strings.Repeat("- ", limits.MaxNesting+2), "\n", ""), 0, gatehouse.GapTooLarge},
		{"invalid UTF-8", "a: \xff\xfe\n", 0, gatehouse.GapParse},
		{"binary", "\x00\x01\x02", 0, gatehouse.GapParse},
		{"truncated JSON", `{"a": [1,`, 0, gatehouse.GapParse},
		{"too many bytes", strings.Repeat("#", limits.MaxYAMLBytes+1), 0, gatehouse.GapTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			docs, err := Parse([]byte(tt.text))
			code := gatehouse.GapCode("")
			if err != nil {
				code = gatehouse.GapParse
				if u, ok := errors.AsType[*gatehouse.Unscannable](err); ok {
					code = u.Code
				}
			}
			if len(docs) != tt.docs || code != tt.code {
				t.Errorf("got %d documents and %q (%v), want %d and %q", len(docs), code, err, tt.docs, tt.code)
			}
		})
	}
}

func TestLines(t *testing.T) {
	for _, text := range []string{
		"a: 1\n---\nkind: x\nspec:\n  deep: y\n",
		"\n\n{\"kind\": \"x\",\n \"spec\": {\"deep\":\n \"y\"}}",
	} {
		docs, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		last := docs[len(docs)-1]
		if got := Get(Get(last, "spec"), "deep"); got == nil || got.Line != 5 || String(last, "spec", "deep") != "y" {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}
