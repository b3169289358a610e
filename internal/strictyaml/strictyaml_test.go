package strictyaml

import (
	"strings"
	"testing"
)

type doc struct {
	Name  string         `yaml:"name"`
	Count int            `yaml:"count"`
	On    *bool          `yaml:"on"`
	List  []item         `yaml:"list"`
	Map   map[string]int `yaml:"map"`
	Any   map[string]any `yaml:"any"`
	Skip  string         `yaml:"-"`
}

type item struct {
	ID string `yaml:"id"`
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, text string
		err        string // empty: no error
	}{
		{"all", "name: a\ncount: 1\non: true\nlist: [{id: x}]\nmap: {k: 1}\nany: {x: [1, {y: 2}]}\n", ""},
		{"empty", "", ""},
		{"comment", "# nothing\n", ""},
		{"unknown", "name: a\nnmae: b\n", `f.yaml:2: unknown key "nmae"; did you mean "name"?`},
		{"nested unknown", "list:\n  - id: a\n  - ident: b\n", `f.yaml:3: unknown key "list.ident"`},
		{"hidden field", "Skip: x\n", `unknown key "Skip"`},
		{"twice", "name: a\nname: b\n", `f.yaml:2: "name" is given twice, first in line 1`},
		{"scalar for list", "list: x\n", "f.yaml:1: list must be a list"},
		{"list for scalar", "name: [a]\n", "f.yaml:1: name must be a text, not a list"},
		{"mapping for list", "list: {a: 1}\n", "list must be a list, not a mapping"},
		{"text for number", "count: many\n", "f.yaml:1: cannot unmarshal"},
		{"text for bool", "\non: perhaps\n", "f.yaml:2: cannot unmarshal"},
		{"two documents", "name: a\n---\nname: b\n", "only one YAML document"},
		{"alias", "name: &x a\nany: {y: *x}\n", "aliases are not supported"},
		{"broken", "name: [\n", "f.yaml:"},
		{"tab", "name:\n\t- a\n", "f.yaml:2: "},
		{"scalar document", "hello\n", "must be a mapping"},
		{"invalid UTF-8", "name: \xff\n", "f.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d doc
			err := Decode("f.yaml", []byte(c.text), &d)
			switch {
			case c.err == "" && err != nil:
				t.Errorf("got %v", err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("got %v, want %s", err, c.err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("name: a\nlist: [{id: x}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		var d doc
		if err := Decode("f.yaml", []byte(text), &d); err != nil && !strings.HasPrefix(err.Error(), "f.yaml:") {
			t.Errorf("the error does not start with the name: %v", err)
		}
	})
}
