package automaton

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func fold(text []byte) []byte {
	low := make([]byte, len(text))
	for i, b := range text {
		low[i] = lower(b)
	}
	return low
}

// naive is the definition: every pattern at every position.
func naive(patterns []string, text []byte) []string {
	var got []string
	low := fold(text)
	for end := 1; end <= len(low); end++ {
		for p, s := range patterns {
			if bytes.HasSuffix(low[:end], fold([]byte(s))) {
				got = append(got, fmt.Sprintf("%d@%d", p, end))
			}
		}
	}
	return got
}

func scanIn(a *Automaton, text []byte, chunk int) []string {
	var got []string
	var s State
	for base := 0; base < len(text); base += chunk {
		part := text[base:min(base+chunk, len(text))]
		s = a.Scan(s, part, func(p, end int) { got = append(got, fmt.Sprintf("%d@%d", p, base+end)) })
	}
	return got
}

func TestScan(t *testing.T) {
	tests := []struct {
		patterns []string
		text     string
	}{
		{[]string{"he", "she", "his", "hers"}, "usHERs and ushers"},
		{[]string{"aa", "aaa", "a"}, "aaaaAAA"},
		{[]string{"-----", "begin"}, "-------BEGIN-----"},
		{[]string{"key"}, ""},
		{[]string{"ab", "abcd", "bc", "c"}, "xabcabcdab"},
		{[]string{"\xff\x00", "é"}, "é\xff\x00É\xff\xff\x00"},
		{nil, "nothing to look for"},
	}
	for _, tt := range tests {
		a, err := Compile(tt.patterns)
		if err != nil {
			t.Fatal(err)
		}
		want := naive(tt.patterns, []byte(tt.text))
		for chunk := 1; chunk <= len(tt.text)+1; chunk++ {
			if got := scanIn(a, []byte(tt.text), chunk); !slices.Equal(got, want) {
				t.Errorf("patterns %q in %q in chunks of %d:\ngot  %v\nwant %v", tt.patterns, tt.text, chunk, got, want)
			}
		}
	}
}

func TestScanAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abAB-é"[rng.IntN(7)]
		}
		return string(b)
	}
	for range 300 {
		patterns := make([]string, 1+rng.IntN(8))
		for i := range patterns {
			patterns[i] = word(1 + rng.IntN(5))
		}
		text := []byte(word(rng.IntN(200)))
		a, err := Compile(patterns)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := scanIn(a, text, 1+rng.IntN(50)), naive(patterns, text); !slices.Equal(got, want) {
			t.Fatalf("patterns %q in %q:\ngot  %v\nwant %v", patterns, text, got, want)
		}
	}
}

// TestLanes has texts that are gone over in two lanes, with patterns across the
// middle, the ends of blocks and each other.
func TestLanes(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	word := func(n int, letters string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[rng.IntN(len(letters))]
		}
		return string(b)
	}
	total := 0
	for round := range 60 {
		letters := []string{"ab", "abAB-\xc3\xa9", "a"}[round%3]
		patterns := make([]string, 1+rng.IntN(8))
		for i := range patterns {
			patterns[i] = word(1+rng.IntN(12), letters)
		}
		n := []int{minLanes, 3 * minLanes, lanesBytes, lanesBytes + 700, 3*lanesBytes + 1}[rng.IntN(5)] + rng.IntN(40)
		text := []byte(word(n, letters))
		a, err := Compile(patterns)
		if err != nil {
			t.Fatal(err)
		}
		type end struct{ pattern, at int }
		var got, want []end
		middle := rng.IntN(n)
		s := a.Scan(0, text[:middle], func(p, e int) { got = append(got, end{p, e}) })
		a.Scan(s, text[middle:], func(p, e int) { got = append(got, end{p, middle + e}) })
		a.one(0, text, 0, func(p, e int) { want = append(want, end{p, e}) })
		if !slices.Equal(got, want) {
			t.Fatalf("patterns %q in %d bytes: %d ends, want %d", patterns, n, len(got), len(want))
		}
		total += len(want)
	}
	if total == 0 {
		t.Fatal("there was nothing to find")
	}
}

func TestCompileRejectsEmpty(t *testing.T) {
	if _, err := Compile([]string{"a", ""}); err == nil {
		t.Error("an empty pattern was accepted")
	}
}

func BenchmarkScan(b *testing.B) {
	var patterns []string
	for i := range 150 {
		patterns = append(patterns, fmt.Sprintf("%c%cword%d", 'a'+i%26, 'a'+i/26, i))
	}
	a, err := Compile(patterns)
	if err != nil {
		b.Fatal(err)
	}
	text := bytes.Repeat([]byte("func (s *Server) handle(w http.ResponseWriter, r *http.Request) error {\n"), 20000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		a.Scan(0, text, func(int, int) {})
	}
}
