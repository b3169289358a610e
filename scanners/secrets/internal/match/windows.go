package match

import (
	"bytes"
	"context"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/factor"
)

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
	also := s.m.rules[rule].factor.Also
	if len(also) == 0 || len(text) > maxPrecheck || s.special {
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

// runWhole runs a rule for which there is no factor: where its screen says that
// a match may end there, as if that were a hit.
func (s *scan) runWhole(ctx context.Context, rule int) {
	sc := s.m.screened(rule)
	if sc == nil || sc.longest < 0 {
		s.run(ctx, rule, 0, len(s.text))
		return
	}
	s.work += len(s.text)
	lo, hi := 0, 0
	sc.Ends(s.text, func(end int) {
		if start := max(0, end-sc.longest); hi == 0 || start > hi+2*margin {
			if hi > 0 {
				s.run(ctx, rule, max(0, lo-margin), min(len(s.text), hi+margin))
			}
			lo = start
		}
		hi = end
	})
	if hi > 0 {
		s.run(ctx, rule, max(0, lo-margin), min(len(s.text), hi+margin))
	}
}

// screened returns the screen of a rule if it is worth it and there is one.
func (m *Matcher) screened(rule int) *screening {
	r := &m.rules[rule]
	if r.spent.Load() < m.screenAfter {
		return nil
	}
	return r.screen()
}

// run reports the matches of a rule in text[lo:hi]. After a match it goes on
// with the last character of the secret, not with the end of the match: the
// character that ends one secret may begin the next.
func (s *scan) run(ctx context.Context, rule, lo, hi int) {
	r := &s.m.rules[rule]
	expr, err := r.Expr.Compiled()
	if err != nil {
		s.err = err
		return
	}
	sc := s.m.screened(rule)
	secretEnd := max(lo, s.windows[rule].secretEnd)
	for at := lo; at < hi && !s.stop && ctx.Err() == nil; {
		if sc != nil {
			s.work += hi - at
			if !sc.May(s.text[at:hi]) {
				return
			}
		}
		loc := expr.FindSubmatchIndex(s.text[at:hi])
		looked := hi - at
		if loc != nil {
			looked = loc[1] // the rest was not looked at
		}
		s.work += looked
		r.spent.Add(int64(looked))
		if loc == nil {
			return
		}
		m, _ := r.match(rule, at, loc)
		at = s.after(m)
		if m.Secret.Start < secretEnd {
			continue // overlaps the secret before
		}
		secretEnd = m.Secret.End
		s.report(m)
	}
}

// match makes a match of what the expression found in the text from base on.
// Grouped is set if the secret is a group of it.
func (r *Rule) match(rule, base int, loc []int) (m Match, grouped bool) {
	m = Match{Rule: rule, Whole: Span{base + loc[0], base + loc[1]}, Secret: Span{base + loc[0], base + loc[1]}}
	g := r.Group
	if g == FirstGroup {
		g = 1
		for 2*g < len(loc) && loc[2*g] == loc[2*g+1] {
			g++
		}
	}
	if g > 0 && 2*g+1 < len(loc) && loc[2*g] >= 0 {
		m.Secret = Span{base + loc[2*g], base + loc[2*g+1]}
		return m, true
	}
	return m, false
}

// after is where the search goes on.
func (s *scan) after(m Match) int {
	_, size := utf8.DecodeLastRune(s.text[m.Secret.Start:m.Secret.End])
	return max(m.Secret.End-size, m.Whole.Start+1)
}

// report passes a match on, or keeps it until a keyword is seen.
func (s *scan) report(m Match) {
	if w := &s.windows[m.Rule]; w.closed {
		w.held = append(w.held, m)
		return
	}
	if s.trace != nil {
		s.trace.all = append(s.trace.all, m)
	}
	if !s.found(m) {
		s.stop = true
	}
}
