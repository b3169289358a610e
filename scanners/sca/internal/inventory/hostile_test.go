package inventory

import (
	"fmt"
	"strings"
	"testing"
)

// TestHostile reads files that would take for ever if the work grew with the
// square of their size. Each names a package or says why not.
func TestHostile(t *testing.T) {
	const n = 50_000
	repeat := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(i)))
		}
		return b.String()
	}
	long := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct{ path, text string }{
		"one package in many places": {"package-lock.json", `{"lockfileVersion":3,"packages":{"":{}` + repeat(`,"node_modules/p#/node_modules/a":{"version":"1.0.0","integrity":"sha1-`+strings.Repeat("A", 27)+`=","dependencies":{"a":"1"}}`, n) + `}}`},
		"a long path":                {"package-lock.json", `{"lockfileVersion":3,"packages":{"node_modules/` + long + `":{"version":"1","dependencies":{"a":"1"` + repeat(`,"b#":"1"`, n) + `}}}}`},
		"long names that nest":       {"package-lock.json", `{"lockfileVersion":1,"dependencies":{"` + long + `":{"version":"1","dependencies":{"a":{"version":"1"}` + repeat(`,"b#":{"version":"1"}`, n) + `}}}}`},
		"deep nesting":               {"package-lock.json", strings.Repeat(`{"dependencies":{"a":`, 100_000)},
		"keys that stand twice":      {"package-lock.json", `{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1"}` + repeat(`,"node_modules/a":{"version":"#"}`, n) + `}}`},
		"a cycle":                    {"yarn.lock", repeat("p#@1:\n  version \"1\"\n  dependencies:\n    q \"1\"\n\n", n) + "q@1:\n  version \"1\"\n  dependencies:\n    p1 \"1\"\n"},
		"many patterns":              {"yarn.lock", "a@1" + repeat(", a@#.0", n) + ":\n  version \"1\"\n"},
		"many importers":             {"pnpm-lock.yaml", "lockfileVersion: '9.0'\nimporters:\n" + repeat("  p#:\n    dependencies:\n      a:\n        specifier: 'catalog:'\n        version: 1.0.0\n", n) + "packages:\n  a@1.0.0: {}\nsnapshots:\n  a@1.0.0: {}\n"},
		"many specifiers":            {"pnpm-lock.yaml", "lockfileVersion: 5.4\nspecifiers:\n" + repeat("  a#: '1'\n", n) + "dependencies:\n" + repeat("  a#: 1.0.0\n", n) + "packages:\n" + repeat("  /a#/1.0.0: {}\n", n)},
		"many tables":                {"Cargo.lock", "version = 3\n" + repeat("[a#]\n", n) + "[[package]]\nname = 'a'\nversion = '1'\n" + repeat("[package.t#]\n", n)},
		"one name, many versions":    {"uv.lock", "version = 1\n" + repeat("[[package]]\nname = 'a'\nversion = '#'\n", 2000) + "[[package]]\nname = 'b'\nversion = '1'\ndependencies = [" + repeat("{name = 'a', version = '#'},", 2000) + "]\n"},
		"many tools":                 {"go.mod", "module m\n\ngo 1.24\n\nrequire a.b/c v1.0.0\n" + repeat("tool a.b/c/cmd#\n", 2000)},
		"brackets in yaml":           {"pnpm-lock.yaml", "a: " + strings.Repeat("[", 100_000)},
		"aliases in yaml":            {"pubspec.lock", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nsdks: {}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &Lockfile{Path: c.path, Data: []byte(c.text)}
			inv, err := Safely(f, FormatOf(c.path).Parse)
			inv.Normalise()
			g := NewGraph(inv.Packages)
			for i := range inv.Packages {
				inv.Packages[i].Component(g.ByID)
			}
			if err == nil && len(inv.Packages) == 0 && len(inv.Gaps) == 0 {
				t.Error("nothing is said about it")
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Error("the error is long")
			}
		})
	}
}
