package fix

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/version"
)

// edit changes the version in a line; false if it is not clear where it stands,
// or the result would not allow the version to move to.
func edit(c *Change, n int, line, requirement string) (Edit, bool) {
	for _, old := range []string{requirement, c.From, strings.TrimPrefix(c.From, "v")} {
		if old == "" {
			continue
		}
		at, ok := once(line, old)
		if !ok {
			continue
		}
		to, ok := rewritten(c, old)
		if !ok {
			continue
		}
		return Edit{n, line, line[:at] + to + line[at+len(old):]}, true
	}
	return Edit{}, false
}

// once finds a version that stands in a line exactly once, and is no part of a
// longer one.
func once(line, text string) (at int, ok bool) {
	at = -1
	for from := 0; ; {
		i := strings.Index(line[from:], text)
		if i < 0 {
			return at, at >= 0
		}
		i += from
		from = i + len(text)
		before, after := byte(' '), byte(' ')
		if i > 0 {
			before = line[i-1]
		}
		if from < len(line) {
			after = line[from]
		}
		if part(before) && part(text[0]) || part(after) {
			continue
		}
		if at >= 0 {
			return 0, false
		}
		at = i
	}
}

// part reports whether a character can be inside a version.
func part(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(".-+_*", c) >= 0
}

var oneVersion = regexp.MustCompile(`^(\s*(?:\^|~>|~=|~|===|==|=|>=|)\s*v?)([0-9][0-9A-Za-z.+!_-]*)$`)

// rewritten is a requirement with the version to move to in it: with the same
// operator if it has one version, else with the usual one of the ecosystem.
func rewritten(c *Change, old string) (string, bool) {
	to := c.To
	out := ""
	switch m := oneVersion.FindStringSubmatch(old); {
	case !strings.ContainsAny(old, "0123456789"):
		return "", false // such as "latest"
	case m != nil && strings.HasSuffix(m[1], "v"):
		out = m[1] + strings.TrimPrefix(to, "v")
	case m != nil:
		out = m[1] + to
	case slices.Contains([]string{"npm", "composer", "cargo", "pub"}, c.Ecosystem):
		out = "^" + to
	case slices.Contains([]string{"pypi", "gem", "hex"}, c.Ecosystem):
		out = fmt.Sprintf(">=%s", to)
		if c.Ecosystem != "pypi" {
			out = ">= " + to
		}
	default:
		return "", false
	}
	s := version.OfPurl(c.Ecosystem)
	r, err := s.ParseRequirement(out)
	v, errs := s.Parse(to)
	return out, err == nil && errs == nil && r.Contains(v)
}
