package similar_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/similar"
)

func TestTo(t *testing.T) {
	for _, tt := range []struct{ kind, name, want string }{
		{"npm", "lodash", ""},
		{"npm", "loadsh", "lodash"},
		{"npm", "lodahs", "lodash"},
		{"npm", "lodashs", "lodash"},
		{"npm", "lodas", "lodash"},
		{"npm", "lodasb", "lodash"},
		{"npm", "cross_env", "cross-env"},
		{"npm", "crossenv", "cross-env"},
		{"npm", "preact", ""},
		{"npm", "chai", ""},
		{"npm", "chaj", ""},
		{"npm", "@babel/cor", "@babel/core"},
		{"npm", "@acme/lodash", ""},
		{"npm", "lodash-es", ""},
		{"pypi", "reqeusts", "requests"},
		{"pypi", "Django", ""},
		{"pypi", "urlib3", "urllib3"},
		{"pypi", "python-dateutil", ""},
		{"pypi", "beautifulsoup", "beautifulsoup4"},
		{"cargo", "rustdecimal", "rust_decimal"},
		{"cargo", "serde_jsn", "serde_json"},
		{"gem", "active-support", "activesupport"},
		{"composer", "guzzlehttp/guzle", "guzzlehttp/guzzle"},
		{"golang", "github.com/pkg/errrors", "github.com/pkg/errors"},
		{"golang", "github.com/pkg/errors", ""},
		{"golang", "github.com/go-chi/chi/v5", ""},
		{"golang", "gopkg.in/yaml.v3", ""},
		{"golang", "github.com/Sirupsen/logrus", ""},
		{"golang", "github.com/acme/errors", ""},
		{"maven", "org.apache.commons:commons-lang4", "org.apache.commons:commons-lang3"},
		{"maven", "com.fasterxml.jackson.core:jackson-databind", ""},
		{"npm", "l0dash", "lodash"},
		{"npm", "expre55", ""},
		{"npm", "ехрrеss", "express"}, // four of the letters are Cyrillic
		{"npm", "cornrnander", "commander"},
		{"npm", "@type/node", "@types/node"},
		{"npm", "@tpyes/whatever", "@types/whatever"},
		{"npm", "@types/whatever", ""},
		{"npm", "@acme/core", ""},
		{"npm", "types-node", "@types/node"},
		{"npm", "types_lodash", "@types/lodash"},
		{"npm", "typescript", ""},
		{"npm", "types", ""},
		{"npm", "@/x", ""},
		{"npm", "/x/y/z", ""},
		{"pypi", "types-requests", ""},
		{"npm", "", ""},
		{"npm", "lodаsh", "lodash"}, // with a Cyrillic letter
	} {
		if got := similar.To(tt.kind, tt.name); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.kind, tt.name, got, tt.want)
		}
	}
}

// No well-known name is similar to another, however it is written.
func TestWellKnown(t *testing.T) {
	text, err := os.ReadFile("popular.txt")
	if err != nil {
		t.Fatal(err)
	}
	kind, n := "", 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			kind = strings.Trim(line, "[]")
		default:
			n++
			for _, name := range []string{line, strings.ToUpper(line)} {
				if got := similar.To(kind, name); got != "" {
					t.Errorf("%s %s is similar to %s", kind, name, got)
				}
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d names", n)
	}
}

func BenchmarkTo(b *testing.B) {
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("some-package-%d", i)
	}
	i := 0
	for b.Loop() {
		similar.To("npm", names[i%len(names)])
		i++
	}
}
