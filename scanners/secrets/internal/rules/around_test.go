package rules

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/sample"
)

// TestAround changes what is further away from matches than Around says, and
// wants the same judgement.
func TestAround(t *testing.T) {
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	m := matcher(t, all)
	rng := rand.New(rand.NewPCG(31, 32))
	digits := func(n int, of string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = of[rng.IntN(len(of))]
		}
		return string(b)
	}
	const hexadecimal, base64 = "0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	// What judgements look for around a match.
	piece := func() string {
		switch rng.IntN(12) {
		case 0:
			return "nonce: \"" + digits(24, hexadecimal) + "\",\n"
		case 1:
			return "ciphertext = 0x" + digits(16, hexadecimal) + "\n"
		case 2:
			return digits(rng.IntN(400), base64)
		case 3:
			return strings.Repeat("x = y; ", rng.IntN(300))
		case 4:
			return "\""
		case 5:
			return "{\"kty\":\"EC\"}"
		case 6:
			return "sha256sum(\"" + digits(64, hexadecimal) + "\")\n"
		case 7:
			return "key = \"" + digits(32, hexadecimal) + "\"\n"
		case 8:
			return "..."
		case 9:
			return "'one two', '"
		}
		return "\n"
	}
	surroundings := func(b *strings.Builder) {
		for n := rng.IntN(25); n > 0; n-- {
			b.WriteString(piece())
		}
	}
	rounds, tried, refused, changed := 6, 0, 0, 0
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		for i := range all {
			if all[i].Expr == nil {
				continue
			}
			var b strings.Builder
			surroundings(&b)
			s, err := sample.Match(all[i].Expr.String(), rng, 5)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(s)
			surroundings(&b)
			text := []byte(b.String())
			path := []string{"a.go", "b.yaml", "c.env"}[rng.IntN(3)]
			var found []match.Match
			err = m.Find(context.Background(), text, func(int) bool { return true }, func(m match.Match) bool { found = append(found, m); return true })
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				r := &all[f.Rule]
				at := r.Around(text, f.Whole)
				var other strings.Builder
				if at.Start > 0 {
					surroundings(&other)
				}
				shift := other.Len() - at.Start
				other.Write(text[at.Start:at.End])
				if at.End < len(text) {
					surroundings(&other)
				}
				moved := func(s match.Span) match.Span { return match.Span{Start: s.Start + shift, End: s.End + shift} }
				want, err := r.Refuses(&Text{Path: path, All: text, Whole: f.Whole, Secret: f.Secret})
				if err != nil {
					t.Fatal(err)
				}
				got, err := r.Refuses(&Text{Path: path, All: []byte(other.String()), Whole: moved(f.Whole), Secret: moved(f.Secret)})
				if err != nil {
					t.Fatal(err)
				}
				tried++
				if want != "" {
					refused++
				}
				if other.String() != string(text) {
					changed++
				}
				if got != want {
					t.Fatalf("rule %s: refused because %q, want %q: something that is further away than Around says matters", r.ID, got, want)
				}
			}
		}
	}
	t.Logf("%d matches, %d refused, %d texts changed", tried, refused, changed)
	if tried == 0 || refused == 0 || changed == 0 {
		t.Error("too little was tried")
	}
}

// TestAroundVectors is about what is looked for furthest away.
func TestAroundVectors(t *testing.T) {
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	value := strings.Join([]string{"7f3a9c04e1", "b85d26f0c3", "4e9182ab57", "d06c3f19e8"}, "")
	text := []byte("nonce: \"00112233aa\"\nciphertext: \"aabbccdd00\"\n" + strings.Repeat("// "+strings.Repeat("-", 60)+"\n", 8) + "api_key = \"" + value + "\"\n")
	start := strings.Index(string(text), value)
	secret := match.Span{Start: start, End: start + len(value)}
	whole := match.Span{Start: start - len("api_key = \""), End: secret.End + 1}
	tried := 0
	for i := range all {
		r := &all[i]
		if r.ID != "generic-api-key" {
			continue
		}
		why, err := r.Refuses(&Text{Path: "a.txt", All: text, Whole: whole, Secret: secret})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(why, "test vectors") {
			t.Fatalf("refused because %q; want that it stands among test vectors", why)
		}
		if at := r.Around(text, whole); at.Start > 0 {
			t.Errorf("around starts at %d, behind what the judgement saw", at.Start)
		}
		tried++
	}
	if tried == 0 {
		t.Fatal("there is no such rule")
	}
}
