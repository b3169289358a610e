package factor

import (
	"math/bits"
	"regexp/syntax"
	"unicode/utf8"
)

// Probe is a byte that stands at a fixed place behind the literal in each match.
type Probe struct {
	// At is how many bytes lie between.
	At int
	// Bytes are those that may stand there.
	Bytes ByteSet
}

const (
	// maxProbed is how many bytes behind the literal are considered.
	maxProbed = 32
	// useless is how often in ordinary text a set may have a byte to be of use.
	useless = 0.85
)

// Probe returns the byte behind the literal that tells most; false if there is
// none that tells anything. It holds only in texts without the two letters that
// fold to an ASCII letter.
func (f *Factor) Probe() (Probe, bool) {
	sets, _ := behind(&syntax.Regexp{Op: syntax.OpConcat, Sub: f.Rest})
	best, least := Probe{}, useless
	p := 0.0
	for at, s := range sets {
		if at == 0 || s != sets[at-1] {
			p = s.frequency()
		}
		// Of two that are alike, the one further away has less to do with what
		// the text is about at the literal.
		if p <= least {
			best, least = Probe{at, s}, p
		}
	}
	return best, least < useless
}

// behind returns the bytes that may stand at each of the first places of a
// match, and whether all matches have as many bytes.
func behind(re *syntax.Regexp) (sets []ByteSet, fixed bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return nil, true
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r >= utf8.RuneSelf {
				return sets, false
			}
			var s ByteSet
			s.addRange(r, r)
			if re.Flags&syntax.FoldCase != 0 {
				s.addRange(lower(r), lower(r))
				s.addRange(upper(r), upper(r))
			}
			sets = append(sets, s)
		}
		return sets, true
	case syntax.OpCharClass:
		if s, ok := asciiOf(re.Rune); ok {
			return []ByteSet{s}, true
		}
		return []ByteSet{bytesOf(re)}, false
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return []ByteSet{bytesOf(re)}, false
	case syntax.OpCapture:
		return behind(re.Sub[0])
	case syntax.OpConcat:
		fixed = true
		for _, sub := range re.Sub {
			if fixed = fixed && len(sets) < maxProbed; !fixed {
				break
			}
			var more []ByteSet
			more, fixed = behind(sub)
			sets = append(sets, more...)
		}
		return sets, fixed
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			more, f := behind(sub)
			if i == 0 {
				sets, fixed = more, f
				continue
			}
			fixed = fixed && f && len(more) == len(sets)
			sets = sets[:min(len(sets), len(more))]
			for k := range sets {
				sets[k] = sets[k].union(more[k])
			}
		}
		return sets, fixed
	case syntax.OpPlus:
		sets, _ = behind(re.Sub[0])
		return sets, false
	case syntax.OpRepeat:
		more, f := behind(re.Sub[0])
		for i := 0; i < re.Min && len(sets) < maxProbed; i++ {
			if sets = append(sets, more...); !f {
				return sets, false
			}
		}
		return sets, f && re.Min == re.Max && len(sets) < maxProbed
	}
	return nil, false
}

// frequency estimates how often a byte of ordinary text is in the set.
func (s *ByteSet) frequency() (p float64) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			p += frequencies[i<<6+bits.TrailingZeros64(w)]
		}
	}
	return p
}

// frequencies are those of bytes in ordinary text, roughly.
var frequencies = func() (t [256]float64) {
	for c := range t {
		switch {
		case 'a' <= c && c <= 'z':
			t[c] = 0.64 / 26
		case 'A' <= c && c <= 'Z':
			t[c] = 0.06 / 26
		case '0' <= c && c <= '9':
			t[c] = 0.05 / 10
		case c == ' ':
			t[c] = 0.10
		case c == '\n' || c == '\t':
			t[c] = 0.03
		case ' ' < c && c < 0x7f:
			t[c] = 0.08 / 32
		default:
			t[c] = 0.01 / 150
		}
	}
	return t
}()
