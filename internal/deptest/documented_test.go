package deptest

import (
	"os"
	"regexp"
	"testing"

	"golang.org/x/mod/modfile"
)

// Each direct dependency has a reason in docs/dependencies.md.
//
// It guards against TM-16.
func TestDependenciesAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z0-9.-]+\.[a-z]+/\S+) \| \S.*\|$`).FindAllSubmatch(doc, -1) {
		reasons[string(m[1])] = true
	}
	direct := 0
	for _, r := range mod.Require {
		if r.Indirect {
			continue
		}
		direct++
		if !reasons[r.Mod.Path] {
			t.Errorf("docs/dependencies.md gives no reason for %s", r.Mod.Path)
		}
		delete(reasons, r.Mod.Path)
	}
	if direct == 0 {
		t.Fatal("no direct dependency was found in go.mod")
	}
	for path := range reasons {
		t.Errorf("docs/dependencies.md lists %s, which is no direct dependency", path)
	}
}
