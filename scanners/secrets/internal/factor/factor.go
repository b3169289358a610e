// Package factor finds out from a regular expression which strings each of its
// matches must contain, and how far a match can reach around them.
//
// It answers the question "where in a text must the expression be run so that
// no match is lost?" by proof from the syntax tree, not by a guess of the
// rule's author: see [Factor].
package factor

import (
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// Factor is what is known about all matches of an expression.
//
// Each match contains one of Literals. If that literal ends at offset e, the
// match starts no further before e than Left allows, and ends no further behind
// e than Right allows. Each match also contains one string of each set in Also.
//
// If Fold is set, this holds only in texts without the two letters that fold to
// an ASCII letter, U+017F and U+212A.
type Factor struct {
	// Literals are sorted; nil if there are none of use. They are in lower
	// case and to be compared without regard to the case of ASCII letters,
	// unless CaseSensitive is set.
	Literals      []string
	CaseSensitive bool
	Left, Right   Extent
	// Also holds sets of further strings, in lower case, to be compared
	// without regard to the case of ASCII letters; may be nil.
	Also [][]string
	Fold bool
	// Rest is what must match behind the literal, one after the other; nil if
	// that is not known. It is a necessary condition, not a sufficient one.
	Rest []*syntax.Regexp
	// First is set if each match starts with one of Literals, which are all
	// of its possible starts, once what Lead describes is cut off its left.
	First bool
	Lead  Lead
}

// Lead is what an expression begins with and may do without: as few bytes as
// possible, at most Max, of a set; then perhaps a word boundary. Without the
// lead, the expression has the same matches but for their starts.
type Lead struct {
	// Max is 0 if there is no lead.
	Max   int
	Bytes ByteSet
	// Boundary is set if a word boundary (\b) stands before the literal.
	Boundary bool
	// Expr is the expression without lead and boundary.
	Expr *syntax.Regexp
}

// Extent bounds a stretch of text: it has at most Fixed bytes that are not in
// Loose. An expression without unbounded repetition has an empty Loose.
type Extent struct {
	Fixed int
	Loose ByteSet
}

// ByteSet is a set of bytes.
type ByteSet [4]uint64

// Has reports whether b is in the set.
func (s *ByteSet) Has(b byte) bool { return s[b>>6]&(1<<(b&63)) != 0 }

// Empty reports whether the set is empty.
func (s *ByteSet) Empty() bool { return *s == ByteSet{} }

func (s *ByteSet) addRange(lo, hi rune) {
	for r := lo; r <= hi && r < utf8.RuneSelf; r++ {
		s[r>>6] |= 1 << (r & 63)
	}
	if hi >= utf8.RuneSelf {
		// Any byte of a longer encoding, and any invalid byte.
		s[2], s[3] = math.MaxUint64, math.MaxUint64
	}
}

func (s ByteSet) union(t ByteSet) ByteSet {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

func (e Extent) then(f Extent) Extent {
	return Extent{Fixed: e.Fixed + f.Fixed, Loose: e.Loose.union(f.Loose)}
}

func (e Extent) or(f Extent) Extent {
	return Extent{Fixed: max(e.Fixed, f.Fixed), Loose: e.Loose.union(f.Loose)}
}

const (
	// maxLiterals bounds the alternatives that stand for one expression: more
	// make the automaton large and the hits frequent.
	maxLiterals = 64
	// maxClass is the largest character class that is spelt out; a larger one
	// is part of the secret rather than of its public start.
	maxClass = 5
	// maxPower is the most repetitions that are spelt out.
	maxPower = 64
	// minBits is the least information that a literal must carry to be of use:
	// two letters.
	minBits = 8
	// minChecked is as much where what follows the literal is known too, which
	// makes false hits cheap: a sign, or two letters of many.
	minChecked = 5
)

// Analyze parses expr, in the syntax of package regexp, and returns its
// factor.
func Analyze(expr string) (Factor, error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return Factor{}, fmt.Errorf("analyze expression: %w", err)
	}
	subs := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		subs = re.Sub
	}
	parts := make([]node, len(subs))
	for i, sub := range subs {
		parts[i] = analyze(sub)
	}
	f := Factor{Fold: folds(re)}
	n := concat(parts, subs)
	c := n.candidate()
	if c == nil || c.bits() < minBits && (c.rest == nil || c.bits() < minChecked) {
		return f, nil
	}
	f.Literals, f.CaseSensitive = dedupe(slices.Clone(c.literals)), !c.folded
	longest := 0
	for _, l := range f.Literals {
		longest = max(longest, len(l))
	}
	f.Left = c.before.then(Extent{Fixed: longest})
	f.Right = c.after
	f.Rest = c.rest
	if f.Lead, f.First = lead(subs, parts, c); f.First && f.Lead.Max > 0 {
		f.Fold = true // the set may hold the two letters
	}
	for _, o := range n.others {
		if also := lowerAll(o.literals); o.bits() >= minBits && !implied(also, f.Literals) {
			f.Also = append(f.Also, also)
		}
	}
	return f, nil
}

// Starts returns the texts with which each match of a group of expr starts,
// sorted, or nil if that is not known; group 0 is the whole expression. If
// fold is true, they are in lower case and stand for any case. Bits says how
// much information the literals within the group carry at least, 0 if there
// are none: a measure for how specific the group is.
func Starts(expr string, group int) (starts []string, fold bool, bits float64, err error) {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, false, 0, fmt.Errorf("analyze expression: %w", err)
	}
	if re = capture(re, group); re == nil {
		return nil, false, 0, fmt.Errorf("analyze expression: there is no group %d", group)
	}
	n := analyze(re)
	if c := n.candidate(); c != nil {
		bits = c.bits()
	}
	if n.exact != nil {
		return n.exact, n.folded, bits, nil
	}
	return n.prefix, n.folded, bits, nil
}

// lead looks for a lead of what stands one after the other, and reports whether what is behind it starts
// with the literals of c.
func lead(parts []*syntax.Regexp, nodes []node, c *candidate) (Lead, bool) {
	var l Lead
	var before Extent
	if first := parts[0]; len(parts) > 1 && first.Op == syntax.OpRepeat && first.Min == 0 && first.Max > 0 &&
		first.Flags&syntax.NonGreedy != 0 && first.Sub[0].Op == syntax.OpCharClass {
		set, ok := asciiOf(first.Sub[0].Rune)
		if !ok {
			return Lead{}, false
		}
		l.Max, l.Bytes = first.Max, set
		before = nodes[0].extent
		parts, nodes = parts[1:], nodes[1:]
	}
	if len(parts) > 1 && parts[0].Op == syntax.OpWordBoundary && l.Max == 0 {
		l.Boundary = true
		parts, nodes = parts[1:], nodes[1:]
	}
	rest := &syntax.Regexp{Op: syntax.OpConcat, Sub: parts}
	if asserts(parts[0]) || c.before != before {
		return Lead{}, false
	}
	l.Expr = rest
	n := concat(nodes, parts)
	starts := n.prefix
	if n.exact != nil {
		starts = n.exact
	}
	if starts == nil || n.folded != c.folded {
		return Lead{}, false
	}
	if n.folded {
		starts = lowerAll(starts)
	}
	return l, slices.Equal(dedupe(slices.Clone(starts)), dedupe(slices.Clone(c.literals)))
}

// asciiOf is the set of the bytes of a class, which must have no other
// characters than ASCII but for the two that fold to it.
func asciiOf(ranges []rune) (s ByteSet, ok bool) {
	for i := 0; i < len(ranges); i += 2 {
		switch lo, hi := ranges[i], ranges[i+1]; {
		case hi < utf8.RuneSelf:
			s.addRange(lo, hi)
		case lo != hi || lo != '\u017f' && lo != '\u212a':
			return s, false
		}
	}
	return s, true
}

// asserts reports whether re begins with an assertion or might, so that it
// looks at what stands before it.
func asserts(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpBeginText, syntax.OpEndLine, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpCapture:
		return asserts(re.Sub[0])
	case syntax.OpConcat:
		return len(re.Sub) > 0 && asserts(re.Sub[0])
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, asserts)
	}
	// A repetition may match nothing, so that what follows comes first.
	return true
}

func capture(re *syntax.Regexp, group int) *syntax.Regexp {
	if group == 0 || re.Op == syntax.OpCapture && re.Cap == group {
		return re
	}
	for _, sub := range re.Sub {
		if found := capture(sub, group); found != nil {
			return found
		}
	}
	return nil
}

// implied reports whether each text that contains one of literals contains one
// of also.
func implied(also, literals []string) bool {
	return !slices.ContainsFunc(literals, func(l string) bool {
		return !slices.ContainsFunc(also, func(a string) bool { return strings.Contains(strings.Map(lower, l), a) })
	})
}
