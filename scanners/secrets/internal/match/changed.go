package match

import (
	"cmp"
	"context"
	"slices"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/automaton"
)

// Trace is what a search of a text leaves behind for that of another text that
// has much in common with it; see [Matcher.FindChanged].
type Trace struct {
	hits []traced // by end
	// all are the matches, and matches those that count, as the caller has them.
	all, matches []Match
	// reach is how many bytes behind a hit were looked at at most.
	reach int
	// bytes is the length of the text, and useless is set if what was found
	// cannot tell anything about another text.
	bytes   int
	useless bool
}

// traced is a hit that counts, whether its rule is wanted or not, or a keyword that
// opens a gate.
type traced struct{ use, end int32 }

// maxTraced bounds the matches of a useful trace.
const maxTraced = 1000

// maxReach bounds the reach of a useful trace: more would have to be read again
// around each change.
const maxReach = 1 << 10

func (t *Trace) add(u *use, end int) { t.hits = append(t.hits, traced{u.number, int32(end)}) }

// finish decides whether the trace is of use after a whole search.
func (t *Trace) finish(s *scan) {
	t.bytes = len(s.text)
	if s.err != nil || s.stop || s.special || t.reach > maxReach || len(t.all) > maxTraced {
		t.useless = true
		return
	}
	for _, i := range s.touched {
		w := &s.windows[i]
		if w.whole && !w.off && !w.closed {
			t.useless = true // it may match anywhere
			return
		}
	}
}

// Useful reports whether the trace may stand for an old text.
func (t *Trace) Useful() bool { return t != nil && !t.useless }

// Size is roughly how much memory it takes.
func (t *Trace) Size() int { return 96 + 8*cap(t.hits) + 40*(len(t.all)+len(t.matches)) }

// Keep notes the matches of the text that count.
func (t *Trace) Keep(matches []Match) { t.matches = slices.Clone(matches) }

// FindTraced is Find that also leaves a trace.
func (m *Matcher) FindTraced(ctx context.Context, text []byte, wants func(rule int) bool, found func(Match) bool) (*Trace, error) {
	t := &Trace{}
	_, err := m.find(ctx, text, t, wants, found)
	t.hits = slices.Clip(t.hits)
	return t, err
}

// Around widens a stretch of a text to all that the judgement of a match in it
// looks at, given its rule.
type Around func(text []byte, rule int, s Span) Span

// gap is a stretch that is not in the old text, or a place where two stretches
// meet that are apart there; it may be empty.
type gap struct{ start, end int }

// FindChanged finds the matches of a text that count, given a trace of another
// one. Whether a match counts is for the caller to judge, by the match and what is
// around it. It calls kept for each that counts as one in the old text did, and
// found for those that are to be judged.
//
// Same says what the two texts have in common, in order of At and without
// overlaps; the rules that are wanted must be the same. If ok is false, only a
// whole search can tell. The trace that is returned is that of the text.
//
// # Why none is lost
//
// A rule without a literal and a text with one of the two letters make a trace
// useless, so each match has a hit. A hit and the check of what follows it depend
// on the bytes from its start to as far as any check looked; if none of them is in
// a gap, the hit is in both texts or in neither. The hits near gaps, that is,
// those for which this does not hold, are looked for again, so all hits of the
// text are known, and a keyword for each gate that is open. If all that is known
// of an open gate is lost, only a whole search can tell.
//
// As the package comment says, the matches in a window are the same whatever
// stands outside of it, window here being the union of all W(h) that touch, where
// W(h) also ends at the first byte that no match can have. Take a window of the
// text that lies within a stretch that is the same in the old text, and that no
// hit near a gap could touch, be it in the text or in the old one: reach is
// monotone, so the outermost place that is near bounds them all. Then the same
// bytes are a window in the old text, with the same matches, if the gate of the
// rule was open there too. All other windows are searched. If all that is around
// the window is the same as well, so is the judgement; else they are judged again.
func (m *Matcher) FindChanged(ctx context.Context, text []byte, old *Trace, same []gatehouse.Stretch, wants func(rule int) bool, around Around, found func(Match) bool, kept func(Match)) (t *Trace, ok bool, err error) {
	if !old.Useful() || len(m.rules) == 0 {
		return nil, false, nil
	}
	c := changed{m: m, text: text, old: old, stretches: same, kept: kept, longest: m.automaton.Longest(), around: around, budget: 4*len(text) + 1<<16}
	c.gaps = gapsOf(same, len(text), old.bytes)
	c.near = nearGaps(c.gaps, old.reach, c.longest, len(text))
	t = &Trace{bytes: len(text), reach: old.reach, hits: make([]traced, 0, len(old.hits)+8)}
	st := m.states.Get().(*states)
	defer func() {
		st.reset()
		m.states.Put(st)
	}()
	c.s = scan{m: m, text: text, trace: t, wants: wants, found: found, states: st}
	ok = c.collect(old, same) && c.search(ctx)
	if c.s.err != nil || ctx.Err() != nil {
		return nil, false, cmp.Or(c.s.err, ctx.Err())
	}
	if !ok || c.s.stop || t.reach > maxReach || len(t.all) > maxTraced {
		return nil, false, nil
	}
	t.hits = slices.Clip(t.hits)
	return t, true, nil
}

// gapsOf returns what is not the same; nil if the texts are equal.
func gapsOf(same []gatehouse.Stretch, bytes, oldBytes int) (gaps []gap) {
	at, from := 0, 0
	for _, s := range same {
		if s.At != at || s.From != from {
			gaps = append(gaps, gap{at, s.At})
		}
		at, from = s.At+s.Bytes, s.From+s.Bytes
	}
	if at != bytes || from != oldBytes {
		gaps = append(gaps, gap{at, bytes})
	}
	return gaps
}

// nearGaps returns in what stretches the hits end that are near gaps: behind
// start, and at end at most. They do not touch.
func nearGaps(gaps []gap, reach, longest, bytes int) (near []gap) {
	for _, g := range gaps {
		g = gap{max(0, g.start-reach), min(g.end+longest, bytes)}
		if n := len(near); n > 0 && g.start <= near[n-1].end {
			near[n-1].end = max(g.end, near[n-1].end)
		} else {
			near = append(near, g)
		}
	}
	return near
}

// changed is one call of FindChanged.
type changed struct {
	m         *Matcher
	s         scan
	text      []byte
	old       *Trace
	stretches []gatehouse.Stretch
	kept      func(Match)
	gaps      []gap
	near      []gap
	longest   int
	around    Around
	budget    int // of bytes that may be passed to find out how far hits reach
}

// collect puts the hits of the text together. It reports false if only a whole
// search can tell.
func (c *changed) collect(old *Trace, same []gatehouse.Stretch) bool {
	done := 0
	for _, n := range c.near {
		c.carry(old, same, done, n.start)
		if !c.scan(n.start, n.end) {
			return false
		}
		done = n.end
	}
	c.carry(old, same, done, len(c.text))
	return true
}

// carry takes over the hits that end in (from, to], where there is no gap.
func (c *changed) carry(old *Trace, same []gatehouse.Stretch, from, to int) {
	t := c.s.trace
	i, _ := slices.BinarySearchFunc(same, from, func(s gatehouse.Stretch, at int) int {
		return cmp.Or(cmp.Compare(s.At+s.Bytes, at), -1)
	})
	for ; i < len(same) && same[i].At < to; i++ {
		s := same[i]
		shift := s.At - s.From
		lo, hi := max(from, s.At)-shift, min(to, s.At+s.Bytes)-shift
		k, _ := slices.BinarySearchFunc(old.hits, lo, func(h traced, end int) int {
			return cmp.Or(cmp.Compare(int(h.end), end), -1)
		})
		for ; k < len(old.hits) && int(old.hits[k].end) <= hi; k++ {
			h := old.hits[k]
			h.end += int32(shift)
			t.hits = append(t.hits, h)
		}
	}
}

// scan looks for hits that end in (from, to].
func (c *changed) scan(from, to int) bool {
	start := max(0, from-c.longest)
	ok := !hasLetters(c.text[start:to])
	var state automaton.State
	c.m.automaton.Scan(state, c.text[start:to], func(pattern, end int) {
		at := start + end
		if at <= from {
			return
		}
		for i := range c.m.uses[pattern] {
			u := &c.m.uses[pattern][i]
			r := &c.m.rules[u.rule]
			switch {
			case u.keyword && r.factor.Literals == nil:
				ok = false
			case u.keyword:
				if !c.m.opens(c.s.trace.hits, u.rule) {
					c.s.trace.add(u, at)
				}
			case r.factor.Literals == nil || u.exact != "" && string(c.text[at-len(u.exact):at]) != u.exact:
			case !u.passes(c.text, at):
			default:
				c.s.may(u, at) // enters it in the trace
			}
		}
	})
	return ok
}

// search runs the rules in the windows that a change may have touched. It
// reports false if that would take longer than a whole search.
func (c *changed) search(ctx context.Context) bool {
	hits := slices.Clone(c.s.trace.hits)
	slices.SortFunc(hits, func(a, b traced) int {
		return cmp.Or(cmp.Compare(c.m.all[a.use].rule, c.m.all[b.use].rule), cmp.Compare(a.end, b.end), cmp.Compare(a.use, b.use))
	})
	for len(hits) > 0 && c.budget > 0 && !c.s.stop && c.s.err == nil && ctx.Err() == nil {
		rule := c.m.all[hits[0].use].rule
		n := 1
		for n < len(hits) && c.m.all[hits[n].use].rule == rule {
			n++
		}
		c.rule(ctx, rule, hits[:n])
		hits = hits[n:]
	}
	return c.budget > 0
}

// opens reports whether a keyword of a rule is among the hits.
func (m *Matcher) opens(hits []traced, rule int) bool {
	return slices.ContainsFunc(hits, func(h traced) bool { return m.all[h.use].keyword && m.all[h.use].rule == rule })
}

// rule looks at the hits of one rule.
func (c *changed) rule(ctx context.Context, rule int, hits []traced) {
	c.s.touched = append(c.s.touched, rule)
	fresh := false // nothing is known of its matches
	if c.m.rules[rule].gated {
		switch open, before := c.m.opens(hits, rule), c.m.opens(c.old.hits, rule); {
		case before && !open:
			c.budget = 0 // the keyword that was known is gone; there may be another one
			return
		case !open:
			return
		case !before:
			fresh = true
		}
		hits = slices.DeleteFunc(hits, func(h traced) bool { return c.m.all[h.use].keyword })
	}
	for len(hits) > 0 {
		// The window, without margins.
		w := c.reach(rule, int(hits[0].end))
		n := 1
		for ; n < len(hits) && c.budget > 0; n++ {
			next := c.reach(rule, int(hits[n].end))
			if next.Start > w.End+2*margin {
				break
			}
			w.Start, w.End = min(w.Start, next.Start), max(w.End, next.End)
		}
		if fresh || c.touched(rule, w) {
			if !c.s.wanted(rule) {
				return
			}
			c.run(ctx, rule, w, hits[:n])
		} else {
			c.same(rule, w)
		}
		hits = hits[n:]
	}
}

// same is for a window that has the same matches in the old text.
func (c *changed) same(rule int, w Span) {
	if len(c.old.all) == 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(c.stretches, w.Start, func(s gatehouse.Stretch, at int) int { return cmp.Or(cmp.Compare(s.At, at), -1) })
	shift := c.stretches[i-1].At - c.stretches[i-1].From // the last that starts there or before
	among := func(list []Match, f func(Match)) {
		for _, m := range list {
			if m.Rule != rule {
				continue
			}
			for _, p := range []*int{&m.Whole.Start, &m.Whole.End, &m.Secret.Start, &m.Secret.End} {
				*p += shift
			}
			if w.Start <= m.Whole.Start && m.Whole.End <= w.End {
				f(m)
			}
		}
	}
	judged, asked := false, false
	among(c.old.all, func(m Match) {
		c.s.trace.all = append(c.s.trace.all, m)
		if !asked {
			asked, judged = true, c.sameAround(rule, w)
		}
		if !judged && !c.s.stop {
			c.s.stop = !c.s.found(m)
		}
	})
	if judged {
		among(c.old.matches, c.kept)
	}
}

// run searches the window of some hits.
func (c *changed) run(ctx context.Context, rule int, at Span, hits []traced) {
	w := &c.s.windows[rule]
	*w = window{touched: true, asked: true, heads: w.heads[:0]}
	if c.m.rules[rule].headed == nil {
		lo, hi := max(0, at.Start-margin), min(len(c.text), at.End+margin)
		if !c.s.hopeless(rule, c.text[lo:hi]) {
			c.s.run(ctx, rule, lo, hi)
		}
		return
	}
	for _, h := range hits {
		c.s.count(ctx, c.m.all[h.use], int(h.end))
	}
	c.s.finish(ctx, rule)
}

// reach is how far a match with a hit at an offset may go.
func (c *changed) reach(rule, at int) Span {
	return Span{c.back(rule, at), c.ahead(rule, at)}
}

func (c *changed) back(rule, at int) int {
	set, left := c.m.rules[rule].bytes(), c.m.rules[rule].factor.Left
	start := at
	for fixed := 0; start > 0 && set.Has(c.text[start-1]); start-- {
		if !left.Loose.Has(c.text[start-1]) {
			if fixed == left.Fixed {
				break
			}
			fixed++
		}
	}
	c.budget -= at - start
	return start
}

func (c *changed) ahead(rule, at int) int {
	set, right := c.m.rules[rule].bytes(), c.m.rules[rule].factor.Right
	end := at
	for fixed := 0; end < len(c.text) && set.Has(c.text[end]); end++ {
		if !right.Loose.Has(c.text[end]) {
			if fixed == right.Fixed {
				break
			}
			fixed++
		}
	}
	c.budget -= end - at
	return end
}

// touched reports whether a gap may have to do with the matches in a window.
func (c *changed) touched(rule int, w Span) bool {
	s := Span{w.Start - 2*margin, w.End + 2*margin}
	i, _ := slices.BinarySearchFunc(c.near, s.Start, func(g gap, at int) int { return cmp.Compare(g.end, at) })
	// Near i is the first that does not end before the window.
	if i < len(c.near) && (c.near[i].start <= s.End || c.back(rule, c.near[i].start) <= s.End) {
		return true
	}
	return i > 0 && c.ahead(rule, c.near[i-1].end) >= s.Start
}

// sameAround reports whether all that the judgement of matches in a window looks
// at is the same in the old text.
func (c *changed) sameAround(rule int, w Span) bool {
	s := c.around(c.text, rule, w)
	i, _ := slices.BinarySearchFunc(c.gaps, s.Start, func(g gap, at int) int { return cmp.Compare(g.end, at) })
	return i == len(c.gaps) || c.gaps[i].start > s.End
}
