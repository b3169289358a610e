package match_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/rules"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/sample"
)

func builtin(t testing.TB) ([]rules.Rule, []match.Rule) {
	t.Helper()
	all, err := rules.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("there are no built-in rules")
	}
	var exprs []match.Rule
	for _, r := range all {
		if r.Expr != nil {
			exprs = append(exprs, r.For())
		}
	}
	return all, exprs
}

// oracle is the definition of a match: the expression over the whole text,
// continued at the last character of each secret.
func oracle(rs []match.Rule, text []byte) []match.Match {
	var got []match.Match
	low := bytes.ToLower(text)
	special := bytes.ContainsAny(text, "\u017f\u212a")
	for i, r := range rs {
		if !special && len(r.Keywords) > 0 && !slices.ContainsFunc(r.Keywords, func(k string) bool { return bytes.Contains(low, []byte(k)) }) {
			continue
		}
		secretEnd := 0
		for at := 0; at < len(text); {
			re, err := r.Expr.Compiled()
			if err != nil {
				panic(err)
			}
			loc := re.FindSubmatchIndex(text[at:])
			if loc == nil {
				break
			}
			whole := match.Span{Start: at + loc[0], End: at + loc[1]}
			g := r.Group
			if g == match.FirstGroup {
				for g = 1; g <= re.NumSubexp() && loc[2*g] == loc[2*g+1]; g++ {
				}
			}
			secret := whole
			if g <= re.NumSubexp() && loc[2*g] >= 0 {
				secret = match.Span{Start: at + loc[2*g], End: at + loc[2*g+1]}
			}
			_, size := utf8.DecodeLastRune(text[secret.Start:secret.End])
			at = max(secret.End-size, whole.Start+1)
			if secret.Start >= secretEnd {
				got = append(got, match.Match{Rule: i, Whole: whole, Secret: secret})
				secretEnd = secret.End
			}
		}
	}
	return got
}

func find(t testing.TB, m *match.Matcher, text []byte) []match.Match {
	t.Helper()
	var got []match.Match
	err := m.Find(context.Background(), text, func(int) bool { return true }, func(m match.Match) bool {
		got = append(got, m)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(got, func(a, b match.Match) int { return cmp.Compare(a.Rule, b.Rule) })
	return got
}

func compare(t *testing.T, rs []match.Rule, m *match.Matcher, text []byte) int {
	t.Helper()
	want := oracle(rs, text)
	got := find(t, m, text)
	if !slices.Equal(got, want) {
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("lost %s at %v: %.300q", rs[w.Rule].Expr, w, text[w.Whole.Start:w.Whole.End])
			}
		}
		for _, g := range got {
			if !slices.Contains(want, g) {
				t.Errorf("added %s at %v: %.300q", rs[g.Rule].Expr, g, text[g.Whole.Start:g.Whole.End])
			}
		}
		t.Fatalf("found %d matches, want %d in a text of %d bytes", len(got), len(want), len(text))
	}
	return len(want)
}

// between is what stands around samples: text that joins, separates or
// confuses.
func between(rng *rand.Rand) string {
	parts := []string{"", " ", "\n", "\r\n", "\"", "'", "_", "a", "=", ": ", "\xff", "\xc3", "é", "\u2028", "\u20ac", "\xe2\x84",
		strings.Repeat(" ", 300), strings.Repeat("x", 700), strings.Repeat("A", 90), strings.Repeat("-", 40), strings.Repeat("\x80", 9),
		"key", "aws", "-----BEGIN PRIVATE KEY-----", "facebook = '", "test_live_", "TASK SK sk", ".ey", "password", "</password>",
		"the private key of a token, said the lobbyist to the master;", "\n\n\t", "&sig=", "sv=2020-01-01&a=b"}
	return parts[rng.IntN(len(parts))]
}

func TestSameAsWholeText(t *testing.T) {
	t.Run("as it is", func(t *testing.T) { sameAsWholeText(t, 1, func(*match.Matcher) {}) })
	t.Run("with all screens", func(t *testing.T) { sameAsWholeText(t, 8, (*match.Matcher).ScreenAtOnce) })
	t.Run("with few heads", func(t *testing.T) { sameAsWholeText(t, 8, (*match.Matcher).FewHeads) })
}

func sameAsWholeText(t *testing.T, step int, change func(*match.Matcher)) {
	_, rs := builtin(t)
	m, err := match.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	change(m)
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 1
	hit := make([]int, len(rs))
	total := 0
	for range rounds {
		for i := 0; i < len(rs); i += step {
			var b strings.Builder
			for range 1 + rng.IntN(6) {
				b.WriteString(between(rng))
				r := i
				if rng.IntN(3) == 0 {
					r = rng.IntN(len(rs))
				}
				s, err := sample.Match(rs[r].Expr.String(), rng, []int{3, 40, 500}[rng.IntN(3)])
				if err != nil {
					t.Fatal(err)
				}
				if rng.IntN(6) == 0 {
					s = s[:rng.IntN(len(s)+1)]
				}
				b.WriteString(s)
				b.WriteString(between(rng))
			}
			text := []byte(b.String())
			if rng.IntN(4) == 0 { // the two letters
				text = []byte(strings.NewReplacer("s", "\u017f", "K", "\u212a").Replace(b.String()))
			}
			total += compare(t, rs, m, text)
			for _, w := range oracle(rs[i:i+1], text) {
				hit[i+w.Rule]++
			}
		}
	}
	t.Logf("%d matches", total)
	for i, n := range hit {
		if i%step != 0 {
			continue
		}
		for try := 0; n == 0 && try < 50; try++ { // bad luck so far
			s, err := sample.Match(rs[i].Expr.String(), rng, 3)
			if err != nil {
				t.Fatal(err)
			}
			text := []byte("\n" + s + "\n" + strings.Join(rs[i].Keywords, " "))
			compare(t, rs, m, text)
			n += len(oracle(rs[i:i+1], text))
		}
		if n == 0 {
			t.Errorf("the samples of %s never matched", rs[i].Expr)
		}
	}
}

// TestLetters has long texts that are full of the two letters.
func TestLetters(t *testing.T) {
	_, rs := builtin(t)
	rng := rand.New(rand.NewPCG(15, 16))
	letters := strings.NewReplacer("s", "\u017f", "S", "\u017f", "k", "\u212a", "K", "\u212a")
	total := 0
	for i := 0; i < len(rs); i += 60 {
		var b strings.Builder
		for b.Len() < 70_000 { // more than is made plain at a time
			b.WriteString(strings.Repeat("Ma\u017fs 5 \u212a, ", rng.IntN(400)))
			s, err := sample.Match(rs[(i+rng.IntN(12))%len(rs)].Expr.String(), rng, 20)
			if err != nil {
				t.Fatal(err)
			}
			if rng.IntN(2) == 0 {
				s = letters.Replace(s)
			}
			b.WriteString(between(rng) + s + between(rng))
		}
		some := rs[i:min(i+12, len(rs))]
		m, err := match.New(some)
		if err != nil {
			t.Fatal(err)
		}
		total += compare(t, some, m, []byte(b.String()))
	}
	if total == 0 {
		t.Error("nothing matched")
	}
}

// TestEdges puts a sample at every distance from the edges of blocks and of
// the text.
func TestEdges(t *testing.T) {
	_, rs := builtin(t)
	m, err := match.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	const block = 1 << 20
	filler := strings.Repeat("lorem ipsum dolor sit amet, ", block/28+2)
	step := 9
	if testing.Short() {
		step = 40
	}
	for i := 0; i < len(rs); i += step {
		s, err := sample.Match(rs[i].Expr.String(), rng, 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{block - len(s) - 1, block - len(s), block - len(s)/2, block - 1, block} {
			text := []byte(filler[:at] + s + " " + filler[:100])
			got := find(t, m, text)
			// What the definition finds in the neighbourhood must be found in
			// the large text at the same place.
			cut := at - 60
			for _, w := range oracle(rs[i:i+1], text[cut:]) {
				w.Rule += i
				for _, p := range []*int{&w.Whole.Start, &w.Whole.End, &w.Secret.Start, &w.Secret.End} {
					*p += cut
				}
				if !slices.Contains(got, w) {
					t.Errorf("lost %s at %d", rs[i].Expr, at)
				}
			}
		}
	}
}

// TestOwnRules are expressions that the built-in set does not have.
func TestOwnRules(t *testing.T) {
	exprs := []string{
		`\bfoo\b`, `^abc$`, `(?m)^abc$`, `(a|b)+c`, `[a-z]*foo[0-9]*`, `x{0,3}bar(x|y|zz){2,4}`, `(?i)ſkey`, `(?i)strasse|straße`,
		`(?s)begin.*?end`, `foo(bar)?(baz)*`, `(ab|cd)(ef|gh)[0-9]+`, `a.{3}b`, `\s+secret\s*=\s*(\S+)`, `é+foo`, `(?i)[^a-z]kiss[^a-z]`,
		`(abc){3}`, `(?:foo|foobar)[0-9]{2}`, `foo|`, `zzz$`,
	}
	var rs []match.Rule
	for _, e := range exprs {
		rs = append(rs, match.Rule{Expr: lazy.New(e)})
	}
	rs[12].Group = 1
	rs = slices.DeleteFunc(rs, func(r match.Rule) bool {
		re, err := r.Expr.Compiled()
		return err != nil || re.MatchString("")
	})
	m, err := match.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	pieces := []string{"foo", "bar", "abc", "\n", " ", "x", "y", "zz", "ab", "cd", "ef", "12", "é", "ſ", "K", "key", "begin", "end", "secret", "=", "\xff", "kiss", "KISS", "strasse", "STRASSE", "zzz", "\xc3", "\u2028"}
	n := 0
	rounds := 3000
	if testing.Short() {
		rounds = 200
	}
	for range rounds {
		var b strings.Builder
		for range rng.IntN(40) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		n += compare(t, rs, m, []byte(b.String()))
	}
	if n == 0 {
		t.Fatal("nothing matched")
	}
}

func TestStops(t *testing.T) {
	rs := []match.Rule{{Expr: lazy.New(`foo[0-9]`)}}
	m, err := match.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(strings.Repeat("foo1 ", 1000))
	n := 0
	err = m.Find(t.Context(), text, func(int) bool { return true }, func(match.Match) bool { n++; return n < 3 })
	if err != nil || n != 3 {
		t.Errorf("after false: %d matches, error %v; want 3 and none", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Find(ctx, text, func(int) bool { return true }, func(match.Match) bool { return true }); err == nil {
		t.Error("a cancelled search returned no error")
	}
	n = 0
	m.Find(t.Context(), text, func(int) bool { return false }, func(match.Match) bool { n++; return true })
	if n != 0 {
		t.Errorf("%d matches of a rule that is not wanted", n)
	}
}

// TestConcurrent is for the race detector: one matcher, many texts.
func TestConcurrent(t *testing.T) {
	rs := []match.Rule{{Expr: lazy.New(`foo[0-9]+`)}, {Expr: lazy.New(`(?i)key\s*=\s*([a-z]+)`), Group: 1}}
	m, err := match.New(rs)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := []byte(strings.Repeat("foo1 KEY = abc ", 100+i))
			n := 0
			m.Find(context.Background(), text, func(int) bool { return true }, func(match.Match) bool { n++; return true })
			if n != 2*(100+i) {
				t.Errorf("found %d matches, want %d", n, 2*(100+i))
			}
		})
	}
	wg.Wait()
}

func FuzzSameAsWholeText(f *testing.F) {
	_, rs := builtin(f)
	m, err := match.New(rs)
	if err != nil {
		f.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 10))
	for i := range rs {
		s, err := sample.Match(rs[i].Expr.String(), rng, 5)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(between(rng) + s + between(rng)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		compare(t, rs, m, text)
	})
}

func ExampleMatcher_Find() {
	m, err := match.New([]match.Rule{{Expr: lazy.New(`id-[0-9]{4}`)}})
	if err != nil {
		panic(err)
	}
	text := []byte("a id-12 b id-3456")
	m.Find(context.Background(), text, func(int) bool { return true }, func(m match.Match) bool {
		fmt.Printf("%s\n", text[m.Secret.Start:m.Secret.End])
		return true
	})
	// Output: id-3456
}
