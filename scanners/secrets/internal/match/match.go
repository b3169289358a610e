// Package match runs many regular expressions over a text and reads most of
// the text only once.
//
// An automaton looks for the literals that the matches of each rule must
// contain (package factor), and the expression runs only in windows around
// them.
//
// # Why no match is lost, and none is added
//
// Let h be the end of a hit and W(h) the stretch of text that a match which
// contains the hit can reach by the bounds of the factor. Every match of the
// rule in the whole text contains a hit and so lies in its W(h). W is monotone:
// a later hit never reaches further back or less far ahead. A window is the
// union of all W(h) that touch or overlap, widened on both sides by margin
// bytes; so each match lies in exactly one window, and the first match in a
// window that starts at or after some place is also the first in the whole
// text: whatever matches in the window contains a hit of the window too, lies
// within the W of that hit, and so keeps margin bytes away from either edge of
// the window. Hence ^, $ and \b see the same characters as in the whole text,
// and decoding of UTF-8, which resynchronises within three bytes, sees the same
// characters too.
//
// A hit counts only if what follows it may be the rest of a match (package
// follow): a necessary condition, so each match still contains a hit that
// counts.
//
// If each match begins with a literal, the expression runs only at the hits,
// from left to right: the first hit at which it matches is the first match. An
// optional start of up to n bytes, taken as short as possible, does not change
// which hit that is, since from a start that reaches a later hit the earlier
// one is reached with less; so it is cut off, and added to the match afterwards.
// If hits near each other would have the same text read too often, the expression
// runs over the rest of the text instead.
//
// A rule for which there is no factor runs over the whole text, or around the
// places where its screen (package screen) lets a match end: such an end is a
// hit too. A window that the screen rules out is not given to the expression.
// Screens are made for the expressions that are given much text only.
//
// In a text with one of the two letters that fold to an ASCII letter, a literal of
// a rule that ignores case may be spelt with them. So the ASCII letters are put in
// their place in what the automaton reads, and a literal takes more bytes.
package match

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/automaton"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/factor"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/follow"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/screen"
)

const (
	// margin is enough for one character, whatever its encoding.
	margin = utf8.UTFMax
	// blockBytes is how much is read between two looks at the context.
	blockBytes = 1 << 20
	// maxPrecheck is the largest window that is searched for the other
	// literals of a rule before its expression runs; it bounds the copy in
	// lower case.
	maxPrecheck = 64 << 10
	// maxGiven is how many times the length of the text may be given to an
	// expression at hits whose matches have no bound.
	maxGiven = 64
	// screenAfter is how many bytes are given to an expression before a screen
	// is made for it, which takes as long as some 100 KB.
	screenAfter = 256 << 10
)

// Rule is an expression to look for.
type Rule struct {
	// Expr may match the empty text nowhere. If it is nil, the rule matches
	// nothing.
	Expr *lazy.Regexp
	// Group is the number of the group that is the secret; 0 is the whole
	// match, and [FirstGroup] the first group that is not empty.
	Group int
	// Keywords are strings of which the text must have one, in lower case and
	// compared without regard to the case of ASCII letters; may be empty.
	Keywords []string
}

// FirstGroup is the first group of a match that is not empty, or the whole
// match if there is none.
const FirstGroup = -1

// Span is a stretch of a text, in bytes.
type Span struct{ Start, End int }

// Match is one match of a rule.
type Match struct {
	// Rule is the index of the rule.
	Rule int
	// Whole is the match and Secret its group.
	Whole, Secret Span
}

// Matcher looks for a set of rules. It is immutable.
type Matcher struct {
	rules     []rule
	automaton *automaton.Automaton
	// uses says what each pattern of the automaton is good for.
	uses [][]use
	all  []*use // the same, one after the other
	// probes is how many bytes behind a hit the farthest probe is, with itself.
	probes int
	// whole are the rules that run over the whole text.
	whole []int
	// states are not in use.
	states sync.Pool
	// These are the constants, but in tests.
	screenAfter int64
	maxGiven    int
}

// rule is a rule as it is searched.
type rule struct {
	Rule
	factor factor.Factor
	// check decides from what follows a hit; made when first needed.
	check func() *follow.Check
	// headed is the expression without its lead, to be run at hits; nil if
	// matches do not begin with literals.
	headed *lazy.Regexp
	// longest is the length of the longest literal.
	longest int
	// back is how far a match reaches before the end of a hit in a text with
	// letters.
	back factor.Extent
	// gated is set if a keyword must be seen besides the literals.
	gated bool
	// bytes are those that a match can have.
	bytes func() factor.ByteSet
	// screen says where the expression cannot match; made once the expression
	// was run over screenAfter bytes, which spent counts.
	screen func() *screening
	spent  atomic.Int64
}

// screening is a screen and the length of the longest match; -1 if there is no
// bound.
type screening struct {
	*screen.Screen
	longest int
}

type use struct {
	rule int
	// exact is the literal if case matters; else empty.
	exact string
	// bytes is the length of the literal.
	bytes int
	// keyword is set if the pattern only opens the gate of the rule.
	keyword bool
	// number is the index in all uses.
	number int32
	// probe is a byte that must follow, in a text without the letters, if probed
	// is set: it rules out most hits before anything else is looked at.
	probe  factor.Probe
	probed bool
}

// passes looks at one byte behind a hit at an offset.
func (u *use) passes(text []byte, at int) bool {
	at += u.probe.At
	return !u.probed || at < len(text) && u.probe.Bytes.Has(text[at])
}

// Find calls found for each match in text for which wants is true of the rule.
// The matches of one rule come in order; those of different rules do not. It
// stops early only if found returns false or the context ends.
func (m *Matcher) Find(ctx context.Context, text []byte, wants func(rule int) bool, found func(Match) bool) error {
	_, err := m.find(ctx, text, nil, wants, found)
	return err
}

// find also counts the bytes that were given to expressions. Trace may be nil.
func (m *Matcher) find(ctx context.Context, text []byte, trace *Trace, wants func(rule int) bool, found func(Match) bool) (work int, err error) {
	st := m.states.Get().(*states)
	defer func() {
		st.reset()
		m.states.Put(st)
	}()
	if trace != nil {
		trace.reach = m.probes
	}
	s := scan{m: m, text: text, trace: trace, wants: wants, found: found, states: st}
	s.special = hasLetters(text)
	for _, i := range m.whole {
		s.window(i)
	}
	if s.special {
		err = s.hitsOfPlain(ctx)
	} else {
		err = s.hits(ctx)
	}
	if err != nil {
		return s.work, err
	}
	slices.Sort(st.touched)
	for _, i := range st.touched {
		if s.err == nil && !s.stop {
			s.finish(ctx, i)
		}
	}
	if trace != nil {
		trace.finish(&s)
	}
	if s.err != nil {
		return s.work, s.err
	}
	return s.work, ctx.Err()
}

// scan is one call of Find.
type scan struct {
	m     *Matcher
	text  []byte
	wants func(rule int) bool
	found func(Match) bool
	*states
	trace   *Trace // may be nil
	special bool   // the text has letters
	stop    bool
	err     error
	work    int
}

// hits looks for hits in a text without letters.
func (s *scan) hits(ctx context.Context) error {
	var state automaton.State
	for base := 0; base < len(s.text) && !s.stop; base += blockBytes {
		if err := ctx.Err(); err != nil {
			return err
		}
		block := s.text[base:min(base+blockBytes, len(s.text))]
		state = s.m.automaton.Scan(state, block, func(pattern, end int) {
			uses := s.m.uses[pattern]
			for i := range uses {
				if u := &uses[i]; u.passes(s.text, base+end) {
					s.hit(ctx, u, base+end)
				}
			}
		})
	}
	return nil
}

// hitsOfPlain looks for hits in a text with letters.
func (s *scan) hitsOfPlain(ctx context.Context) error {
	var state automaton.State
	var p plain
	for base := 0; base < len(s.text) && !s.stop; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := p.fold(s.text[base:])
		seen, longer := 0, 0
		state = s.m.automaton.Scan(state, p.text, func(pattern, end int) {
			for ; seen < len(p.at) && p.at[seen] < end; seen++ {
				longer = p.longer[seen]
			}
			uses := s.m.uses[pattern]
			for i := range uses {
				s.hit(ctx, &uses[i], base+end+longer)
			}
		})
		base += n
	}
	return nil
}

// states are those of all rules. Few rules have a hit in a text, so those that
// do are listed.
type states struct {
	windows []window
	touched []int
	scratch []byte
}

// reset makes them fit for another text.
func (st *states) reset() {
	for _, i := range st.touched {
		w := &st.windows[i]
		*w = window{heads: w.heads[:0]}
	}
	st.touched = st.touched[:0]
}

// window returns the state of a rule.
func (s *scan) window(rule int) *window {
	w := &s.windows[rule]
	if !w.touched {
		w.touched = true
		w.whole = s.m.rules[rule].factor.Literals == nil
		w.closed = s.m.rules[rule].gated && !s.special // keywords are compared as ASCII
		s.touched = append(s.touched, rule)
	}
	return w
}

// window is the state of one rule.
type window struct {
	touched bool
	off     bool // the rule is not wanted
	asked   bool // whether it is: few rules have a hit, so not before
	whole   bool // it runs over the whole text, at the end
	closed  bool // no keyword was seen so far
	open    bool
	// start and end are without margin; last is the newest hit, and fixed
	// counts the bytes of text[last:end] that are not loose.
	start, end, last, fixed int

	// heads are starts of hits where the expression is still to be run, in
	// order; from is where the search goes on, and secretEnd the end of the
	// last secret.
	heads           []int
	from, secretEnd int
	// given counts the bytes given to the expression at heads. If they are too
	// many, it runs over all of the text from rest on, and no more at heads.
	given int
	over  bool
	rest  int
	// held are matches of a rule whose gate is closed.
	held []Match
}

// hit notes that a pattern of a rule ends at offset at.
func (s *scan) hit(ctx context.Context, u *use, at int) {
	w := s.window(u.rule)
	if w.off || s.stop {
		return
	}
	if u.keyword {
		if w.closed && s.trace != nil {
			s.trace.add(u, at) // one is enough
		}
		w.closed = false
		return
	}
	if w.whole || u.exact != "" && string(s.text[at-len(u.exact):at]) != u.exact {
		return
	}
	if !s.may(u, at) || !s.wanted(u.rule) {
		return
	}
	s.count(ctx, u, at)
}

// may reports whether what follows a hit may be the rest of a match.
func (s *scan) may(u *use, at int) bool {
	check := s.m.rules[u.rule].check()
	switch {
	case check == nil:
		if s.trace != nil {
			s.trace.add(u, at)
		}
		return true
	case s.trace == nil:
		return check.May(s.text[at:])
	}
	ok, n := check.Look(s.text[at:])
	if s.trace.reach = max(s.trace.reach, n); ok {
		s.trace.add(u, at)
	}
	return ok
}

// count is for a hit that may lie in a match.
func (s *scan) count(ctx context.Context, u *use, at int) {
	w, r := &s.windows[u.rule], &s.m.rules[u.rule]
	back, ahead := r.factor.Left, r.factor.Right
	switch {
	case s.special && r.factor.Fold:
		back = r.back
	case r.headed != nil:
		s.head(ctx, u, at)
		return
	}
	if !w.open || at > w.end+2*margin {
		// The hit lies beyond the window: does it reach back to it?
		start := reachBack(s.text, w.end, at, back)
		if w.open && start > w.end+2*margin {
			s.flush(ctx, u.rule)
		}
		if !w.open {
			w.open, w.start = true, start
		}
		w.end, w.fixed = at, 0
	} else if at <= w.end {
		w.fixed -= count(s.text[w.last:at], &ahead.Loose)
	} else {
		w.end, w.fixed = at, 0
	}
	w.last = at
	w.end, w.fixed = reachAhead(s.text, w.end, w.fixed, ahead)
}

// wanted asks once whether a rule is wanted.
func (s *scan) wanted(rule int) bool {
	w := &s.windows[rule]
	if !w.asked {
		w.asked = true
		w.off = !s.wants(rule)
	}
	return !w.off
}

// finish runs what is still to be run of a rule.
func (s *scan) finish(ctx context.Context, rule int) {
	w := &s.windows[rule]
	if w.off || w.closed {
		return
	}
	if w.whole {
		if s.wanted(rule) {
			s.runWhole(ctx, rule)
		}
		return
	}
	s.flush(ctx, rule)
	s.runHeads(ctx, rule, len(s.text))
	if w.over {
		s.run(ctx, rule, w.rest, len(s.text))
	}
	for _, m := range w.held {
		s.report(m)
	}
}
