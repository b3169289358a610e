package nearest

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	names := []string{"vulnerabilities", "secrets", "gatehouse.baseline.secrets.deny", "iac", "sca"}
	for s, want := range map[string][]string{
		"vulnerabilites": {"vulnerabilities"},
		"secret":         {"secrets", "gatehouse.baseline.secrets.deny"},
		"secrets.dney":   {"gatehouse.baseline.secrets.deny"},
		"SCA":            {"sca"},
		"zzzzzz":         nil,
		"":               nil,
	} {
		got := Names(s, names)
		if s == "secret" {
			got = got[:min(len(got), 2)]
		}
		if len(got) > 0 && s == "SCA" {
			got = got[:1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func TestHint(t *testing.T) {
	for _, c := range []struct {
		s     string
		names []string
		want  string
	}{
		{"exclud", []string{"exclude", "output"}, "; did you mean \"exclude\"?"},
		{"zzz", []string{"b", "a"}, "; known are \"a\", \"b\""},
		{"x", nil, "; there is none"},
	} {
		if got := Hint(c.s, c.names); got != c.want {
			t.Errorf("%q: got %q, want %q", c.s, got, c.want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "ab", 2}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"abc", "ab", 1}} {
		if got := Distance(c.a, c.b); got != c.want || Distance(c.b, c.a) != got {
			t.Errorf("%q and %q: %d", c.a, c.b, got)
		}
	}
}
