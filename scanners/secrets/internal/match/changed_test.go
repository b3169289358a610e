package match_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/sample"
)

// context is what a judgement looks at on both sides of a match, in the tests.
const context40 = 40

func around40(text []byte, _ int, s match.Span) match.Span {
	return match.Span{Start: max(0, s.Start-context40), End: min(len(text), s.End+context40)}
}

// edit makes a new text of an old one: most of it in the same order, some of it
// left out, moved, said twice or put in.
func edit(rng *rand.Rand, old []byte, fresh func() string) (text []byte, same []gatehouse.Stretch) {
	keep := func(from, to int) {
		if from < to {
			same = append(same, gatehouse.Stretch{At: len(text), From: from, Bytes: to - from})
			text = append(text, old[from:to]...)
		}
	}
	at := 0
	for range rng.IntN(4) {
		to := at + rng.IntN(len(old)-at+1)
		keep(at, to)
		at = to
		switch rng.IntN(6) {
		case 0: // left out
			at = min(len(old), at+rng.IntN(80))
		case 1:
			text = append(text, fresh()...)
		case 2: // replaced
			text = append(text, fresh()...)
			at = min(len(old), at+rng.IntN(200))
		case 3: // one character
			text = append(text, "aZ\n=\"' _"[rng.IntN(8)])
		case 4: // from elsewhere
			from := rng.IntN(len(old) + 1)
			keep(from, min(len(old), from+rng.IntN(300)))
		case 5: // as a delta of git goes on after 64 KB
		}
	}
	if rng.IntN(8) > 0 {
		keep(at, len(old))
	}
	return text, same
}

type tally struct{ useful, told, found, kept int }

// counts says whether a match counts, from the match and what is around it: some
// do, so that both sorts are there.
func counts(text []byte, m match.Match) bool {
	s := around40(text, m.Rule, m.Whole)
	sum := m.Rule
	for _, b := range text[s.Start:s.End] {
		sum = sum*31 + int(b)
	}
	return sum%3 == 0
}

// compareChanged searches versions of a text, each with the trace of the one
// before, and shows that each match that counts was found.
func compareChanged(t *testing.T, rng *rand.Rand, rs []match.Rule, m *match.Matcher, old []byte, fresh func() string, n *tally) {
	t.Helper()
	all := func(int) bool { return true }
	full := func(text []byte) (*match.Trace, []match.Match) {
		var got, counting []match.Match
		trace, err := m.FindTraced(t.Context(), text, all, func(m match.Match) bool {
			got = append(got, m)
			if counts(text, m) {
				counting = append(counting, m)
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if plain := find(t, m, text); len(plain) != len(got) {
			t.Fatalf("a search with a trace finds %d matches, want %d", len(got), len(plain))
		}
		trace.Keep(counting)
		return trace, counting
	}
	trace, _ := full(old)
	for range 4 {
		text, same := edit(rng, old, fresh)
		var near []match.Match
		next, ok, err := m.FindChanged(t.Context(), text, trace, same, all, around40, func(m match.Match) bool {
			if counts(text, m) {
				near = append(near, m)
			}
			return true
		}, func(m match.Match) {
			near = append(near, m)
			n.kept++
		})
		if err != nil {
			t.Fatal(err)
		}
		whole, want := full(text)
		if trace.Useful() {
			n.useful++
		}
		if !ok {
			next = whole
		} else {
			n.told++
			n.found += len(want)
			for _, w := range want {
				if !slices.Contains(near, w) {
					t.Fatalf("lost %s at %v: %.300q\nold %.3000q\nnew %.3000q\nsame %v", rs[w.Rule].Expr, w, text[w.Whole.Start:w.Whole.End], old, text, same)
				}
			}
			for _, g := range near {
				if !slices.Contains(want, g) {
					t.Fatalf("added %s at %v: %.300q\nold %.3000q\nnew %.3000q\nsame %v", rs[g.Rule].Expr, g, text[g.Whole.Start:g.Whole.End], old, text, same)
				}
			}
			next.Keep(near)
		}
		old, trace = text, next
	}
}

func TestChangedBuiltin(t *testing.T) {
	_, rs := builtin(t)
	m, err := match.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(11, 12))
	piece := func() string {
		switch rng.IntN(4) {
		case 0:
			return between(rng)
		case 1:
			r := rs[rng.IntN(len(rs))]
			s, err := sample.Match(r.Expr.String(), rng, 5)
			if err != nil {
				t.Fatal(err)
			}
			if rng.IntN(4) == 0 {
				s = s[:rng.IntN(len(s)+1)]
			}
			return s
		case 2:
			return strings.Repeat("for _, word := range line {\n\tuse(word)\n}\n", rng.IntN(30))
		}
		return []string{"\tkey := access.token[1]\n", "\"name\": 'value',\n", "https://example.org/ ", "\u212a", "api_key = ", "AKIA", "==\n"}[rng.IntN(7)]
	}
	var n tally
	rounds := 500
	if testing.Short() {
		rounds = 150
	}
	for range rounds {
		var b bytes.Buffer
		for range rng.IntN(12) {
			b.WriteString(piece())
		}
		compareChanged(t, rng, rs, m, b.Bytes(), piece, &n)
	}
	t.Logf("%+v", n)
	if n.told*2 < n.useful || n.found == 0 || n.kept == 0 {
		t.Errorf("too little was tried: %+v", n)
	}
}

func TestChangedOwnRules(t *testing.T) {
	exprs := []string{
		`\bfoo\b`, `(?m)^abc$`, `(a|b)+cdef`, `[a-z]*foo[0-9]*`, `x{0,3}bar(x|y|zz){2,4}`, `(?i)strasse|straße`, `(?s)begin.*?end`,
		`foo(bar)?(baz)*`, `(ab|cd)(ef|gh)[0-9]+`, `abc\s*def`, `\s+secret\s*=\s*(\S+)`, `(?i)[^a-z]kiss[^a-z]`, `(abc){3}`, `zzz+$`, `(?:foo|foobar)[0-9]{2}`,
		`[a-z]{0,9}?key=[a-z]{2,5}`, `key=.{1,40}key`,
	}
	var rs []match.Rule
	for i, e := range exprs {
		rs = append(rs, match.Rule{Expr: lazy.New(e)})
		if i%5 == 4 {
			rs[i].Keywords = []string{"gate"}
		}
	}
	m, err := match.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(13, 14))
	pieces := []string{"foo", "bar", "abc", "\n", " ", "x", "y", "zz", "ab", "cd", "ef", "12", "é", "key=", "begin", "end", "secret", "=", "\xff", "kiss", "strasse",
		"zzz", "\xc3", "gate", "lorem ipsum dolor sit amet ", strings.Repeat("- ", 60)}
	piece := func() string { return pieces[rng.IntN(len(pieces))] }
	var n tally
	rounds := 40_000
	if testing.Short() {
		rounds = 4000
	}
	for range rounds {
		var b bytes.Buffer
		for range rng.IntN(60) {
			b.WriteString(piece())
		}
		compareChanged(t, rng, rs, m, b.Bytes(), piece, &n)
	}
	t.Logf("%+v", n)
	if n.told*4 < n.useful || n.found == 0 || n.kept == 0 {
		t.Errorf("too little was tried: %+v", n)
	}
}
