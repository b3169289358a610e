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

// mapped returns where a stretch of the text stands in the old one.
func mapped(same []gatehouse.Stretch, s match.Span) (int, bool) {
	for i := range same {
		run := same[i]
		for _, next := range same[i+1:] { // those that go on count as one
			if next.At != run.At+run.Bytes || next.From != run.From+run.Bytes {
				break
			}
			run.Bytes += next.Bytes
		}
		if run.At <= s.Start && s.End <= run.At+run.Bytes {
			return run.From - run.At, true
		}
	}
	return 0, false
}

func moved(m match.Match, by int) match.Match {
	for _, p := range []*int{&m.Whole.Start, &m.Whole.End, &m.Secret.Start, &m.Secret.End} {
		*p += by
	}
	return m
}

type tally struct{ useful, told, near, far int }

// compareChanged searches versions of a text, each with the trace of the one
// before, and shows that each match was found or has a counterpart, with all that
// is around it.
func compareChanged(t *testing.T, rng *rand.Rand, rs []match.Rule, m *match.Matcher, old []byte, fresh func() string, n *tally) {
	t.Helper()
	all := func(int) bool { return true }
	full := func(text []byte) (*match.Trace, []match.Match) {
		var got []match.Match
		trace, err := m.FindTraced(t.Context(), text, all, func(m match.Match) bool { got = append(got, m); return true })
		if err != nil {
			t.Fatal(err)
		}
		return trace, got
	}
	trace, before := full(old)
	if a := find(t, m, old); len(a) != len(before) {
		t.Fatalf("a search with a trace finds %d matches, want %d", len(before), len(a))
	}
	for range 4 {
		text, same := edit(rng, old, fresh)
		var near []match.Match
		next, ok, err := m.FindChanged(t.Context(), text, trace, same, all, around40, func(m match.Match) bool { near = append(near, m); return true })
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
			for _, w := range want {
				if slices.Contains(near, w) {
					n.near++
					continue
				}
				n.far++
				by, ok := mapped(same, around40(text, w.Rule, w.Whole))
				if !ok || !slices.Contains(before, moved(w, by)) {
					t.Fatalf("lost %s at %v: %.300q\nold %.3000q\nnew %.3000q\nsame %v", rs[w.Rule].Expr, w, text[w.Whole.Start:w.Whole.End], old, text, same)
				}
			}
			if next.Useful() != whole.Useful() && whole.Useful() {
				t.Fatalf("the trace is of no use, but that of a whole search is")
			}
		}
		old, trace, before = text, next, want
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
	if n.told*2 < n.useful || n.near == 0 || n.far == 0 {
		t.Errorf("too little was tried: %+v", n)
	}
}

func TestChangedOwnRules(t *testing.T) {
	exprs := []string{
		`\bfoo\b`, `(?m)^abc$`, `(a|b)+cdef`, `[a-z]*foo[0-9]*`, `x{0,3}bar(x|y|zz){2,4}`, `(?i)strasse|straße`, `(?s)begin.*?end`,
		`foo(bar)?(baz)*`, `(ab|cd)(ef|gh)[0-9]+`, `a.{3}b`, `\s+secret\s*=\s*(\S+)`, `(?i)[^a-z]kiss[^a-z]`, `(abc){3}`, `zzz+$`, `(?:foo|foobar)[0-9]{2}`,
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
	if n.told*4 < n.useful || n.near == 0 || n.far == 0 {
		t.Errorf("too little was tried: %+v", n)
	}
}
