package policies

import (
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

func TestVersionInRange(t *testing.T) {
	for _, tt := range []struct {
		ecosystem, version, span string
		in, known                bool
	}{
		{"npm", "4.17.20", "<4.17.21", true, true},
		{"npm", "4.17.21", "<4.17.21", false, true},
		{"npm", "main", "<4.17.21", false, false},
		{"npm", "", "<4.17.21", false, false},
		{"npm", "", "*", true, true},
		{"pypi", "3.1.3rc1", ">=2.0 <3.1.3", true, true},
		{"golang", "v1.2.3-0.20200101000000-0123456789ab", "<1.2.3", true, true},
		{"maven", "1.0-alpha-1", "[1.0,2.0)", false, true},
		{"nuget", "1.2.3.4", ">1.2.3", true, true},
	} {
		in, known, err := versionInRange(tt.ecosystem, tt.version, tt.span)
		if err != nil || in != tt.in || known != tt.known {
			t.Errorf("%s %s in %s: %v, known %v, %v", tt.ecosystem, tt.version, tt.span, in, known, err)
		}
	}
}

// A range that nobody can read would deny nothing, so it must not pass.
func TestDeniedRangeThatCannotBeRead(t *testing.T) {
	s := mustLoad(t, Options{Baseline: true, Settings: map[string]any{"dependencies.denied": "deny", "dependencies.denied_versions": []string{"lodash <<>"}}})
	v := mustDecide(t, s, badReport())
	for _, g := range v.Gaps {
		if strings.Contains(g.Reason, "<<>") {
			return
		}
	}
	t.Errorf("outcome %v, gaps %+v", v.Outcome, v.Gaps)
	if v.Outcome == gatehouse.OutcomePass {
		t.Error("it passes")
	}
}
