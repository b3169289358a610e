package version

import (
	"strings"
	"testing"
)

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		scheme      Scheme
		requirement bool
		text        string
		in, out     string
	}{
		{NPM, true, "^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0 2.0.0-rc.1"},
		{NPM, true, "^0.2.3", "0.2.3 0.2.9", "0.3.0"},
		{NPM, true, "^0.0.3", "0.0.3", "0.0.4"},
		{NPM, true, "~1.2", "1.2.0 1.2.9", "1.3.0"},
		{NPM, true, "~1", "1.9.0", "2.0.0"},
		{NPM, true, "1.2", "1.2.9", "1.3.0"},
		{NPM, true, "1.2.x || >=2.5.0 <3", "1.2.5 2.6.0", "1.3.0 3.0.0"},
		{NPM, true, "1.2.3 - 2.3.4", "1.2.3 2.3.4", "2.3.5"},
		{NPM, true, "<=1.2", "1.2.9", "1.3.0"},
		{NPM, true, ">1.2", "1.3.0", "1.2.9"},
		{NPM, true, "*", "1.0.0", ""},
		{NPM, false, "<1.2.3", "1.2.3-beta.1", "1.2.3"},
		{Cargo, true, "1.2", "1.2.0 1.9.0", "2.0.0 1.1.0"},
		{Cargo, true, "=1.2.3", "1.2.3", "1.2.4"},
		{Cargo, true, "0.3", "0.3.9", "0.4.0"},
		{Pub, true, "^0.0.3", "0.0.9", "0.1.0"},
		{Hex, true, "~> 2.0", "2.9.0", "3.0.0 1.9.9"},
		{Hex, true, "~> 2.0.1", "2.0.9", "2.1.0"},
		{Hex, true, ">= 1.0.0 and < 2.0.0 or ~> 3.0", "1.5.0 3.1.0", "2.0.0"},
		{Ruby, true, "~> 2.2.3", "2.2.3 2.2.9", "2.3 2.3.0.beta"},
		{Ruby, true, "~> 2.2", "2.9", "3.0 3.0.0.rc1"},
		{Ruby, true, ">= 1.0, < 3", "2.0", "3.0"},
		{Composer, true, "~1.2", "1.9.0", "2.0.0 2.0.0-beta1"},
		{Composer, true, "~1.2.3", "1.2.9", "1.3.0"},
		{Composer, true, "^1.2|^2.0@stable", "1.3 2.5", "3.0"},
		{Composer, true, "1.2.*", "1.2.0 1.2.9", "1.3.0 1.1.9"},
		{Python, true, "~=1.4.2", "1.4.9", "1.5"},
		{Python, true, "~=1.4", "1.9", "2.0 1.3"},
		{Python, true, "==1.4.*", "1.4.0 1.4.9 1.4rc1", "1.5 1.3"},
		{Python, true, ">=1,!=1.5.*,<2", "1.4 1.6", "1.5.1 2.0"},
		{Python, true, "^1.2", "1.9", "2.0"},
		{Python, false, ">=3.0, <3.2", "3.2rc1", "3.2"},
		{NuGet, true, "1.2", "1.2 5.0", "1.1"},
		{NuGet, true, "[1.0,2.0)", "1.0 1.9", "2.0"},
		{NuGet, true, "[1.5]", "1.5", "1.6"},
		{Maven, true, "(,1.0],[1.2,)", "0.9 1.0 1.2 5", "1.1"},
		{Maven, true, "1.0", "1.0", "1.1"},
		{Go, true, "v1.2.3", "1.2.3 1.5.0", "1.2.2"},
		{Debian, false, "<1.0~rc1-1", "1.0~beta-1", "1.0-1"},
		{RPM, false, ">=1.0^a, <2", "1.0^b", "2"},
		{Julia, true, "0.3, 1", "", "0.2"},
	} {
		parse := func(text string) (*Range, error) { return c.scheme.ParseRange([]string{text}) }
		if c.requirement {
			parse = c.scheme.ParseRequirement
		}
		r, err := parse(c.text)
		if err != nil {
			t.Errorf("%s: %q: %v", c.scheme.Name, c.text, err)
			continue
		}
		for text := range strings.FieldsSeq(c.in) {
			if !r.Contains(parsed(t, c.scheme, text)) {
				t.Errorf("%s: %s is not in %q", c.scheme.Name, text, c.text)
			}
		}
		for text := range strings.FieldsSeq(c.out) {
			if r.Contains(parsed(t, c.scheme, text)) {
				t.Errorf("%s: %s is in %q", c.scheme.Name, text, c.text)
			}
		}
	}
	for _, bad := range []string{">= nonsense", "<", "[1,2", "^", "latest", "1.0 and"} {
		if r, err := NPM.ParseRange([]string{bad}); err == nil {
			t.Errorf("%q is a range: %+v", bad, r)
		}
	}
}
