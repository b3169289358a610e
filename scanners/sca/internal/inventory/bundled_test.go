package inventory

import (
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// A copy that no archive of another package covers is not hidden by one that
// such an archive does.
func TestMergeBundled(t *testing.T) {
	registry := fromRegistry("https://registry.npmjs.org")
	for _, tt := range []struct{ a, b, want *gatehouse.Origin }{
		{bundled, bundled, bundled},
		{bundled, registry, registry},
		{registry, bundled, registry},
		{bundled, nil, nil},
		{nil, bundled, nil},
		{nil, registry, registry},
	} {
		p := Package{Origin: tt.a}
		p.merge([]Package{{Origin: tt.b}})
		if p.Origin != tt.want {
			t.Errorf("%+v and %+v: %+v", tt.a, tt.b, p.Origin)
		}
	}
}
