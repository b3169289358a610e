package screen_test

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/sample"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/screen"
)

var exprs = []string{
	`abc`, `(?i)key-\d{3}`, `\bab+c\b`, `^a.c$`, `a(?s:.){0,200}b`, `[a-f0-9]{40}`, `[a-f0-9]{100,}x`,
	`(?:a|bc|d[^e]){2,3}`, `a?b?c?d`, `é+x`, `[^a]x`, `(?i)kiss`, `x\x{212a}`, `.ab`, `(a|b)*abb`,
	`a{0,300}b`, `(?m)^b`, `\Ba\B`, `(?:abc|abd){3}$`, `[\x00-\x{10ffff}]b`,
}

// TestEndsCoverMatches: each match of the expression, wherever it is looked
// for, ends where the screen says that one may, and starts no further before
// that than the longest match.
func TestEndsCoverMatches(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b", "c", "d", "e", "x", "é", "\xff", "\xc3", "\u212a", "\u017f", "K", "s", "ki", "SS", "key-", "12", "3",
		"\n", " ", "abc", "abd", "abb", "abcabdabc", strings.Repeat("0f", 20), strings.Repeat("a", 60), strings.Repeat("e1", 60)}
	for _, expr := range exprs {
		tree, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		s := screen.New(tree)
		if s == nil {
			t.Errorf("%s has no screen", expr)
			continue
		}
		longest, bounded := screen.Longest(tree)
		re, matches := regexp.MustCompile(expr), 0
		for range 3000 {
			var text []byte
			for range rng.IntN(12) {
				text = append(text, parts[rng.IntN(len(parts))]...)
			}
			if rng.IntN(2) == 0 {
				found, err := sample.Match(expr, rng, 8)
				if err != nil {
					t.Fatal(err)
				}
				text = append(append(text, found...), parts[rng.IntN(len(parts))]...)
			}
			var ends []int
			s.Ends(text, func(end int) { ends = append(ends, end) })
			if s.May(text) != (len(ends) > 0) {
				t.Fatalf("%s in %q: may is %t, but the ends are %v", expr, text, s.May(text), ends)
			}
			for _, loc := range re.FindAllIndex(text, -1) {
				matches++
				if !slices.Contains(ends, loc[1]) {
					t.Fatalf("%s in %q: the match %v is not among the ends %v", expr, text, loc, ends)
				}
				if bounded && loc[1]-loc[0] > longest {
					t.Fatalf("%s in %q: the match %v is longer than %d bytes", expr, text, loc, longest)
				}
			}
		}
		if matches == 0 {
			t.Errorf("%s never matched", expr)
		}
	}
}

// TestSays shows that screens keep text out.
func TestSays(t *testing.T) {
	for _, tt := range []struct {
		expr, text string
		may        bool
	}{
		{`[a-f0-9]{40}`, strings.Repeat("0123456789abcdef-", 20), false},
		{`[a-f0-9]{40}`, strings.Repeat("0", 40), true},
		{`kind: secret(?s:.){0,200}data:`, "kind: Secret\ndata: kind: secret", false},
		{`(?i)kind: secret(?s:.){0,200}data:`, "kind: Secret\ndata:", true},
	} {
		tree, err := syntax.Parse(tt.expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if got := screen.New(tree).May([]byte(tt.text)); got != tt.may {
			t.Errorf("%s in %q: %t, want %t", tt.expr, tt.text, got, tt.may)
		}
	}
}

// TestNoScreen: what would let all through, or is too large, has none.
func TestNoScreen(t *testing.T) {
	for _, expr := range []string{`a*`, ``, `(?:` + strings.Repeat(`[ab]x?`, 1100) + `)`} {
		tree, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if screen.New(tree) != nil {
			t.Errorf("%.20q has a screen", expr)
		}
	}
}
