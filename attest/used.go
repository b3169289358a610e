package attest

import (
	"github.com/gatehouse-sec/gatehouse"
)

// used are the attestations that policies saw, and the layouts with their links: all
// that a verdict over the report rests on beside the target.
func used(r *gatehouse.Report) []ResourceDescriptor {
	var out []ResourceDescriptor
	seen := map[string]bool{}
	add := func(name, digest string) {
		d, err := ParseDigest(digest)
		if err != nil || seen[digest] {
			return
		}
		seen[digest] = true
		out = append(out, ResourceDescriptor{Name: name, Digest: map[string]string{"sha256": d.Hex()}})
	}
	for _, a := range r.Attestations {
		add(a.PredicateType, a.Digest)
	}
	for _, l := range r.Layouts {
		add("layout", l.Digest)
		for _, digest := range l.Links {
			add("link", digest)
		}
	}
	return out
}
