package factor_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/factor"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/sample"
)

func TestAnalyze(t *testing.T) {
	tests := []struct {
		expr      string
		literals  []string
		sensitive bool
		left      int
		right     int
		loose     string // bytes that must be loose on some side, and no others of "az09 -<"
	}{
		{`ghp_[0-9a-zA-Z]{36}`, []string{"ghp_"}, true, 4, 36, ""},
		{`(?i)ghp_[0-9]{36}`, []string{"ghp_"}, false, 4, 36, ""},
		{`([^a-z]|^)(?P<secret>tok[0-9]{4})`, []string{"tok"}, true, 7, 7, ""},
		{`shp(ss|at)_[a-f]{9}`, []string{"shpat_", "shpss_"}, true, 6, 9, ""},
		{`EZ[AT]K[a-z]{5}`, []string{"EZAK", "EZTK"}, true, 4, 5, ""},
		{`(AKIA|ASIA|A3T[A-Z0-9])[A-Z0-9]{16}`, []string{"A3T", "AKIA", "ASIA"}, true, 4, 20, ""},
		{`gh(?:u_[0-9]{36}|s_[a-z]{40,})`, []string{"ghs_", "ghu_"}, true, 4, 38, "az"},
		{`key\s*=`, []string{"key"}, true, 3, 1, " "},
		{`[a-z]*needle[0-9]*`, []string{"needle"}, true, 6, 0, "az09"},
		{`(?:x[0-9]){2,3}needle`, []string{"needle"}, true, 12, 0, ""},
		{`<a>[^<]+</a>`, []string{"</a>"}, true, 4 + 3 + 4, 0, "az09 -"},
		{`.{3}needle`, []string{"needle"}, true, 6 + 12, 0, ""},
		{`(?i)sk`, []string{"sk"}, false, 2, 0, ""},
		// Nothing of use.
		{`[a-z]{32}`, nil, false, 0, 0, ""},
		{`a[0-9]{32}`, nil, false, 0, 0, ""},
		{`(needle)?[0-9]{32}`, nil, false, 0, 0, ""},
		{`(needle|[0-9])x`, nil, false, 0, 0, ""},
		{`needle|`, nil, false, 0, 0, ""},
	}
	for _, tt := range tests {
		f, err := factor.Analyze(tt.expr)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.Literals, tt.literals) || tt.literals != nil && f.CaseSensitive != tt.sensitive {
			t.Errorf("%s: literals %q, case sensitive %v; want %q, %v", tt.expr, f.Literals, f.CaseSensitive, tt.literals, tt.sensitive)
		}
		if f.Left.Fixed != tt.left || f.Right.Fixed != tt.right {
			t.Errorf("%s: reaches %d and %d bytes; want %d and %d", tt.expr, f.Left.Fixed, f.Right.Fixed, tt.left, tt.right)
		}
		for _, b := range []byte("az09 -<") {
			if got, want := f.Left.Loose.Has(b) || f.Right.Loose.Has(b), strings.IndexByte(tt.loose, b) >= 0; got != want {
				t.Errorf("%s: loose %q is %v, want %v", tt.expr, b, got, want)
			}
		}
	}
}

func TestAnalyzeSyntaxError(t *testing.T) {
	if _, err := factor.Analyze(`(`); err == nil {
		t.Error("a broken expression gave no error")
	}
}

// TestHoldsForMatches checks the promise of a factor on generated matches of
// generated expressions.
func TestHoldsForMatches(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	atoms := []string{"a", "foo", "bar", "[a-c]", "[^x]", ".", `\s`, "[0-9]", "K", "(?i:ask)", "é", "_", "(?i:É)"}
	var expr func(depth int) string
	expr = func(depth int) string {
		if depth == 0 {
			return atoms[rng.IntN(len(atoms))]
		}
		switch rng.IntN(6) {
		case 0:
			return "(" + expr(depth-1) + "|" + expr(depth-1) + ")"
		case 1:
			return "(?:" + expr(depth-1) + ")" + []string{"?", "*", "+", "{2}", "{0,3}", "{1,}", "{2,5}?"}[rng.IntN(7)]
		}
		return expr(depth-1) + expr(depth-1)
	}
	useful := 0
	for range 4000 {
		e := expr(1 + rng.IntN(4))
		re, err := regexp.Compile(e)
		if err != nil {
			t.Fatal(err)
		}
		f, err := factor.Analyze(e)
		if err != nil {
			t.Fatal(err)
		}
		if f.Literals == nil {
			continue
		}
		useful++
		for range 5 {
			text, err := sample.Match(e, rng, 6)
			if err != nil {
				t.Fatal(err)
			}
			loc := re.FindStringIndex(text)
			if loc == nil || f.Fold && strings.ContainsAny(text, "\u017f\u212a") {
				continue
			}
			checkPromise(t, e, f, text[loc[0]:loc[1]])
		}
	}
	if useful < 500 {
		t.Fatalf("only %d expressions had a factor", useful)
	}
}

func checkPromise(t *testing.T, expr string, f factor.Factor, match string) {
	t.Helper()
	low := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, match)
	for _, set := range f.Also {
		if !slices.ContainsFunc(set, func(l string) bool { return strings.Contains(low, l) }) {
			t.Errorf("%s: match %q has none of %q", expr, match, set)
		}
	}
	in := low
	if f.CaseSensitive {
		in = match
	}
	for _, l := range f.Literals {
		for at := 0; ; {
			i := strings.Index(in[at:], l)
			if i < 0 {
				break
			}
			end := at + i + len(l)
			if tight(match[:end], f.Left) && tight(match[end:], f.Right) {
				return // some occurrence has the bounds
			}
			at += i + 1
		}
	}
	t.Errorf("%s: no occurrence of %q in %q is within the bounds %+v, %+v", expr, f.Literals, match, f.Left.Fixed, f.Right.Fixed)
}

func tight(s string, e factor.Extent) bool {
	n := 0
	for i := range len(s) {
		if !e.Loose.Has(s[i]) {
			n++
		}
	}
	return n <= e.Fixed
}

func TestStarts(t *testing.T) {
	starts, fold, bits, err := factor.Starts(`key=(?P<secret>gh[ps]_[0-9]{9})`, 1)
	if err != nil || fold || bits < 10 || !slices.Equal(starts, []string{"ghp_", "ghs_"}) {
		t.Errorf("got %q, %v, %v, %v", starts, fold, bits, err)
	}
	if starts, _, bits, _ := factor.Starts(`key=([0-9]{9})`, 1); starts != nil || bits != 0 {
		t.Errorf("got %q, %v; want nothing", starts, bits)
	}
	if _, _, _, err := factor.Starts(`a`, 1); err == nil {
		t.Error("a missing group gave no error")
	}
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		expr string
		at   int
		text string // that may stand there; empty if there is no probe
	}{
		{`ghp_[0-9]{4}-[0-9]{4}`, 4, "-"},
		{`ghp_[0-9]{4,6}-[0-9]{4}`, 3, "0123456789"},
		{`ghp_(?:[a-z]b|[a-z]xd)[0-9a-f]`, 1, "bx"},
		{`ghp_[a-z]*-`, 0, ""},
		{`ghp_.-`, 0, ""},
		{`(?i)ghp_[a-z]{3}K`, 3, "Kk"},
	} {
		f, err := factor.Analyze(tt.expr)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := f.Probe()
		got := ""
		for c := range 256 {
			if p.Bytes.Has(byte(c)) {
				got += string(rune(c))
			}
		}
		if ok != (tt.text != "") || ok && (p.At != tt.at || got != tt.text) {
			t.Errorf("%s: probe %q at %d, %t; want %q at %d", tt.expr, got, p.At, ok, tt.text, tt.at)
		}
	}
}
