package match

import (
	"context"
	"slices"
)

// head notes a place where a match may begin. Hits come in the order of their
// ends, heads are run in the order of their starts.
func (s *scan) head(ctx context.Context, u *use, end int) {
	w, r := &s.windows[u.rule], &s.m.rules[u.rule]
	start := end - u.bytes
	// No later hit starts before this.
	s.runHeads(ctx, u.rule, end-r.longest)
	if start < w.from || w.over {
		return
	}
	i := len(w.heads)
	for i > 0 && w.heads[i-1] > start {
		i--
	}
	w.heads = slices.Insert(w.heads, i, start)
}

// runHeads runs a rule at its heads before limit.
func (s *scan) runHeads(ctx context.Context, rule, limit int) {
	w, r := &s.windows[rule], &s.m.rules[rule]
	n := 0
	for n < len(w.heads) && w.heads[n] < limit && !w.over && !s.stop && s.err == nil && ctx.Err() == nil {
		start := w.heads[n]
		n++
		if start >= w.from {
			s.runHead(r, w, rule, start)
		}
	}
	w.heads = slices.Delete(w.heads, 0, n)
}

// runHead runs a rule at one head.
func (s *scan) runHead(r *rule, w *window, rule, start int) {
	lead := &r.factor.Lead
	if lead.Boundary && start > w.from && isWord(s.text[start-1]) == isWord(s.text[start]) {
		return
	}
	if lead.Boundary && start == w.from && !isWord(s.text[start]) {
		return // the search starts here as if it were the start of the text
	}
	expr, err := r.headed.Compiled()
	if err != nil {
		s.err = err
		return
	}
	if w.given > s.m.maxGiven*len(s.text) {
		// All matches from here on start at this head or later.
		w.over, w.rest = true, max(w.from, start-lead.Max-margin)
		return
	}
	end, _ := reachAhead(s.text, min(start+r.longest, len(s.text)), 0, r.factor.Right)
	end = min(end+margin, len(s.text))
	loc := expr.FindSubmatchIndex(s.text[start:end])
	s.work += end - start
	if !r.factor.Right.Loose.Empty() {
		w.given += end - start
	}
	if loc == nil {
		return
	}
	m, grouped := r.match(rule, start, loc)
	for n := 0; n < lead.Max && m.Whole.Start > w.from && lead.Bytes.Has(s.text[m.Whole.Start-1]); n++ {
		m.Whole.Start--
	}
	if !grouped {
		m.Secret.Start = m.Whole.Start
	}
	w.from = s.after(m)
	if m.Secret.Start < w.secretEnd {
		return // overlaps the secret before
	}
	w.secretEnd = m.Secret.End
	s.report(m)
}

// isWord is the class \w, by which word boundaries go.
func isWord(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_'
}
