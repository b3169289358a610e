package factor

import (
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// node is what is known about the matches of one node of the syntax tree.
type node struct {
	extent Extent
	// exact, if not nil, holds every text that the node can match.
	exact []string
	// prefix, if not nil, holds a non-empty start of every text that the node
	// can match.
	prefix []string
	// rest, if not nil, is what must match behind the prefix.
	rest []*syntax.Regexp
	// folded is set if exact and prefix are in lower case and stand for any
	// case.
	folded bool
	// best is the best factor inside; nil if there is none.
	best *candidate
	// others are factors that hold besides best.
	others []*candidate
}

// candidate is a factor relative to a node.
type candidate struct {
	literals      []string
	folded        bool
	before, after Extent
	// rest, if not nil, is what must match behind the literal.
	rest []*syntax.Regexp
}

// candidate returns the best factor of the node, be it inside or all of it.
func (n node) candidate() *candidate {
	best := n.best
	if n.exact != nil {
		best = better(best, newCandidate(n.exact, n.folded, Extent{}, Extent{}, []*syntax.Regexp{}))
	}
	if n.prefix != nil {
		best = better(best, newCandidate(n.prefix, n.folded, Extent{}, n.extent, n.rest))
	}
	return best
}

// newCandidate leaves out literals that contain another one. Then text of a
// longer literal may stand on either side of the shorter one.
func newCandidate(literals []string, folded bool, before, after Extent, rest []*syntax.Regexp) *candidate {
	if folded {
		literals = lowerAll(literals)
	}
	longest := 0
	for _, l := range literals {
		longest = max(longest, len(l))
	}
	short := slices.DeleteFunc(dedupe(slices.Clone(literals)), func(l string) bool {
		return slices.ContainsFunc(literals, func(o string) bool { return o != l && strings.Contains(l, o) })
	})
	if len(short) == 0 || slices.Contains(short, "") {
		return nil
	}
	c := &candidate{literals: short, folded: folded, before: before, after: after, rest: rest}
	if len(short) < len(literals) {
		if slices.ContainsFunc(literals, func(l string) bool {
			return !slices.ContainsFunc(short, func(o string) bool { return strings.HasSuffix(l, o) })
		}) {
			c.rest = nil // it does not follow the shorter literal at once
		}
		// With folding a letter of the text has up to three bytes.
		more := Extent{Fixed: 3 * longest}
		c.before, c.after = before.then(more), after.then(more)
	}
	return c
}

func better(a, b *candidate) *candidate {
	if a == nil || b != nil && b.bits() > a.bits() {
		return b
	}
	return a
}

// bits estimates how rare hits are: the negative logarithm of how often one of
// the literals starts at a given place of ordinary text. Factors without
// unbounded reach are worth a little more.
func (c *candidate) bits() float64 {
	p := 0.0
	for _, l := range c.literals {
		bits := 0.0
		for i := range len(l) {
			switch b := l[i]; {
			case 'a' <= b && b <= 'z':
				bits += 4
			case 'A' <= b && b <= 'Z':
				bits += 5
			case b == ' ':
				bits += 3
			default:
				bits += 6
			}
		}
		p += math.Pow(2, -bits)
	}
	bits := -math.Log2(p)
	if !c.before.Loose.Empty() {
		bits -= 2
	}
	if !c.after.Loose.Empty() {
		bits -= 2
	}
	return bits
}

func analyze(re *syntax.Regexp) node {
	switch re.Op {
	case syntax.OpNoMatch:
		return node{exact: []string{}}
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText,
		syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return node{exact: []string{""}}
	case syntax.OpLiteral:
		return literal(re)
	case syntax.OpCharClass:
		return class(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return node{extent: Extent{Fixed: utf8.UTFMax}}
	case syntax.OpCapture:
		return analyze(re.Sub[0])
	case syntax.OpConcat:
		parts := make([]node, len(re.Sub))
		for i, sub := range re.Sub {
			parts[i] = analyze(sub)
		}
		return concat(parts, re.Sub)
	case syntax.OpAlternate:
		return alternate(re.Sub)
	case syntax.OpStar:
		return repeat(re.Sub[0], 0, -1)
	case syntax.OpPlus:
		return repeat(re.Sub[0], 1, -1)
	case syntax.OpQuest:
		return repeat(re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		return repeat(re.Sub[0], re.Min, re.Max)
	}
	// An operator of a later version of Go: it may match anything.
	return node{extent: Extent{Loose: ByteSet{math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64}}}
}

func literal(re *syntax.Regexp) node {
	fold := re.Flags&syntax.FoldCase != 0
	if !fold || !slices.ContainsFunc(re.Rune, func(r rune) bool { return r >= utf8.RuneSelf }) {
		n := node{folded: fold}
		for _, r := range re.Rune {
			n.extent.Fixed += runeBytes(r, fold)
		}
		text := string(re.Rune)
		if fold {
			text = strings.Map(lower, text)
		}
		n.exact = []string{text}
		return n
	}
	parts := make([]node, len(re.Rune))
	for i, r := range re.Rune {
		parts[i] = node{extent: Extent{Fixed: runeBytes(r, fold)}, folded: fold}
		switch {
		case fold && r < utf8.RuneSelf:
			parts[i].exact = []string{string(lower(r))}
		case !fold:
			parts[i].exact = []string{string(r)}
		}
	}
	return concat(parts, nil)
}

// runeBytes is the longest encoding of r, or of what it folds to.
func runeBytes(r rune, fold bool) int {
	n := utf8.RuneLen(r)
	if n < 0 {
		return utf8.UTFMax
	}
	if fold {
		if r >= utf8.RuneSelf {
			return utf8.UTFMax
		}
		switch lower(r) {
		case 'k':
			n = utf8.RuneLen('\u212a')
		case 's':
			n = utf8.RuneLen('\u017f')
		}
	}
	return n
}

func class(ranges []rune) node {
	var n node
	count := 0
	for i := 0; i < len(ranges); i += 2 {
		lo, hi := ranges[i], ranges[i+1]
		if size := utf8.RuneLen(hi); size > 0 {
			n.extent.Fixed = max(n.extent.Fixed, size)
		} else {
			n.extent.Fixed = utf8.UTFMax
		}
		if hi >= utf8.RuneSelf || count > maxClass {
			count = maxClass + 1
			continue
		}
		count += int(hi-lo) + 1
	}
	if count > maxClass {
		return n
	}
	n.exact = []string{}
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			n.exact = append(n.exact, string(r))
		}
	}
	n.exact = dedupe(n.exact)
	return n
}

// concat joins runs of parts whose texts are all known into one set of longer
// literals, and keeps the best of the runs and of the factors inside parts.
func concat(parts []node, subs []*syntax.Regexp) node {
	// tail[i] is what parts[i:] can match.
	tail := make([]Extent, len(parts)+1)
	for i := len(parts) - 1; i >= 0; i-- {
		tail[i] = parts[i].extent.then(tail[i+1])
	}
	n := node{extent: tail[0]}
	consider := func(c *candidate) {
		if c != nil {
			n.best = better(n.best, c)
			n.others = append(n.others, c)
		}
	}
	var before Extent // what stands before the run
	run := node{exact: []string{""}}
	first := true
	flush := func(end int, rest []*syntax.Regexp) {
		if first {
			first = false
			if !slices.Contains(run.exact, "") {
				n.prefix, n.folded, n.rest = run.exact, run.folded, rest
			}
		}
		consider(newCandidate(run.exact, run.folded, before, tail[end], rest))
	}
	for i, p := range parts {
		// What may be missing would only blur a literal that is good already.
		blurs := len(p.exact) > 1 && slices.Contains(p.exact, "") && telling(run.exact)
		if !blurs && p.exact != nil && len(run.exact)*len(p.exact) <= maxLiterals {
			run = run.join(p.exact, p)
			continue
		}
		done := run.extent
		if p.exact == nil && p.prefix != nil && len(run.exact)*len(p.prefix) <= maxLiterals {
			run = run.join(p.prefix, p)
			flush(i, then(p.rest, subs, i+1)) // the rest of the part is behind the literal
		} else {
			flush(i, then([]*syntax.Regexp{}, subs, i))
		}
		before = before.then(done)
		if p.exact != nil {
			run = p
			continue
		}
		if c := p.best; c != nil {
			consider(&candidate{literals: c.literals, folded: c.folded,
				before: before.then(c.before), after: c.after.then(tail[i+1]), rest: then(c.rest, subs, i+1)})
		}
		before = before.then(p.extent)
		run = node{exact: []string{""}}
	}
	if first {
		return node{extent: tail[0], exact: run.exact, folded: run.folded}
	}
	flush(len(parts), []*syntax.Regexp{})
	return n
}

// then is rest and what stands behind it in a concatenation; nil if either is
// not known.
func then(rest, subs []*syntax.Regexp, from int) []*syntax.Regexp {
	if rest == nil || from > len(subs) {
		return nil
	}
	return append(slices.Clone(rest), subs[from:]...)
}

// telling reports whether each of the texts has three bytes or more.
func telling(texts []string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return len(s) < 3 })
}

// join appends texts of p to each text of the run.
func (n node) join(texts []string, p node) node {
	out := node{extent: n.extent.then(p.extent), exact: cross(n.exact, texts), folded: n.folded || p.folded}
	if out.folded {
		out.exact = lowerAll(out.exact)
	}
	return out
}

func alternate(subs []*syntax.Regexp) node {
	n := node{exact: []string{}}
	parts := make([]node, len(subs))
	for i, sub := range subs {
		parts[i] = analyze(sub)
		n.extent = n.extent.or(parts[i].extent)
		n.folded = n.folded || parts[i].folded
		n.exact = merge(n.exact, parts[i].exact)
	}
	if n.exact != nil {
		if n.folded {
			n.exact = lowerAll(n.exact)
		}
		return n
	}
	n.prefix = []string{}
	union := &candidate{}
	var rests []*syntax.Regexp // behind the prefix of each
	known := true
	for _, a := range parts {
		starts, rest := a.prefix, a.rest
		if a.exact != nil {
			starts, rest = a.exact, []*syntax.Regexp{}
		}
		known = known && rest != nil
		rests = append(rests, &syntax.Regexp{Op: syntax.OpConcat, Sub: rest})
		if n.prefix = merge(n.prefix, starts); slices.Contains(n.prefix, "") {
			n.prefix = nil
		}
		c := a.candidate()
		if union == nil || c == nil || len(union.literals)+len(c.literals) > maxLiterals {
			union = nil
			continue
		}
		union = &candidate{
			literals: append(slices.Clone(union.literals), c.literals...),
			folded:   union.folded || c.folded,
			before:   union.before.or(c.before),
			after:    union.after.or(c.after),
			rest:     either(union, c),
		}
		if union.folded {
			union.literals = lowerAll(union.literals)
		}
	}
	if n.folded {
		n.prefix = lowerAll(n.prefix)
	}
	if n.prefix != nil && known {
		n.rest = []*syntax.Regexp{{Op: syntax.OpAlternate, Sub: rests}}
	}
	n.best = union
	return n
}

// either is what must match behind a literal of one or the other.
func either(a, b *candidate) []*syntax.Regexp {
	if len(a.literals) == 0 { // the first alternative
		return b.rest
	}
	if a.rest == nil || b.rest == nil {
		return nil
	}
	return []*syntax.Regexp{{Op: syntax.OpAlternate, Sub: []*syntax.Regexp{
		{Op: syntax.OpConcat, Sub: a.rest}, {Op: syntax.OpConcat, Sub: b.rest}}}}
}

// merge is nil if a or b is, or if there are too many.
func merge(a, b []string) []string {
	if a == nil || b == nil || len(a)+len(b) > maxLiterals {
		return nil
	}
	return dedupe(append(slices.Clone(a), b...))
}

func repeat(sub *syntax.Regexp, least, most int) node {
	n := analyze(sub)
	one, rest := n.extent, Extent{}
	if most < 0 {
		rest = Extent{Loose: bytesOf(sub)}
	} else {
		rest = Extent{Fixed: one.Fixed * max(most-1, 0), Loose: one.Loose}
	}
	out := node{extent: one.then(rest), folded: n.folded}
	switch {
	case most == 0:
		return node{exact: []string{""}}
	case most < 0 && least == 0:
		return node{extent: rest}
	}
	if n.exact != nil && most > 0 {
		if out.exact = powers(n.exact, least, most); out.exact != nil {
			return out
		}
	}
	if least == 0 {
		return out
	}
	out.prefix = n.prefix
	if n.exact != nil && !slices.Contains(n.exact, "") {
		out.prefix = n.exact
	}
	if c := n.candidate(); c != nil {
		// Which of the repetitions holds the literal is not known, so the
		// others may be on either side.
		out.best = &candidate{literals: c.literals, folded: c.folded, before: rest.then(c.before), after: c.after.then(rest)}
	}
	return out
}

// powers is all concatenations of least to most texts, or nil if they are too
// many.
func powers(texts []string, least, most int) []string {
	all, power := []string{}, []string{""}
	for i := 0; ; i++ {
		if i >= least {
			all = append(all, power...)
		}
		if len(all) > maxLiterals || len(power) > maxLiterals || i > maxPower {
			return nil
		}
		if i == most {
			return dedupe(all)
		}
		power = cross(power, texts)
	}
}
