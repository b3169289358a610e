package gitstore

import "github.com/gatehouse-sec/gatehouse"

// suppress applies what asks that secrets which came with some commits do not
// count. If it covers the first content of a path that has the secret, it covers
// the later ones of that path too: they bring the secret no more than a change
// of another line does.
func (h *History) suppress(findings []gatehouse.Finding) {
	type key struct{ rule, fingerprint, path string }
	type origin struct {
		order int32
		by    *gatehouse.Suppression // nil if one place of the secret counts
	}
	first := map[key]origin{}
	for i := range findings {
		f := &findings[i]
		order, by, ok := h.suppressedBy(f)
		if !ok {
			continue
		}
		k := key{f.Rule, f.Fingerprint, f.Location.Path}
		switch old, seen := first[k]; {
		case !seen || order < old.order:
			first[k] = origin{order, by}
		case order == old.order && by == nil:
			first[k] = origin{order, nil}
		}
	}
	for i := range findings {
		f := &findings[i]
		_, by, ok := h.suppressedBy(f)
		if by == nil && ok {
			by = first[key{f.Rule, f.Fingerprint, f.Location.Path}].by
		}
		if f.Secret == nil {
			continue
		}
		if f.Suppressed == nil {
			f.Suppressed = by
		}
		f.Secret.SuppressedIn = nil
	}
}

// suppressedBy says with which commit a finding came, and what asks that it does
// not count there. It is not ok for what no commit has.
func (h *History) suppressedBy(f *gatehouse.Finding) (order int32, by *gatehouse.Suppression, ok bool) {
	if f.Secret == nil || f.History == nil {
		return 0, nil, false
	}
	id, err := ParseID(f.History.Blob)
	if err != nil {
		return 0, nil, false
	}
	i, ok := h.byID[id]
	if !ok || h.Blobs[i].order < 0 {
		return 0, nil, false
	}
	order = h.Blobs[i].order
	if s, yes := f.Secret.SuppressedIn[h.nodes[h.order[order]].id.String()]; yes {
		by = &s
	}
	return order, by, true
}
