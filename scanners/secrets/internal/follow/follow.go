// Package follow decides quickly that an expression cannot match at some place.
//
// From the syntax tree of what stands behind a literal it makes an automaton
// (Glushkov's construction, "The abstract theory of automata", Russian
// Mathematical Surveys 16(5), 1961, then the powerset construction) that
// accepts a text as soon as the start of it might be matched. It errs on one
// side only: assertions always hold, but for $ at the end; large counts are taken
// as unbounded, and where the expression is too large the rest of it is taken as
// matched.
package follow

import (
	"iter"
	"math/bits"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

const (
	// maxPositions is how many characters of the expression are looked at; the
	// last position stands for everything behind them.
	maxPositions = 64*words - 1
	words        = 4
	// maxCount is the largest count that is spelt out.
	maxCount = 24
	// maxStates bounds the automaton; places beyond it are accepted. With
	// about 20 columns it takes 40 KB at most.
	maxStates = 1000
	// maxLook is how many bytes are looked at; a text that is not refused by
	// then may be matched. It bounds the work for each place.
	maxLook = 256
)

// set is a set of positions.
type set [words]uint64

// accepted is the last position.
var accepted = set{words - 1: 1 << 63}

func (s *set) add(p int)     { s[p>>6] |= 1 << (p & 63) }
func (s *set) accepts() bool { return s[words-1]>>63 != 0 }

func (s *set) or(t *set) {
	for i := range s {
		s[i] |= t[i]
	}
}

// each calls f for all positions but the last.
func (s *set) each(f func(p int)) {
	for i, w := range s {
		if i == words-1 {
			w &^= 1 << 63
		}
		for ; w != 0; w &= w - 1 {
			f(i<<6 + bits.TrailingZeros64(w))
		}
	}
}

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
	// ends are the states that accept if the text ends.
	ends []bool
}

// New makes a check of what stands one after the other.
func New(parts []*syntax.Regexp) *Check {
	b := &builder{}
	whole := b.concat(parts, true)
	if whole.nullable {
		whole.first.or(&accepted)
	}
	whole.last.each(func(p int) { b.follow[p].or(&accepted) })
	return b.determinize(whole.first)
}

// Trivial reports whether the check accepts every text.
func (c *Check) Trivial() bool { return c.start == accept }

// May reports whether the start of text may be matched.
func (c *Check) May(text []byte) bool {
	s := c.start
	if s == accept {
		return true
	}
	for _, b := range text[:min(len(text), maxLook)] {
		s = c.next[int(s)*c.columns+int(c.class[b])]
		if s <= accept {
			return s == accept
		}
	}
	return len(text) > maxLook || c.ends[s]
}

// Look is May, and also returns how many bytes the answer depends on: more than
// text has if it would be another for a longer text.
func (c *Check) Look(text []byte) (bool, int) {
	s := c.start
	if s <= accept {
		return s == accept, 0
	}
	for i, b := range text[:min(len(text), maxLook)] {
		s = c.next[int(s)*c.columns+int(c.class[b])]
		if s <= accept {
			return s == accept, i + 1
		}
	}
	if len(text) > maxLook {
		return true, maxLook + 1
	}
	return c.ends[s], len(text) + 1
}

// fragment is a part of the expression: the positions it may start and end
// with, as bits.
type fragment struct {
	first, last set
	nullable    bool
}

type builder struct {
	n      int
	bytes  [maxPositions][4]uint64 // what stands at each position
	follow [maxPositions]set
	// wide positions stand for characters of more than one byte too, and ends
	// for the end of the text.
	wide, ends set
}

var empty = fragment{nullable: true}

// position adds a position for the runes of a class, given as pairs.
func (b *builder) position(ranges []rune) fragment {
	if b.n == maxPositions {
		return fragment{first: accepted, last: accepted}
	}
	p := b.n
	b.n++
	wide := false
	if b.bytes[p], wide = Bytes(ranges); wide {
		b.wide.add(p)
	}
	var f fragment
	f.first.add(p)
	f.last.add(p)
	return f
}

// Classes yields the characters that a literal, a class or a dot stands for, one
// after the other, each as pairs of runes: from and to.
func Classes(re *syntax.Regexp) iter.Seq[[]rune] {
	return func(yield func([]rune) bool) {
		switch re.Op {
		case syntax.OpCharClass:
			yield(re.Rune)
		case syntax.OpAnyChar:
			yield([]rune{0, utf8.MaxRune})
		case syntax.OpAnyCharNotNL:
			yield([]rune{0, '\n' - 1, '\n' + 1, utf8.MaxRune})
		case syntax.OpLiteral:
			for _, r := range re.Rune {
				class := []rune{r, r}
				if re.Flags&syntax.FoldCase != 0 {
					for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
						class = append(class, o, o)
					}
				}
				if !yield(class) {
					return
				}
			}
		}
	}
}

// Bytes returns a class as a set of bytes. It is wide if it has characters
// beyond ASCII: all bytes of these are in it then.
func Bytes(class []rune) (set [4]uint64, wide bool) {
	for i := 0; i < len(class); i += 2 {
		for r := class[i]; r <= min(class[i+1], utf8.RuneSelf-1); r++ {
			set[r>>6] |= 1 << (r & 63)
		}
		wide = wide || class[i+1] >= utf8.RuneSelf
	}
	if wide {
		set[2], set[3] = ^uint64(0), ^uint64(0)
	}
	return set, wide
}

// end adds a position for $ behind which nothing more is looked at: the end of
// the text, or a line feed.
func (b *builder) end(ranges []rune) fragment {
	p := b.n
	f := b.position(ranges)
	if p < maxPositions {
		b.ends.add(p)
	}
	return f
}

// build adds a node; last is set if nothing stands behind it.
func (b *builder) build(re *syntax.Regexp, last bool) fragment {
	switch re.Op {
	case syntax.OpEndText:
		if last {
			return b.end(nil)
		}
	case syntax.OpEndLine:
		if last {
			return b.end([]rune{'\n', '\n'})
		}
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		f := empty
		for class := range Classes(re) {
			f = b.join(f, b.position(class))
		}
		return f
	case syntax.OpCapture:
		return b.build(re.Sub[0], last)
	case syntax.OpConcat:
		return b.concat(re.Sub, last)
	case syntax.OpAlternate:
		var f fragment
		for _, sub := range re.Sub {
			g := b.build(sub, last)
			f.first.or(&g.first)
			f.last.or(&g.last)
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
		return fragment{}
	}
	// An assertion, or an operator of a later version of Go: it holds.
	if re.Op >= syntax.OpEmptyMatch && re.Op <= syntax.OpNoWordBoundary {
		return empty
	}
	return fragment{first: accepted, last: accepted, nullable: true}
}

func (b *builder) concat(parts []*syntax.Regexp, last bool) fragment {
	f := empty
	for i, p := range parts {
		f = b.join(f, b.build(p, last && i == len(parts)-1))
	}
	return f
}

func (b *builder) join(f, g fragment) fragment {
	f.last.each(func(p int) { b.follow[p].or(&g.first) })
	out := fragment{first: f.first, last: g.last, nullable: f.nullable && g.nullable}
	if f.nullable {
		out.first.or(&g.first)
	}
	if g.nullable {
		out.last.or(&f.last)
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
		f = b.join(f, b.build(sub, false))
	}
	switch {
	case sub.Op == syntax.OpAnyChar && (most < 0 || most-spelt > maxCount):
		// What comes behind anything may come much later.
		return b.join(f, fragment{first: accepted, last: accepted})
	case most < 0 || most-spelt > maxCount:
		g := b.build(sub, false)
		b.join(g, g)
		g.nullable = true
		f = b.join(f, g)
	default:
		for i := range most - spelt {
			g := b.build(sub, false)
			g.nullable = g.nullable || i >= least-spelt
			f = b.join(f, g)
		}
	}
	return f
}

// determinize makes one state of each set of positions that may come next.
func (b *builder) determinize(first set) *Check {
	c := &Check{}
	// Bytes that stand at the same positions share a column.
	var masks []set
	column := map[set]uint8{}
	for i := range 256 {
		var mask set
		for p := range b.n {
			if b.bytes[p][i>>6]&(1<<(i&63)) != 0 {
				mask.add(p)
			}
		}
		if i >= utf8.RuneSelf {
			mask.or(&accepted) // told apart from ASCII: may continue a character
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

	number := map[set]uint16{{}: dead}
	sets := []set{{}, accepted}
	state := func(s *set) uint16 {
		if s.accepts() {
			return accept
		}
		n, ok := number[*s]
		if !ok {
			if len(sets) == maxStates {
				return accept
			}
			n = uint16(len(sets))
			number[*s] = n
			sets = append(sets, *s)
		}
		return n
	}
	c.start = state(&first)
	for i := 0; i < len(sets); i++ {
		for k := range masks {
			mask := &masks[k]
			var matched, next set
			for w := range matched {
				matched[w] = sets[i][w] & mask[w]
			}
			matched.each(func(p int) { next.or(&b.follow[p]) })
			if mask.accepts() {
				for w := range next {
					next[w] |= matched[w] & b.wide[w] // more bytes of the character
				}
			}
			c.next = append(c.next, state(&next))
		}
	}
	c.ends = make([]bool, len(sets))
	for i, s := range sets {
		for w := range s {
			c.ends[i] = c.ends[i] || s[w]&b.ends[w] != 0
		}
	}
	return c
}
