// Package follow decides quickly that an expression cannot match at some place.
//
// From the syntax tree of what stands behind a literal it makes an automaton
// (Glushkov's construction, "The abstract theory of automata", Russian
// Mathematical Surveys 16(5), 1961, then the powerset construction) that
// accepts a text as soon as the start of it might be matched. It errs on one
// side only: assertions always hold, large counts are taken as unbounded, and
// where the expression is too large the rest of it is taken as matched.
package follow

import (
	"math/bits"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

const (
	// maxPositions is how many characters of the expression are looked at; the
	// last bit stands for everything behind them.
	maxPositions = 63
	accepted     = uint64(1) << maxPositions
	// maxCount is the largest count that is spelt out.
	maxCount = 24
	// maxStates bounds the automaton; places beyond it are accepted. With
	// about 20 columns it takes 40 KB at most.
	maxStates = 1000
)

const (
	dead   = 0
	accept = 1
)

// Check is the automaton. It is immutable.
type Check struct {
	class   [256]uint8
	columns int
	next    []uint16
	start   uint16
}

// New makes a check of what stands one after the other.
func New(parts []*syntax.Regexp) *Check {
	b := &builder{}
	whole := b.concat(parts)
	first := whole.first
	if whole.nullable {
		first |= accepted
	}
	for rest := whole.last; rest != 0; rest &= rest - 1 {
		if p := bits.TrailingZeros64(rest); p < maxPositions {
			b.follow[p] |= accepted
		}
	}
	return b.determinize(first)
}

// Trivial reports whether the check accepts every text.
func (c *Check) Trivial() bool { return c.start == accept }

// May reports whether the start of text may be matched.
func (c *Check) May(text []byte) bool {
	s := c.start
	if s == accept {
		return true
	}
	for _, b := range text {
		s = c.next[int(s)*c.columns+int(c.class[b])]
		if s <= accept {
			return s == accept
		}
	}
	return false
}

// Look is May, and also returns how many bytes the answer depends on: more than
// text has if it would be another for a longer text.
func (c *Check) Look(text []byte) (bool, int) {
	s := c.start
	if s <= accept {
		return s == accept, 0
	}
	for i, b := range text {
		s = c.next[int(s)*c.columns+int(c.class[b])]
		if s <= accept {
			return s == accept, i + 1
		}
	}
	return false, len(text) + 1
}

// fragment is a part of the expression: the positions it may start and end
// with, as bits.
type fragment struct {
	first, last uint64
	nullable    bool
}

type builder struct {
	n      int
	bytes  [maxPositions][4]uint64 // what stands at each position
	follow [maxPositions]uint64
	// wide positions stand for characters of more than one byte too.
	wide uint64
}

var empty = fragment{nullable: true}

// position adds a position for the runes of a class, given as pairs.
func (b *builder) position(ranges []rune) fragment {
	if b.n == maxPositions {
		return fragment{first: accepted, last: accepted}
	}
	p := b.n
	b.n++
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= min(ranges[i+1], utf8.RuneSelf-1); r++ {
			b.bytes[p][r>>6] |= 1 << (r & 63)
		}
		if ranges[i+1] >= utf8.RuneSelf {
			b.wide |= 1 << p
			b.bytes[p][2], b.bytes[p][3] = ^uint64(0), ^uint64(0)
		}
	}
	return fragment{first: 1 << p, last: 1 << p}
}

func (b *builder) build(re *syntax.Regexp) fragment {
	switch re.Op {
	case syntax.OpLiteral:
		f := empty
		for _, r := range re.Rune {
			ranges := []rune{r, r}
			if re.Flags&syntax.FoldCase != 0 {
				for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
					ranges = append(ranges, o, o)
				}
			}
			f = b.join(f, b.position(ranges))
		}
		return f
	case syntax.OpCharClass:
		return b.position(re.Rune)
	case syntax.OpAnyChar:
		return b.position([]rune{0, utf8.MaxRune})
	case syntax.OpAnyCharNotNL:
		return b.position([]rune{0, '\n' - 1, '\n' + 1, utf8.MaxRune})
	case syntax.OpCapture:
		return b.build(re.Sub[0])
	case syntax.OpConcat:
		return b.concat(re.Sub)
	case syntax.OpAlternate:
		var f fragment
		for _, sub := range re.Sub {
			g := b.build(sub)
			f = fragment{f.first | g.first, f.last | g.last, f.nullable || g.nullable}
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
		return fragment{}
	}
	// An assertion, or an operator of a later version of Go: it holds.
	if re.Op >= syntax.OpEmptyMatch && re.Op <= syntax.OpNoWordBoundary {
		return empty
	}
	return fragment{first: accepted, last: accepted, nullable: true}
}

func (b *builder) concat(parts []*syntax.Regexp) fragment {
	f := empty
	for _, p := range parts {
		f = b.join(f, b.build(p))
	}
	return f
}

func (b *builder) join(f, g fragment) fragment {
	for rest := f.last &^ accepted; rest != 0; rest &= rest - 1 {
		b.follow[bits.TrailingZeros64(rest)] |= g.first
	}
	out := fragment{first: f.first, last: g.last, nullable: f.nullable && g.nullable}
	if f.nullable {
		out.first |= g.first
	}
	if g.nullable {
		out.last |= f.last
	}
	return out
}

func (b *builder) repeat(sub *syntax.Regexp, least, most int) fragment {
	f := empty
	spelt := min(least, maxCount)
	for range spelt {
		if b.n == maxPositions {
			break
		}
		f = b.join(f, b.build(sub))
	}
	switch {
	case most < 0 || most-spelt > maxCount:
		g := b.build(sub)
		b.join(g, g)
		g.nullable = true
		f = b.join(f, g)
	default:
		for i := range most - spelt {
			g := b.build(sub)
			g.nullable = g.nullable || i >= least-spelt
			f = b.join(f, g)
		}
	}
	return f
}

// determinize makes one state of each set of positions that may come next.
func (b *builder) determinize(first uint64) *Check {
	c := &Check{}
	// Bytes that stand at the same positions share a column.
	var masks []uint64
	column := map[uint64]uint8{}
	for i := range 256 {
		mask := uint64(0)
		for p := range b.n {
			if b.bytes[p][i>>6]&(1<<(i&63)) != 0 {
				mask |= 1 << p
			}
		}
		if i >= utf8.RuneSelf {
			mask |= accepted // told apart from ASCII: may continue a character
		}
		k, ok := column[mask]
		if !ok {
			k = uint8(len(masks))
			column[mask] = k
			masks = append(masks, mask)
		}
		c.class[i] = k
	}
	c.columns = len(masks)

	number := map[uint64]uint16{0: dead}
	sets := []uint64{0, accepted}
	state := func(set uint64) uint16 {
		if set&accepted != 0 {
			return accept
		}
		n, ok := number[set]
		if !ok {
			if len(sets) == maxStates {
				return accept
			}
			n = uint16(len(sets))
			number[set] = n
			sets = append(sets, set)
		}
		return n
	}
	c.start = state(first)
	for i := 0; i < len(sets); i++ {
		for _, mask := range masks {
			matched, next := sets[i]&mask&^accepted, uint64(0)
			for rest := matched; rest != 0; rest &= rest - 1 {
				next |= b.follow[bits.TrailingZeros64(rest)]
			}
			if mask&accepted != 0 {
				next |= matched & b.wide // more bytes of the character
			}
			c.next = append(c.next, state(next))
		}
	}
	return c
}
