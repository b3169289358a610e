package secrets_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

// TestSuppressedIn is about what suppresses by commit: the scanner says it for
// each commit, as the commit is not known to it.
func TestSuppressedIn(t *testing.T) {
	token := "gh" + "p_" + "k9Xw2Lq7Rt4Zb8NvMd3" + "Hs6Fj1Gc5Ty0PuAeo" // random enough for the rule of gitleaks
	one, two := strings.Repeat("ab", 20), strings.Repeat("cd", 20)
	for name, tt := range map[string]struct {
		rules, known string
		want         []string
		found        bool
	}{
		"nothing":           {"", "", nil, true},
		"line":              {"", one + ":a/b.env:github-pat:2\n", []string{one}, true},
		"line and any":      {"", one + ":a/b.env:github-pat:2\n" + two + ":a/b.env:github-pat:2\na/c.env:github-pat:2", []string{one, two}, true},
		"another line":      {"", one + ":a/b.env:github-pat:1\n", nil, true},
		"report":            {"", `[{"RuleID": "github-pat", "File": "a/b.env", "StartLine": 2, "Secret": "REDACTED", "Commit": "` + one + `"}]`, []string{one}, true},
		"commits":           {"[extend]\nuseDefault = true\n[[allowlists]]\ncommits = ['" + strings.ToUpper(one) + "', '" + two + "']", "", []string{one, two}, true},
		"old form":          {"[extend]\nuseDefault = true\n[allowlist]\ncommits = ['" + one + "']", "", []string{one}, true},
		"or path":           {"[extend]\nuseDefault = true\n[[allowlists]]\ncommits = ['" + one + "']\npaths = ['''other''']", "", []string{one}, true},
		"or this path":      {"[extend]\nuseDefault = true\n[[allowlists]]\ncommits = ['" + one + "']\npaths = ['''^a/''']", "", nil, false},
		"and path":          {"[extend]\nuseDefault = true\n[[allowlists]]\ncondition = 'AND'\ncommits = ['" + one + "']\npaths = ['''other''']", "", nil, true},
		"and this path":     {"[extend]\nuseDefault = true\n[[allowlists]]\ncondition = 'AND'\ncommits = ['" + one + "']\npaths = ['''^a/''']", "", []string{one}, true},
		"of a rule":         {"[extend]\nuseDefault = true\n[[rules]]\nid = 'github-pat'\n[[rules.allowlists]]\ncommits = ['" + one + "']", "", []string{one}, true},
		"of another rule":   {"[extend]\nuseDefault = true\n[[allowlists]]\ntargetRules = ['npm-access-token']\ncommits = ['" + one + "']", "", nil, true},
		"of a rule by name": {"[extend]\nuseDefault = true\n[[allowlists]]\ntargetRules = ['github-pat']\ncommits = ['" + one + "']", "", []string{one}, true},
	} {
		o := secrets.Options{Key: []byte(testKey)}
		if tt.rules != "" {
			o.Rules = []secrets.File{{Name: "rules.toml", Data: []byte(tt.rules)}}
		}
		if tt.known != "" {
			o.Known = []secrets.File{{Name: "known", Data: []byte(tt.known)}}
		}
		s, err := secrets.New(o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := gatehouse.Scan(t.Context(), &gatehouse.Target{Kind: gatehouse.TargetGit, Name: "x", FS: version{fstest.MapFS{
			"a/b.env@1": &fstest.MapFile{Data: []byte("\nTOKEN=" + token + "\n")}}}}, []*gatehouse.Scanner{s}, gatehouse.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Coverage.Gaps) > 0 || r.Target.Files != 1 {
			t.Fatalf("%s: %+v", name, r.Coverage.Gaps)
		}
		found := r.Findings
		if (len(found) > 0) != tt.found || len(found) > 1 {
			t.Errorf("%s: %d findings", name, len(found))
			continue
		}
		for _, f := range found {
			if got := slices.Sorted(maps.Keys(f.Secret.SuppressedIn)); !slices.Equal(got, tt.want) || f.Suppressed != nil {
				t.Errorf("%s: suppressed in %q, want %q; in all %+v", name, got, tt.want, f.Suppressed)
			}
		}
	}
}

// version is a tree with one version of one file.
type version struct{ fstest.MapFS }

func (version) List(context.Context) (gatehouse.Listing, error) {
	return gatehouse.Listing{Files: []gatehouse.FileInfo{{Path: "a/b.env", Version: "1", Mode: 0o644}}}, nil
}
