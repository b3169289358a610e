package render

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// fixedVersion is the version to upgrade to, written as the one in use: Go
// wants a "v" that advisories leave out. Empty if there is none.
func fixedVersion(v *gatehouse.Vulnerability) string {
	t := upgradeTarget(v.Package.Version, v.FixedVersions)
	if t != "" && strings.HasPrefix(v.Package.Version, "v") && !strings.HasPrefix(t, "v") {
		return "v" + t
	}
	return t
}

// upgradeTarget returns the smallest version in fixed that is above current,
// or if there is none the largest as written; empty if fixed is empty. It is a
// hint for people: matching has decided before, with the rules of the
// ecosystem.
func upgradeTarget(current string, fixed []string) string {
	best, largest := "", ""
	for _, f := range fixed {
		v := bareVersion(f)
		if v == "" {
			continue
		}
		if largest == "" || compareVersions(v, largest) > 0 {
			largest = v
		}
		if compareVersions(v, current) > 0 && (best == "" || compareVersions(v, best) < 0) {
			best = v
		}
	}
	return firstOf(best, largest)
}

// bareVersion strips what advisories put around a version: ">= 1.2.3, < 2".
func bareVersion(s string) string {
	s, _, _ = strings.Cut(s, ",")
	return strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(s), "<>=~^ "))
}

// compareVersions orders versions as most ecosystems do: numbers by value,
// words such as "rc" before the release.
func compareVersions(a, b string) int {
	ta, tb := versionTokens(a), versionTokens(b)
	for i := range max(len(ta), len(tb)) {
		if c := compareTokens(tokenAt(ta, i), tokenAt(tb, i)); c != 0 {
			return c
		}
	}
	return 0
}

func tokenAt(t []string, i int) string {
	if i < len(t) {
		return t[i]
	}
	return ""
}

// versionTokens splits a version into runs of digits and runs of letters; build
// metadata is dropped.
func versionTokens(s string) []string {
	s, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(s)), "+")
	s = strings.TrimPrefix(s, "v")
	var tokens []string
	var last byte
	for i := 0; i < len(s); i++ {
		class := byteClass(s[i])
		if class != 0 {
			if class == last {
				tokens[len(tokens)-1] += s[i : i+1]
			} else {
				tokens = append(tokens, s[i:i+1])
			}
		}
		last = class
	}
	for i, t := range tokens {
		if byteClass(t[0]) == '0' {
			if tokens[i] = strings.TrimLeft(t, "0"); tokens[i] == "" {
				tokens[i] = "0"
			}
		}
	}
	return tokens
}

func byteClass(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return '0'
	case c >= 'a' && c <= 'z':
		return 'a'
	}
	return 0
}

// compareTokens orders: pre-release words, nothing and 0, other words, numbers.
func compareTokens(a, b string) int {
	ra, rb := tokenRank(a), tokenRank(b)
	if ra != rb || ra == 1 {
		return cmp.Compare(ra, rb)
	}
	if ra == 3 {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	}
	return cmp.Compare(a, b)
}

func tokenRank(t string) int {
	switch {
	case t == "" || t == "0":
		return 1
	case byteClass(t[0]) == '0':
		return 3
	case slices.Contains([]string{"a", "alpha", "b", "beta", "c", "rc", "cr", "dev", "m", "milestone", "pre", "preview", "snapshot", "canary", "next"}, t):
		return 0
	}
	return 2
}
