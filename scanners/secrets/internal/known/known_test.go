package known_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/known"
)

func TestFind(t *testing.T) {
	text := "hunter" + "2-and-more"
	here := known.Secret{Text: []byte(text), Fingerprint: "f00d", Path: "a/b.env", Line: 7, Rules: []string{"aws-access-key-id", "aws-access-token"}}
	moved := here
	moved.Path, moved.Line = "c.env", 1
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
	var l known.List
	commit := here
	commit.Commit = strings.Repeat("AB", 20)
	if err := l.Add("list", []byte(strings.Repeat("ab", 20)+":a/b.env:aws-access-token:7")); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Find(&commit); !ok {
		t.Error("a place in a commit is not found")
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	text := "hunter" + "2-and-more"
	for _, list := range []string{text, `[{"Secret": "` + text + `"}]`, `[{"Secret": "` + text, `{"a": "` + text + `"}`, `[{"StartLine": "` + text + `"}]`} {
		var l known.List
		err := l.Add("list", []byte(list))
		if err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%.10s…: error %v; want one that does not show the secret", list, err)
		}
	}
}
