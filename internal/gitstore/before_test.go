package gitstore

import (
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// TestBrought: a range brings the secrets that a path did not have before it.
func TestBrought(t *testing.T) {
	r := newRepo(t)
	tree := func(entries ...string) ID { return r.loose("tree", strings.Join(entries, "")) }
	file := func(name, text string) string { return entry("100644", name, r.loose("blob", text)) }
	base := r.commit(tree(file("a", "old"), file("b", "old of b"), file("c", "nothing")), 1)
	r.write("refs/tags/base", base.String())
	one := r.commit(tree(file("a", "old, more"), file("b", "changed"), file("c", "nothing"), file("d", "old, elsewhere")), 2, base)
	r.commit(tree(file("a", "old, and more"), file("b", "changed"), file("c", "new"), file("d", "old, elsewhere")), 3, one)
	// The fingerprint is the first word; nothing is no secret.
	scanner := func(h *History) (found []string) {
		var all []gatehouse.Finding
		for _, b := range h.Blobs {
			_, data, err := r.open().Read(b.ID)
			if err != nil {
				t.Fatal(err)
			}
			word, _, _ := strings.Cut(strings.ReplaceAll(string(data), ",", ""), " ")
			if word != "nothing" {
				all = append(all, gatehouse.Finding{Rule: "r", Fingerprint: word, Location: gatehouse.Location{Path: b.Path, Line: 1},
					Secret: &gatehouse.Secret{}, History: &gatehouse.History{Blob: b.ID.String()}})
			}
		}
		for _, f := range h.Attribute(all) {
			found = append(found, f.Location.Path+" "+f.Fingerprint)
		}
		return found
	}
	for _, tt := range []struct {
		name, want string
		rng        Range
	}{
		{"all", "a old, b changed, c new", Range{}},
		{"since", "b changed, c new, d old", Range{Since: "base"}},
		{"since the first", "c new", Range{Since: one.String()}},
	} {
		if got := strings.Join(scanner(r.history(tt.rng)), ", "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
