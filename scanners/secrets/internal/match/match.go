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
// A rule for which there is no factor runs over the whole text, and so does a
// rule that ignores case in a text with one of the two letters that fold to an
// ASCII letter.
package match

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/automaton"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/factor"
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
)

// Rule is an expression to look for.
type Rule struct {
	// Expr may match the empty text nowhere.
	Expr *regexp.Regexp
	// Group is the number of the group that is the secret; 0 is the whole
	// match.
	Group int
}

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
	rules     []Rule
	factors   []factor.Factor
	automaton *automaton.Automaton
	// uses says what each pattern of the automaton is good for.
	uses [][]use
}

type use struct {
	rule int
	// exact is the literal if case matters; else empty.
	exact string
}

// New analyses the rules.
func New(rules []Rule) (*Matcher, error) {
	m := &Matcher{rules: rules, factors: make([]factor.Factor, len(rules))}
	var patterns []string
	number := map[string]int{}
	for i, r := range rules {
		f, err := factor.Analyze(r.Expr.String())
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
		m.factors[i] = f
		for _, l := range f.Literals {
			low := strings.ToLower(l)
			n, ok := number[low]
			if !ok {
				n = len(patterns)
				number[low] = n
				patterns = append(patterns, low)
				m.uses = append(m.uses, nil)
			}
			u := use{rule: i}
			if f.CaseSensitive {
				u.exact = l
			}
			m.uses[n] = append(m.uses[n], u)
		}
	}
	var err error
	m.automaton, err = automaton.Compile(patterns)
	return m, err
}

// Find calls found for each match in text for which wants is true of the rule.
// The matches of one rule come in order; those of different rules do not. It
// stops early only if found returns false or the context ends.
func (m *Matcher) Find(ctx context.Context, text []byte, wants func(rule int) bool, found func(Match) bool) error {
	s := scan{m: m, text: text, found: found, windows: make([]window, len(m.rules))}
	special := bytes.Contains(text, []byte("\u017f")) || bytes.Contains(text, []byte("\u212a"))
	for i, f := range m.factors {
		w := &s.windows[i]
		switch {
		case !wants(i):
			w.off = true
		case f.Literals == nil || special && f.Fold:
			w.off = true
			s.run(ctx, i, 0, len(text))
		}
	}
	var state automaton.State
	for base := 0; base < len(text) && !s.stop; base += blockBytes {
		if err := ctx.Err(); err != nil {
			return err
		}
		block := text[base:min(base+blockBytes, len(text))]
		state = m.automaton.Scan(state, block, func(pattern, end int) {
			for _, u := range m.uses[pattern] {
				s.hit(ctx, u, base+end)
			}
		})
	}
	for i := range s.windows {
		s.flush(ctx, i)
	}
	return ctx.Err()
}

// scan is one call of Find.
type scan struct {
	m       *Matcher
	text    []byte
	found   func(Match) bool
	windows []window
	scratch []byte
	stop    bool
}

// window is the window of one rule that is being built.
type window struct {
	off  bool // the rule needs no hits
	open bool
	// start and end are without margin; last is the newest hit, and fixed
	// counts the bytes of text[last:end] that are not loose.
	start, end, last, fixed int
}

// hit notes that a literal of a rule ends at offset at.
func (s *scan) hit(ctx context.Context, u use, at int) {
	w := &s.windows[u.rule]
	if w.off || s.stop {
		return
	}
	if u.exact != "" && string(s.text[at-len(u.exact):at]) != u.exact {
		return
	}
	f := &s.m.factors[u.rule]
	if !w.open || at > w.end+2*margin {
		// The hit lies beyond the window: does it reach back to it?
		start := reachBack(s.text, w.end, at, f.Left)
		if w.open && start > w.end+2*margin {
			s.flush(ctx, u.rule)
		}
		if !w.open {
			w.open, w.start = true, start
		}
		w.end, w.fixed = at, 0
	} else if at <= w.end {
		w.fixed -= count(s.text[w.last:at], &f.Right.Loose)
	} else {
		w.end, w.fixed = at, 0
	}
	w.last = at
	w.end, w.fixed = reachAhead(s.text, w.end, w.fixed, f.Right)
}

// reachBack returns how far back from at, but not beyond from, e reaches.
func reachBack(text []byte, from, at int, e factor.Extent) int {
	if e.Loose.Empty() {
		return max(from, at-e.Fixed)
	}
	for fixed := 0; at > from; at-- {
		if !e.Loose.Has(text[at-1]) {
			if fixed++; fixed > e.Fixed {
				break
			}
		}
	}
	return at
}

// reachAhead moves end ahead as far as e reaches if fixed bytes of it are
// spent.
func reachAhead(text []byte, end, fixed int, e factor.Extent) (int, int) {
	if e.Loose.Empty() {
		step := min(e.Fixed-fixed, len(text)-end)
		return end + step, fixed + step
	}
	for ; end < len(text); end++ {
		if !e.Loose.Has(text[end]) {
			if fixed == e.Fixed {
				break
			}
			fixed++
		}
	}
	return end, fixed
}

func count(text []byte, loose *factor.ByteSet) int {
	n := 0
	for _, b := range text {
		if !loose.Has(b) {
			n++
		}
	}
	return n
}

// flush runs a rule over its window.
func (s *scan) flush(ctx context.Context, rule int) {
	w := &s.windows[rule]
	if !w.open {
		return
	}
	w.open = false
	lo, hi := max(0, w.start-margin), min(len(s.text), w.end+margin)
	if s.hopeless(rule, s.text[lo:hi]) {
		return
	}
	s.run(ctx, rule, lo, hi)
}

// hopeless reports whether the window lacks a literal that each match has.
func (s *scan) hopeless(rule int, text []byte) bool {
	also := s.m.factors[rule].Also
	if len(also) == 0 || len(text) > maxPrecheck {
		return false
	}
	s.scratch = append(s.scratch[:0], text...)
	for i, b := range s.scratch {
		if 'A' <= b && b <= 'Z' {
			s.scratch[i] = b + 'a' - 'A'
		}
	}
	for _, set := range also {
		if !containsAny(s.scratch, set) {
			return true
		}
	}
	return false
}

func containsAny(text []byte, set []string) bool {
	for _, l := range set {
		if bytes.Contains(text, []byte(l)) {
			return true
		}
	}
	return false
}

// run reports the matches of a rule in text[lo:hi]. After a match it goes on
// with the last character of the secret, not with the end of the match: the
// character that ends one secret may begin the next.
func (s *scan) run(ctx context.Context, rule, lo, hi int) {
	r := s.m.rules[rule]
	secretEnd := lo
	for at := lo; at < hi && !s.stop && ctx.Err() == nil; {
		loc := r.Expr.FindSubmatchIndex(s.text[at:hi])
		if loc == nil {
			return
		}
		m := Match{Rule: rule, Whole: Span{at + loc[0], at + loc[1]}, Secret: Span{at + loc[0], at + loc[1]}}
		if g := 2 * r.Group; g > 0 && g+1 < len(loc) && loc[g] >= 0 {
			m.Secret = Span{at + loc[g], at + loc[g+1]}
		}
		next := m.Secret.End
		_, size := utf8.DecodeLastRune(s.text[m.Secret.Start:m.Secret.End])
		at = max(next-size, m.Whole.Start+1)
		if m.Secret.Start < secretEnd {
			continue // overlaps the secret before
		}
		secretEnd = m.Secret.End
		if !s.found(m) {
			s.stop = true
		}
	}
}
