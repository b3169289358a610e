package match_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/sample"
)

// TestWorkIsLinear gives each rule texts that are made to keep it busy: starts
// of matches again and again, matches without their end, and the longest matches
// side by side. The bytes given to expressions, not the time, must grow with the
// text, and no faster.
func TestWorkIsLinear(t *testing.T) {
	_, rs := builtin(t)
	rng := rand.New(rand.NewPCG(13, 14))
	const small, large = 4 << 10, 16 << 10
	worst := 0.0
	for _, r := range rs {
		m, err := match.New([]match.Rule{r})
		if err != nil {
			t.Fatal(err)
		}
		s, err := sample.Match(r.Expr.String(), rng, 60)
		if err != nil {
			t.Fatal(err)
		}
		keywords := strings.Join(r.Keywords, " ") + "\n"
		for _, unit := range []string{s, s[:len(s)/2], s[:len(s)*3/4], s[:max(len(s)-2, 1)] + "\n", s[:min(len(s), 6)], s[:min(len(s), 12)] + "=", s + strings.Repeat("a", 200), keywords} {
			if unit == "" {
				continue
			}
			text := []byte(keywords + strings.Repeat(unit, large/len(unit)+1))
			part := bytes.Clone(text[:small])
			less, more := float64(m.Work(part))/float64(len(part)), float64(m.Work(text))/float64(len(text))
			worst = max(worst, more)
			// A window of a few thousand bytes at each hit is bounded work.
			if more > 1000 || more > 3*less+200 {
				t.Errorf("%.80s: %.0f times the text of %d bytes, %.0f times that of %d bytes, for %.60q again and again", r.Expr, less, len(part), more, len(text), unit)
			}
		}
	}
	t.Logf("at most %.0f times the text", worst)
}
