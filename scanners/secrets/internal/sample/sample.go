// Package sample makes texts that a regular expression matches, for tests: so
// that no sample of a secret stands in a source file.
package sample

import (
	"math/rand/v2"
	"regexp/syntax"
	"strings"
)

// Match returns a random text that expr, in the syntax of package regexp,
// matches if the assertions in it (such as ^) hold where the text is put.
// Unbounded repetitions get up to extra more repetitions than they need.
func Match(expr string, rng *rand.Rand, extra int) (string, error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	write(&b, re, rng, extra)
	return b.String(), nil
}

func write(b *strings.Builder, re *syntax.Regexp, rng *rand.Rand, extra int) {
	times := func(least, most int) {
		if most < 0 {
			most = least + extra
		}
		for range least + rng.IntN(most-least+1) {
			write(b, re.Sub[0], rng, extra)
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 && rng.IntN(2) == 0 {
				r = []rune(strings.ToUpper(string(r)))[0]
			}
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		b.WriteRune(fromClass(re.Rune, rng))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune([]rune("a =é")[rng.IntN(4)])
	case syntax.OpCapture:
		write(b, re.Sub[0], rng, extra)
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			write(b, sub, rng, extra)
		}
	case syntax.OpAlternate:
		write(b, re.Sub[rng.IntN(len(re.Sub))], rng, extra)
	case syntax.OpStar:
		times(0, -1)
	case syntax.OpPlus:
		times(1, -1)
	case syntax.OpQuest:
		times(0, 1)
	case syntax.OpRepeat:
		times(re.Min, re.Max)
	}
}

// fromClass prefers printable ASCII.
func fromClass(ranges []rune, rng *rand.Rand) rune {
	var printable []rune
	for i := 0; i < len(ranges); i += 2 {
		for r := max(ranges[i], ' '); r <= min(ranges[i+1], '~'); r++ {
			printable = append(printable, r)
		}
	}
	if len(printable) > 0 && rng.IntN(200) > 0 {
		return printable[rng.IntN(len(printable))]
	}
	i := rng.IntN(len(ranges)/2) * 2
	return ranges[i] + rng.Int32N(min(ranges[i+1]-ranges[i], 300)+1)
}
