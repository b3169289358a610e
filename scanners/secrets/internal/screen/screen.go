// Package screen decides quickly that an expression matches nowhere in a text.
//
// From the syntax tree it makes a finite automaton (Glushkov's construction, as
// in package follow, then the powerset construction) that goes over the text
// once and costs one table look-up for each byte, wherever matches may start.
// It errs on one side only: assertions always hold, large counts are taken as
// unbounded, and a character beyond ASCII stands for all of them. So each match
// ends where the automaton accepts, but a match need not end there.
package screen

import (
	"encoding/binary"
	"math/bits"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/follow"
)

const (
	// maxPositions and maxStates bound the automaton; an expression that needs
	// more has no screen. At 40 columns, maxStates take 320 KB and about 10 ms.
	maxPositions = 1024
	maxStates    = 2000
)

// maxCounts are the largest counts that are spelt out, from the closest to the
// coarsest; the first with which the automaton is small enough is taken.
var maxCounts = []int{48, 2}

// Screen is the automaton. It is immutable.
type Screen struct {
	class [256]uint8
	// next maps row offset plus column to row offset; the row at offset 0 is
	// the start.
	next []uint32
	// Rows from accept on are those where a match may end.
	accept uint32
}

// New makes the screen of an expression; nil if it would be too large, or
// would let every text through.
func New(re *syntax.Regexp) *Screen {
	for _, most := range maxCounts {
		b := &builder{maxCount: most}
		if f := b.build(re); !b.over && !f.nullable {
			if s := b.determinize(f); s != nil {
				return s
			}
		}
	}
	return nil
}

// May reports whether there may be a match in text.
func (s *Screen) May(text []byte) bool { return may(s, text) }

// MayString is May for a string.
func (s *Screen) MayString(text string) bool { return may(s, text) }

func may[T string | []byte](s *Screen, text T) bool {
	at, next, accept := uint32(0), s.next, s.accept
	class := &s.class
	for i := range len(text) {
		if at = next[at+uint32(class[text[i]])]; at >= accept {
			return true
		}
	}
	return false
}

// Ends calls found for each offset at which a match may end, in order.
func (s *Screen) Ends(text []byte, found func(end int)) {
	at, next, accept := uint32(0), s.next, s.accept
	class := &s.class
	for i, b := range text {
		if at = next[at+uint32(class[b])]; at >= accept {
			found(i + 1)
		}
	}
}

// Longest returns the length of the longest match in bytes; false if there is
// no bound.
func Longest(re *syntax.Regexp) (int, bool) {
	sum, most := 0, 0
	for _, sub := range re.Sub {
		n, ok := Longest(sub)
		if !ok {
			return 0, false
		}
		sum, most = sum+n, max(most, n)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return utf8.UTFMax * len(re.Rune), true
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax, true
	case syntax.OpAlternate:
		return most, true
	case syntax.OpStar, syntax.OpPlus:
		return 0, sum == 0
	case syntax.OpRepeat:
		return sum * max(re.Max, 0), re.Max >= 0 || sum == 0
	case syntax.OpCapture, syntax.OpConcat, syntax.OpQuest:
		return sum, true
	}
	return 0, re.Op >= syntax.OpNoMatch && re.Op <= syntax.OpNoWordBoundary
}

// set is a set of positions.
type set []uint64

func (s set) add(p int) { s[p>>6] |= 1 << (p & 63) }

func (s set) or(t set) {
	for i, w := range t {
		s[i] |= w
	}
}

func (s set) each(f func(p int)) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			f(i<<6 + bits.TrailingZeros64(w))
		}
	}
}

func newSet() set { return make(set, maxPositions/64) }

// fragment is a part of the expression: the positions it may start and end
// with.
type fragment struct {
	first, last set
	nullable    bool
}

// position is one character of the expression.
type position struct {
	bytes  [4]uint64
	wide   bool // stands for characters of more than one byte too
	follow set
}

type builder struct {
	maxCount  int
	positions []position
	over      bool // the expression is too large
}

func empty() fragment { return fragment{first: newSet(), last: newSet(), nullable: true} }

// position adds a position for the runes of a class, given as pairs.
func (b *builder) position(ranges []rune) fragment {
	f := fragment{first: newSet(), last: newSet()}
	n := len(b.positions)
	if b.over = b.over || n == maxPositions; b.over {
		return f
	}
	p := position{follow: newSet()}
	p.bytes, p.wide = follow.Bytes(ranges)
	b.positions = append(b.positions, p)
	f.first.add(n)
	f.last.add(n)
	return f
}

func (b *builder) build(re *syntax.Regexp) fragment {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		f := empty()
		for class := range follow.Classes(re) {
			f = b.join(f, b.position(class))
		}
		return f
	case syntax.OpCapture:
		return b.build(re.Sub[0])
	case syntax.OpConcat:
		f := empty()
		for _, sub := range re.Sub {
			f = b.join(f, b.build(sub))
		}
		return f
	case syntax.OpAlternate:
		f := fragment{first: newSet(), last: newSet()}
		for _, sub := range re.Sub {
			g := b.build(sub)
			f.first.or(g.first)
			f.last.or(g.last)
			f.nullable = f.nullable || g.nullable
		}
		return f
	case syntax.OpStar:
		return b.repeat(re.Sub[0], 0, -1)
	case syntax.OpPlus:
		return b.repeat(re.Sub[0], 1, -1)
	case syntax.OpQuest:
		return b.repeat(re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		return b.repeat(re.Sub[0], re.Min, re.Max)
	case syntax.OpNoMatch:
		return fragment{first: newSet(), last: newSet()}
	}
	// An assertion holds; an operator of a later version of Go is not known.
	b.over = b.over || re.Op < syntax.OpEmptyMatch || re.Op > syntax.OpNoWordBoundary
	return empty()
}

func (b *builder) join(f, g fragment) fragment {
	f.last.each(func(p int) { b.positions[p].follow.or(g.first) })
	out := fragment{first: newSet(), last: newSet(), nullable: f.nullable && g.nullable}
	out.first.or(f.first)
	out.last.or(g.last)
	if f.nullable {
		out.first.or(g.first)
	}
	if g.nullable {
		out.last.or(f.last)
	}
	return out
}

func (b *builder) repeat(sub *syntax.Regexp, least, most int) fragment {
	f := empty()
	spelt := min(least, b.maxCount)
	for i := 0; i < spelt && !b.over; i++ {
		f = b.join(f, b.build(sub))
	}
	if most < 0 || most-spelt > b.maxCount {
		g := b.build(sub)
		b.join(g, g)
		g.nullable = true
		return b.join(f, g)
	}
	for i := spelt; i < most && !b.over; i++ {
		g := b.build(sub)
		g.nullable = g.nullable || i >= least
		f = b.join(f, g)
	}
	return f
}

// columns puts bytes that stand at the same positions into one column, and
// returns the positions of each.
func (b *builder) columns(class *[256]uint8) (masks []set, high []bool) {
	number := map[string]uint8{}
	for c := range 256 {
		mask := newSet()
		for p := range b.positions {
			if b.positions[p].bytes[c>>6]&(1<<(c&63)) != 0 {
				mask.add(p)
			}
		}
		name := string(appendKey(nil, mask, c >= utf8.RuneSelf))
		k, ok := number[name]
		if !ok {
			k = uint8(len(masks))
			number[name] = k
			masks, high = append(masks, mask), append(high, c >= utf8.RuneSelf)
		}
		class[c] = k
	}
	return masks, high
}

// appendKey appends bytes that tell a set from others, and more from not more.
func appendKey(out []byte, s set, more bool) []byte {
	for _, w := range s {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	if more {
		out = append(out, 1)
	}
	return out
}
