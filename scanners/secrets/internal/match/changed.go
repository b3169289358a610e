package match

import (
	"bytes"
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
	// reach is how many bytes behind a hit were looked at at most.
	reach int
	// bytes is the length of the text, and useless is set if what was found
	// cannot tell anything about another text.
	bytes   int
	useless bool
}

// traced is a hit that counts, whether its rule is wanted or not.
type traced struct {
	use, end int32
}

// maxReach bounds the reach of a useful trace: more would have to be read again
// around each change.
const maxReach = 1 << 10

func (t *Trace) add(u *use, end, _ int) {
	t.hits = append(t.hits, traced{u.number, int32(end)})
}

// finish decides whether the trace is of use after a whole search.
func (t *Trace) finish(s *scan) {
	t.bytes = len(s.text)
	if s.err != nil || s.stop || s.special || t.reach > maxReach {
		t.useless = true
		return
	}
	for _, i := range s.touched {
		w := &s.windows[i]
		if len(w.held) > 0 && w.closed || w.whole && !w.off && !w.closed {
			t.useless = true // a keyword elsewhere would make matches count; or it may match anywhere
			return
		}
	}
}

// Useful reports whether the trace may stand for an old text.
func (t *Trace) Useful() bool { return t != nil && !t.useless }

// Size is roughly how much memory it takes.
func (t *Trace) Size() int { return 64 + 8*cap(t.hits) }

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

// FindChanged calls found for each match that may not have a counterpart in the
// old text, and for some others. If it is not called, or only for matches that
// do not count, and no match in the old text counted, then none in the text
// counts. Same says what the two have in common, in order of At and without
// overlaps; the rules that are wanted must be the same.
//
// If ok is false, only a whole search can tell. The trace that is returned is
// that of the text.
//
// # Why that is so
//
// A rule without a literal, a text with one of the two letters and a gate that
// holds matches back make a trace useless, so that each match has a hit and
// gates do not matter. A hit and the check of what follows it depend on the
// bytes from its start to as far as any check looked; if none of them is in a
// gap, the hit is in both texts or in neither. The hits near gaps, that is, those
// for which this does not hold, are looked for again, so all hits of the text are
// known.
//
// As the package comment says, the matches in a window are the same whatever
// stands outside of it, window here being the union of all W(h) that touch. Take
// a window of the text that lies, with all that the judgement of its matches
// looks at, within a stretch that is the same in the old text, and that no hit
// near a gap could touch, be it in the text or in the old one: reach is monotone,
// so the outermost place that is near bounds them all. Then the same bytes are a
// window in the old text, with the same matches and the same judgement. All other
// windows are searched.
func (m *Matcher) FindChanged(ctx context.Context, text []byte, old *Trace, same []gatehouse.Stretch, wants func(rule int) bool, around Around, found func(Match) bool) (t *Trace, ok bool, err error) {
	if !old.Useful() || len(m.rules) == 0 {
		return nil, false, nil
	}
	c := changed{m: m, text: text, longest: m.automaton.Longest(), around: around, budget: 4*len(text) + 1<<16}
	if c.gaps = gapsOf(same, len(text), old.bytes); c.gaps == nil {
		return old, true, nil
	}
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
	if !ok || t.reach > maxReach {
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
	m       *Matcher
	s       scan
	text    []byte
	gaps    []gap
	near    []gap
	longest int
	around  Around
	budget  int // of bytes that may be passed to find out how far hits reach
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
	start, ok := max(0, from-c.longest), true
	for _, l := range letters {
		ok = ok && !bytes.Contains(c.text[start:to], []byte(l))
	}
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
			case u.letter:
				ok = false
			case u.keyword:
				ok = ok && r.factor.Literals != nil
			case r.factor.Literals == nil || u.exact != "" && string(c.text[at-len(u.exact):at]) != u.exact:
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

// rule looks at the hits of one rule.
func (c *changed) rule(ctx context.Context, rule int, hits []traced) {
	c.s.touched = append(c.s.touched, rule)
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
		if c.touched(rule, w) {
			if !c.s.wanted(rule) {
				return
			}
			c.run(ctx, rule, hits[:n])
		}
		hits = hits[n:]
	}
}

// run searches the window of some hits.
func (c *changed) run(ctx context.Context, rule int, hits []traced) {
	w := &c.s.windows[rule]
	*w = window{touched: true, asked: true, heads: w.heads[:0]}
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
	start := reachBack(c.text, 0, at, c.m.rules[rule].factor.Left)
	c.budget -= at - start
	return start
}

// ahead also covers where an expression that begins at a shorter literal is run.
func (c *changed) ahead(rule, at int) int {
	at = min(at+c.m.rules[rule].longest, len(c.text))
	end, _ := reachAhead(c.text, at, 0, c.m.rules[rule].factor.Right)
	c.budget -= end - at
	return end
}

// touched reports whether a gap may have to do with the matches in a window.
func (c *changed) touched(rule int, w Span) bool {
	s := c.around(c.text, rule, Span{max(0, w.Start-margin), min(len(c.text), w.End+margin)})
	i, _ := slices.BinarySearchFunc(c.near, s.Start, func(g gap, at int) int { return cmp.Compare(g.end, at) })
	// Near i is the first that does not end before the window.
	if i < len(c.near) && (c.near[i].start <= s.End || c.back(rule, c.near[i].start)-2*margin <= s.End) {
		return true
	}
	return i > 0 && c.ahead(rule, c.near[i-1].end)+2*margin >= s.Start
}
