package gitstore

import (
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// TestSuppressByCommit: what is suppressed in the commit that brought it is
// suppressed in the later contents of its path, but not elsewhere.
func TestSuppressByCommit(t *testing.T) {
	r := newRepo(t)
	tree := func(text string, more string) ID {
		return r.loose("tree", entry("100644", "a", r.loose("blob", text))+more)
	}
	one := r.commit(tree("key v1", ""), 1)
	two := r.commit(tree("key v2", ""), 2, one)
	three := r.commit(tree("key v3", entry("100644", "b", r.loose("blob", "key of b"))), 3, two)
	h := r.history(Range{})
	finding := func(path, text string, in ...ID) gatehouse.Finding {
		s := &gatehouse.Secret{SuppressedIn: map[string]gatehouse.Suppression{}}
		for _, id := range in {
			s.SuppressedIn[id.String()] = gatehouse.Suppression{By: "test"}
		}
		return gatehouse.Finding{ID: path, Rule: "r", Fingerprint: "same", Location: gatehouse.Location{Path: path, Line: 1},
			Secret: s, History: &gatehouse.History{Blob: hashOf("blob", text).String()}}
	}
	for _, tt := range []struct {
		name           string
		in             []gatehouse.Finding
		counted, quiet int
	}{
		{"no commit", []gatehouse.Finding{finding("a", "key v1"), finding("a", "key v2"), finding("a", "key v3"), finding("b", "key of b")}, 4, 0},
		{"the first", []gatehouse.Finding{finding("a", "key v1", one), finding("a", "key v2"), finding("a", "key v3"), finding("b", "key of b")}, 1, 3},
		{"a later one", []gatehouse.Finding{finding("a", "key v1"), finding("a", "key v2", two), finding("a", "key v3"), finding("b", "key of b")}, 3, 1},
		{"of another commit", []gatehouse.Finding{finding("a", "key v1", two, three), finding("a", "key v2"), finding("a", "key v3"), finding("b", "key of b")}, 4, 0},
		{"one of two places", []gatehouse.Finding{finding("a", "key v1", one), finding("a", "key v1"), finding("a", "key v3"), finding("b", "key of b", three)}, 2, 2},
		{"both places", []gatehouse.Finding{finding("a", "key v3"), finding("a", "key v1", one), finding("a", "key v1", one), finding("b", "key of b", three)}, 0, 4},
	} {
		counted, quiet := 0, 0
		for _, f := range h.Attribute(tt.in) {
			if f.Secret.SuppressedIn != nil {
				t.Errorf("%s: the report has %+v", tt.name, f.Secret.SuppressedIn)
			}
			if f.Suppressed != nil {
				quiet += f.History.Versions
			} else {
				counted += f.History.Versions
			}
		}
		if counted != tt.counted || quiet != tt.quiet {
			t.Errorf("%s: %d count and %d do not, want %d and %d", tt.name, counted, quiet, tt.counted, tt.quiet)
		}
	}
	staged := finding("a", "key v1", one)
	h.Blobs[h.byID[hashOf("blob", "key v1")]].order = -1
	if got := h.Attribute([]gatehouse.Finding{staged}); got[0].Suppressed != nil {
		t.Error("what is not committed is suppressed by a commit")
	}
}
