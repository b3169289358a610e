package similar_test

import (
	"fmt"
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
		{"golang", "github.com/pkg/errrors", ""},
		{"npm", "", ""},
		{"npm", "lodаsh", "lodash"}, // with a Cyrillic letter
	} {
		if got := similar.To(tt.kind, tt.name); got != tt.want {
			t.Errorf("%s %s: %q, want %q", tt.kind, tt.name, got, tt.want)
		}
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
