package known_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/known"
)

func TestFind(t *testing.T) {
	text := "hunter" + "2-and-more"
	here := known.Secret{Texts: [][]byte{[]byte(text)}, Fingerprint: "f00d", Path: "a/b.env", Line: 7, Rules: []string{"aws-access-key-id", "aws-access-token"}}
	moved := here
	moved.Path, moved.Line = "c.env", 1
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	tests := []struct {
		name, list        string
		here, moved, line bool
	}{
		{"nothing", "# a comment\n\n", false, false, false},
		{"sum", fmt.Sprintf("%x  # why\n", sha256.Sum256([]byte(text))), true, true, true},
		{"named sum", fmt.Sprintf("sha256:%x\n", sha256.Sum256([]byte(text))), true, true, true},
		{"another sum", fmt.Sprintf("%x\n", sha256.Sum256([]byte(text+"x"))), false, false, false},
		{"ignored place", "a/b.env:aws-access-token:7\n", true, false, true},
		{"ignored place with backslash", `a\b.env:aws-access-token:7`, true, false, true},
		{"another rule", "a/b.env:github-pat:7\n", false, false, false},
		{"a commit", strings.Repeat("ab", 20) + ":a/b.env:aws-access-token:7\n", false, false, false},
		{"gitleaks report", `[{"RuleID":"x","Secret":"` + text + `","File":"elsewhere"}]`, true, true, false},
		{"redacted gitleaks report", `[{"RuleID":"aws-access-token","Secret":"REDACTED","File":"a/b.env","StartLine":7}]`, true, false, false},
		{"no gitleaks findings", "null\n", false, false, false},
		{"betterleaks report", `{"schema_version":"1","findings":[{"rule_id":"x","match":{"value":"REDACTED","fingerprint":"` + sum + `"},"location":{"path":"y"}}],"scan":{}}`, true, true, false},
		{"another betterleaks report", `{"schema_version":"1","findings":[{"rule_id":"x","match":{"fingerprint":"` + strings.Repeat("0", 64) + `"}}]}`, false, false, false},
		{"own report", `{"version":1,"findings":[{"kind":"secret","fingerprint":"f00d"}]}`, true, true, false},
		{"own report of a check", `{"report":{"findings":[{"kind":"secret","fingerprint":"f00d"}]}}`, true, true, false},
		{"other finding", `{"findings":[{"kind":"license","fingerprint":"f00d"}]}`, false, false, false},
	}
	for _, tt := range tests {
		var l known.List
		if err := l.Add("list", []byte(tt.list)); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		e, got := l.Find(&here)
		if _, there := l.Find(&moved); got != tt.here || there != tt.moved || (e.Line > 0) != tt.line {
			t.Errorf("%s: known here %v, elsewhere %v, entry %+v", tt.name, got, there, e)
		}
	}
}

func TestCommits(t *testing.T) {
	one, two := strings.Repeat("ab", 20), strings.Repeat("cd", 32)
	here := known.Secret{Texts: [][]byte{[]byte("x")}, Path: "a/b.env", Line: 7, Rules: []string{"aws-access-key-id", "aws-access-token"}}
	elsewhere := here
	elsewhere.Line = 8
	for name, list := range map[string]string{
		"lines":    strings.ToUpper(one) + ":a/b.env:aws-access-token:7\n" + two + `:a\b.env:aws-access-key-id:7` + "\n",
		"gitleaks": `[{"RuleID":"aws-access-token","Secret":"REDACTED","File":"a/b.env","StartLine":7,"Commit":"` + one + `"}, {"RuleID":"aws-access-token","Secret":"AKI...","File":"a/b.env","StartLine":7,"Commit":"` + two + `"}]`,
	} {
		var l known.List
		if err := l.Add("list", []byte(list)); err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(l.Commits(&here))); !slices.Equal(got, []string{one, two}) {
			t.Errorf("%s: commits %q", name, got)
		}
		if got := l.Commits(&elsewhere); len(got) != 0 {
			t.Errorf("%s: commits %v on another line", name, got)
		}
		if _, ok := l.Find(&here); ok {
			t.Errorf("%s: known without its commit", name)
		}
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	text := "hunter" + "2-and-more"
	for _, list := range []string{text, `{"findings": [{"match": {"value": "` + text + `"}}]}`, `[{"RuleID": "x", "Commit": "` + text + `"}]`,
		`[{"RuleID": "` + text + `"}]`, `[{"Secret": "` + text + `"}]`, `[{"Secret": "` + text, `{"a": "` + text + `"}`, `[{"StartLine": "` + text + `"}]`} {
		var l known.List
		err := l.Add("list", []byte(list))
		if err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%.10s…: error %v; want one that does not show the secret", list, err)
		}
	}
}
