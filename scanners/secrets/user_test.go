package secrets_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

func withRules(t *testing.T, toml ...string) *gatehouse.Scanner {
	t.Helper()
	o := secrets.Options{Key: []byte(testKey)}
	for i, text := range toml {
		o.Rules = append(o.Rules, secrets.File{Name: fmt.Sprintf("rules%d.toml", i), Data: []byte(text)})
	}
	s, err := secrets.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ids(r *gatehouse.Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, fmt.Sprintf("%s@%s:%d", f.Rule, f.Location.Path, f.Location.Line))
	}
	slices.Sort(all)
	return all
}

func TestUserRules(t *testing.T) {
	acme := "acm" + "e_k9Xw2Lq7Rt4Zb8Nv"
	other := "acm" + "e_AAAAAAAAAAAAAAAA"
	rule := "[[rules]]\nid = \"acme\"\ndescription = \"ACME token.\"\nregex = '''acme_[A-Za-z0-9]{16}'''\nkeywords = [\"acme_\"]\n"
	tests := []struct {
		name, toml string
		files      map[string]string
		want       []string
	}{
		{"a rule", rule, map[string]string{"a": acme + "\n" + pat}, []string{"acme@a:1", "github-pat@a:2"}},
		{"entropy", rule + "entropy = 3.0\n", map[string]string{"a": acme + "\n" + other}, []string{"acme@a:1"}},
		{"keyword missing", strings.Replace(rule, `"acme_"`, `"nowhere"`, 1), map[string]string{"a": acme}, nil},
		{"path", rule + "path = '''\\.env$'''\n", map[string]string{"a": acme, "b.env": acme}, []string{"acme@b.env:1"}},
		{"path alone", "[[rules]]\nid = \"kdbx\"\npath = '''\\.kdbx$'''\n", map[string]string{"a.kdbx": "\x03\xd9\xa2\x9a", "b": ""}, []string{"kdbx@a.kdbx:0"}},
		{"group", "[[rules]]\nid = \"acme\"\nregex = '''(token|key) acme_([A-Za-z0-9]{16})'''\nsecretGroup = 2\n[[rules.allowlists]]\nregexes = ['''^A+$''']\n",
			map[string]string{"a": "key " + other + "\nkey " + acme}, []string{"acme@a:2"}},
		{"allow list, new form", rule + "[[rules.allowlists]]\nstopwords = [\"K9XW\"]\n", map[string]string{"a": acme + "\n" + other}, []string{"acme@a:2"}},
		{"allow list, old form", rule + "[rules.allowlist]\nregexTarget = \"line\"\nregexes = ['''sample''']\n", map[string]string{"a": "sample " + acme + "\n" + other}, []string{"acme@a:2"}},
		{"all conditions", rule + "[[rules.allowlists]]\ncondition = \"AND\"\npaths = ['''^test/''']\nstopwords = [\"k9xw\"]\n",
			map[string]string{"a": acme, "test/a": acme, "test/b": other}, []string{"acme@a:1", "acme@test/b:1"}},
		{"allow list for some rules", rule + "[[allowlists]]\ntargetRules = [\"acme\"]\npaths = ['''^test/''']\n", map[string]string{"test/a": acme + "\n" + pat}, []string{"github-pat@test/a:2"}},
		{"allow list without default", rule + "[allowlist]\npaths = ['''^test/''']\n", map[string]string{"test/a": acme + "\n" + pat}, []string{"github-pat@test/a:2"}},
		{"allow list with default", rule + "[extend]\nuseDefault = true\n[[allowlists]]\npaths = ['''^test/''']\n", map[string]string{"test/a": acme + "\n" + pat}, nil},
		{"disabled", "[extend]\nuseDefault = true\ndisabledRules = [\"github-pat\"]\n", map[string]string{"a": "x " + pat + "\n" + akia + " "}, []string{"aws-access-key-id@a:2"}},
		{"changed", "[extend]\nuseDefault = true\n[[rules]]\nid = \"github-pat\"\npath = '''\\.env$'''\n", map[string]string{"a": "x " + pat, "a.env": "x " + pat[:39] + "7"}, []string{"github-pat@a.env:1"}},
		{"required within lines", rule + "[[rules.required]]\nid = \"host\"\nwithinLines = 2\n[[rules]]\nid = \"host\"\nregex = '''host=[a-z.]+'''\nskipReport = true\n",
			map[string]string{"a": acme + "\n\nhost=acme.test", "b": other + "\n\n\nhost=acme.test", "c": acme}, []string{"acme@a:1"}},
		{"required within columns", rule + "[[rules.required]]\nid = \"host\"\nwithinLines = 0\nwithinColumns = 30\n[[rules]]\nid = \"host\"\nregex = '''host=[a-z.]+'''\nskipReport = true\n",
			map[string]string{"a": acme + " host=acme.test", "b": acme + strings.Repeat(" ", 40) + "host=acme.test"}, []string{"acme@a:1"}},
	}
	for _, tt := range tests {
		if got := ids(scannertest.Scan(t, withRules(t, tt.toml), tt.files)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestUserRulesExtendFiles(t *testing.T) {
	files := map[string]string{
		"base.toml": "[extend]\npath = \"more.toml\"\n[[rules]]\nid = \"one\"\nregex = '''one_[0-9]{8}'''\n",
		"more.toml": "[[rules]]\nid = \"two\"\nregex = '''two_[0-9]{8}'''\n[[rules]]\nid = \"one\"\nregex = '''never'''\ntags = [\"x\"]\n",
		"loop.toml": "[extend]\npath = \"loop.toml\"\n",
	}
	read := func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	}
	s, err := secrets.New(secrets.Options{Read: read, Rules: []secrets.File{{Name: "r", Data: []byte("[extend]\npath = \"base.toml\"\ndisabledRules = [\"two\"]\n")}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(scannertest.Scan(t, s, map[string]string{"a": "one_19283746 two_19283746"})); !slices.Equal(got, []string{"one@a:1"}) {
		t.Errorf("got %v, want the rule of base.toml alone", got)
	}
	for _, path := range []string{"loop.toml", "missing.toml"} {
		if _, err := secrets.New(secrets.Options{Read: read, Rules: []secrets.File{{Name: "r", Data: []byte("[extend]\npath = \"" + path + "\"\n")}}}); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

// TestUserRuleErrors: a mistake in a file of rules must not narrow the search.
func TestUserRuleErrors(t *testing.T) {
	tests := []struct{ toml, want string }{
		{"[[rules]]\nid = \"a\"\nregexp = \"x\"\n", `unknown key "rules.regexp"; did you mean`},
		{"[[rules]]\nregex = \"x\"\n", "rule 1 has no id"},
		{"[[rules]]\nid = \"a\"\n", "neither regex nor path"},
		{"[[rules]]\nid = \"a\"\nregex = \"(\"\n", "missing closing )"},
		{"[[rules]]\nid = \"a\"\nregex = \"a(?=b)\"\n", "invalid or unsupported Perl syntax"},
		{"[[rules]]\nid = \"a\"\nregex = \"x*\"\n", "matches the empty text"},
		{"[[rules]]\nid = \"a\"\nregex = \"x\"\nsecretGroup = 2\n", "secretGroup is 2"},
		{"[[rules]]\nid = \"a\"\nregex = \"x\"\n[[rules]]\nid = \"a\"\nregex = \"y\"\n", "twice"},
		{"[[rules]]\nid = \"a\"\nregex = \"x\"\n[[rules.required]]\nid = \"b\"\n", `rule "b", which does not exist`},
		{"[[rules]]\nid = \"a\"\nregex = \"x\"\n[[rules.allowlists]]\ncondition = \"XOR\"\npaths = [\"x\"]\n", `unknown condition "XOR"`},
		{"[[rules]]\nid = \"a\"\nregex = \"x\"\n[[rules.allowlists]]\n", "none of commits"},
		{"[[allowlists]]\ntargetRules = [\"x\"]\npaths = [\"x\"]\n", `there is no rule "x"`},
		{"[extend]\nuseDefault = true\ndisabledRules = [\"github-pta\"]\n", `"github-pta"; did you mean`},
		{"[extend]\nuseDefault = true\ndisabledRules = [\"github-pat\", \"private-key\"]\n", "disabled; leave one"},
		{"[extend]\nurl = \"https://x\"\n", "nothing is loaded over the network"},
		{"[extend]\ndisabledRules = [\"x\"]\n", "disables nothing"},
		{"[[rules]\n", "parse rules: line"},
	}
	for _, tt := range tests {
		_, err := secrets.New(secrets.Options{Rules: []secrets.File{{Name: "rules.toml", Data: []byte(tt.toml)}}})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want one with %q", tt.toml, err, tt.want)
		}
	}
}

func TestSuppressions(t *testing.T) {
	line := "token = \"" + pat + "\""
	files := map[string]string{
		"allowed.go":            line + " // gitleaks:allow\n",
		"ignored.go":            line + " // trufflehog:ignore\n",
		"better.go":             line + " // betterleaks:allow\n",
		"next.go":               "// gitleaks:allow\n" + line + "\n",
		"vendor/x/allowed.go":   line + " // gitleaks:allow\n",
		"web/node_modules/a.js": line + " // gitleaks:allow\n",
	}
	for _, vendored := range []bool{false, true} {
		s, err := secrets.New(secrets.Options{Key: []byte(testKey), VendoredSuppressions: vendored})
		if err != nil {
			t.Fatal(err)
		}
		r := scannertest.Scan(t, s, files)
		var hidden, counted []string
		for _, f := range r.Findings {
			for _, l := range append(f.Also, f.Location) {
				if f.Suppressed != nil {
					hidden = append(hidden, l.Path)
				} else {
					counted = append(counted, l.Path)
				}
			}
		}
		slices.Sort(hidden)
		slices.Sort(counted)
		want := []string{"allowed.go", "better.go", "ignored.go"}
		if vendored {
			want = append(want, "vendor/x/allowed.go", "web/node_modules/a.js")
		}
		if !slices.Equal(hidden, want) || len(hidden)+len(counted) != len(files) {
			t.Errorf("vendored %v: suppressed %v, counted %v", vendored, hidden, counted)
		}
	}
}

func TestKnown(t *testing.T) {
	first := scannertest.Scan(t, scanner(t, testKey), map[string]string{"a": pat})
	for name, list := range map[string]string{
		"sum":          fmt.Sprintf("%x", sha256.Sum256([]byte(pat))),
		"report":       `{"findings": [{"kind": "secret", "fingerprint": "` + first.Findings[0].Fingerprint + `"}]}`,
		"place":        "b:github-pat:2",
		"gitleaks":     `[{"RuleID": "github-pat", "Secret": "` + pat + `"}]`,
		"another line": "b:github-pat:3",
	} {
		s, err := secrets.New(secrets.Options{Key: []byte(testKey), Known: []secrets.File{{Name: "known", Data: []byte(list)}}})
		if err != nil {
			t.Fatal(err)
		}
		r := scannertest.Scan(t, s, map[string]string{"b": "\nx = " + pat})
		if len(r.Findings) != 1 || (r.Findings[0].Suppressed != nil) != (name != "another line") {
			t.Errorf("%s: %+v", name, r.Findings)
		}
		if s.OptionsDigest == scanner(t, testKey).OptionsDigest {
			t.Errorf("%s: the options digest does not tell the list", name)
		}
	}
}
