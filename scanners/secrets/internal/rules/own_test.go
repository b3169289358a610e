package rules

import (
	"encoding/base64"
	"math/rand/v2"
	"regexp"
	"strconv"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
)

const (
	digits   = "0123456789"
	small    = "abcdefghijklmnopqrstuvwxyz"
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

var placeholders = regexp.MustCompile(`\{(\d+)(?::(\w+))?\}|\{(p|discord|basic)\}`)

// expand puts random characters in place of placeholders.
func expand(text string, rng *rand.Rand) string {
	random := func(n int, from string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = from[rng.IntN(len(from))]
		}
		return string(b)
	}
	return placeholders.ReplaceAllStringFunc(text, func(p string) string {
		m := placeholders.FindStringSubmatch(p)
		switch m[3] {
		case "p":
			return random(3, small) + "#" + random(3, digits) + random(3, capitals) + "+" + random(2, digits)
		case "discord":
			return base64.RawStdEncoding.EncodeToString([]byte("8"+random(17, digits))) + "." + random(6, capitals) + "." + random(27, small)
		case "basic":
			return base64.StdEncoding.EncodeToString([]byte("svc:" + random(16, small+digits)))
		}
		n, _ := strconv.Atoi(m[1])
		return random(n, map[string]string{"": small + capitals + digits, "hex": digits + "abcdef", "low": small + digits, "upper": capitals + digits, "digit": digits, "HEX": digits + "ABCDEF"}[m[2]])
	})
}

// matcher looks for what the rules look for.
func matcher(t *testing.T, all []Rule) *match.Matcher {
	t.Helper()
	exprs := make([]match.Rule, len(all))
	for i := range all {
		exprs[i] = all[i].For()
	}
	m, err := match.New(exprs)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestOwn runs the samples of each rule of our own: true ones, which the rule
// must find, and false ones, in which no rule of our own may find anything.
func TestOwn(t *testing.T) {
	files, err := ownFiles()
	if err != nil {
		t.Fatal(err)
	}
	all, err := fromOwn()
	if err != nil {
		t.Fatal(err)
	}
	m := matcher(t, all)
	found := func(text, only string) string {
		id := ""
		err := m.Find(t.Context(), []byte(text), func(int) bool { return true }, func(m match.Match) bool {
			r := &all[m.Rule]
			why, err := r.Refuses(&Text{Path: "a.txt", All: []byte(text), Whole: m.Whole, Secret: m.Secret})
			if err != nil {
				t.Fatal(err)
			}
			if why == "" && (only == "" || only == r.ID) {
				id = r.ID
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	rng := rand.New(rand.NewPCG(1, 2))
	n := 0
	for _, f := range files {
		for _, o := range f.Rules {
			if len(o.Match) == 0 || len(o.Clean) == 0 {
				t.Errorf("%s has no true or no false samples", o.ID)
			}
			n++
			for _, s := range o.Match {
				hits := 0
				for range 20 { // random text may look made up
					if found(expand(s, rng), o.ID) == o.ID {
						hits++
					}
				}
				if hits < 18 {
					t.Errorf("%s: found in only %d of 20 samples of %q", o.ID, hits, s)
				}
			}
			for _, s := range o.Clean {
				if id := found(expand(s, rng), ""); id != "" {
					t.Errorf("%s: %s finds something in %q", o.ID, id, s)
				}
			}
		}
	}
	if n < 40 {
		t.Fatalf("only %d rules", n)
	}
}
