package policies

import (
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// A denied licence is denied by its old and its new name.
func TestDeniedLicensesByOldAndNewIDs(t *testing.T) {
	for _, tt := range []struct {
		pattern, license string
		denied           bool
	}{
		{"GPL-2.0", "GPL-2.0", true},
		{"GPL-2.0", "GPL-2.0-only", true},
		{"GPL-2.0-only", "GPL-2.0", true},
		{"GPL-2.0+", "GPL-2.0-or-later", true},
		{"GPL-2.0-or-later", "gpl-2.0+", true},
		{"GPL-*", "GPL-2.0", true},
		{"?GPL-2.0", "GPL-2.0", false},
		{"*-2.0", "GPL-2.0", true},
		{"GPL-2.0", "GPL-3.0-only", false},
		{"GPL-2.0", "GPL-2.0-only OR MIT", false},
		{"MPL-1.1", "MPL-1.1+", true},
		{"GPL-2.0", "GPL-2.0-with-classpath-exception", false},
	} {
		s := mustLoad(t, Options{Baseline: true, Settings: map[string]any{"licenses.denied": []string{tt.pattern}}})
		r := goodReport()
		r.Components[0].Licenses = []string{tt.license}
		if v := mustDecide(t, s, r); (v.Outcome == gatehouse.OutcomeFail) != tt.denied {
			t.Errorf("%s, denied %s: outcome %v", tt.license, tt.pattern, v.Outcome)
		}
	}
}
