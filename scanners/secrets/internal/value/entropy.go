// Package value judges the text of a secret by itself: how random it is,
// whether it is plainly made up, and whether it has the structure that its
// issuer gives it. It needs no network and never fails.
package value

import (
	"math"
	"unicode/utf8"
)

// Entropy is the Shannon entropy of the characters of a text, in bits for each.
func Entropy(text []byte) float64 {
	if len(text) == 0 {
		return 0
	}
	var counts [256]int
	wide := map[rune]int(nil)
	n := 0
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			if r, size = utf8.DecodeRune(text[i:]); wide == nil {
				wide = map[rune]int{}
			}
			wide[r]++
		} else {
			counts[r]++
		}
		n++
		i += size
	}
	sum := 0.0
	add := func(c int) {
		if c > 0 {
			p := float64(c) / float64(n)
			sum -= p * math.Log2(p)
		}
	}
	for _, c := range counts {
		add(c)
	}
	for _, c := range wide {
		add(c)
	}
	return sum
}
