package follow_test

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/follow"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/sample"
)

var exprs = []string{
	`abc`, `(?i)key-\d{3}`, `ab+c\b`, `a.c$`, `a(?s:.){0,200}b`, `[a-f0-9]{40}`, `[a-f0-9]{100,}x`, `(?m)a$`,
	`(?:a|bc|d[^e]){2,3}`, `a?b?c?d`, `é+x`, `(?i)kiss`, `x\x{212a}`, `(?:a|b)*abb(?:["'\s;]|\\[nr]|$)`,
	`(?m)a$\nb`, `(?m)(?:a$)?\nb$`, `(?:abc|abd){3}$`, `a(?:b$|c$)`, `(?:a$|b)c?`, `\s{0,300}$`, `a(?m:$)+`, `(?i)secret(?:_?key){0,30}[ \t]{0,30}=[a-z]{8,200}$`,
}

// TestMatchesPass: what the expression matches at the start of a text may follow,
// and the answer is the same for a text that differs only behind what Look says.
func TestMatchesPass(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b", "c", "d", "x", "é", "\xff", "\u212a", "\u017f", "s", "key-", "12", "3", "\n", " ", "abc", "abd",
		strings.Repeat("0f", 20), strings.Repeat("a", 300), "\\n", "\"", "="}
	for _, expr := range exprs {
		tree, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		check := follow.New([]*syntax.Regexp{tree})
		re, matches, refused := regexp.MustCompile(`\A(?:`+expr+`)`), 0, 0
		for range 4000 {
			var text []byte
			if rng.IntN(2) == 0 {
				s, err := sample.Match(expr, rng, 20)
				if err != nil {
					t.Fatal(err)
				}
				text = append(text, s...)
			}
			for range rng.IntN(5) {
				text = append(text, parts[rng.IntN(len(parts))]...)
			}
			may, n := check.Look(text)
			if may != check.May(text) {
				t.Fatalf("%s in %q: the two answers differ", expr, text)
			}
			switch {
			case re.Match(text):
				if matches++; !may {
					t.Fatalf("%s in %q: a match was refused", expr, text)
				}
			case !may:
				refused++
			}
			if n <= len(text) {
				other := append(append([]byte{}, text[:n]...), parts[rng.IntN(len(parts))]...)
				if got := check.May(other); got != may {
					t.Fatalf("%s: %t for %q and %t for %q, which have %d bytes in common", expr, may, text, got, other, n)
				}
			}
		}
		if matches == 0 || refused == 0 && !check.Trivial() {
			t.Errorf("%s: %d matches, %d refused", expr, matches, refused)
		}
	}
}
