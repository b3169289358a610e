package gitstore

import "github.com/gatehouse-sec/gatehouse"

// beforeRange is the order of contents that are older than the range. They are
// looked at to tell what the range brought from what it found.
const beforeRange = -2

// Before reports whether the content is older than the range.
func (b Blob) Before() bool { return b.order == beforeRange }

// addBefore adds, for each path of which the range has a content, the contents
// that the path had before.
func (h *History) addBefore(before map[string][]ID) {
	if len(before) == 0 {
		return
	}
	listed, paths := map[ID]bool{}, map[string]bool{}
	for _, b := range h.Blobs {
		listed[b.ID], paths[b.Path] = true, true
	}
	for path := range paths {
		for _, id := range before[path] {
			if !listed[id] {
				listed[id] = true
				h.Blobs = append(h.Blobs, Blob{ID: id, Path: path, order: beforeRange})
			}
		}
	}
}

// brought leaves out the secrets that a path had before the range, and what was
// found in the contents from then.
func (h *History) brought(findings []gatehouse.Finding) []gatehouse.Finding {
	type secret struct{ rule, fingerprint, path string }
	key := func(f *gatehouse.Finding) secret { return secret{f.Rule, f.Fingerprint, f.Location.Path} }
	old := map[secret]bool{}
	isOld := func(f *gatehouse.Finding) bool {
		if f.History == nil {
			return false
		}
		id, err := ParseID(f.History.Blob)
		if err != nil {
			return false
		}
		i, ok := h.byID[id]
		return ok && h.Blobs[i].Before()
	}
	for i := range findings {
		if isOld(&findings[i]) {
			old[key(&findings[i])] = true
		}
	}
	if len(old) == 0 {
		return findings
	}
	var out []gatehouse.Finding
	for i := range findings {
		if f := &findings[i]; !isOld(f) && (f.History == nil || !old[key(f)]) {
			out = append(out, *f)
		}
	}
	return out
}
