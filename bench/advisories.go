package main

import (
	"archive/zip"
	"fmt"
	"os"
	"strconv"
)

// advisories writes made-up OSV advisories into an archive: two for each
// fourth package of four ecosystems. It returns how many.
func advisories(path string) (n int, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	z := zip.NewWriter(f)
	for _, e := range []struct{ ecosystem, prefix, fixed string }{
		{"npm", "bench-pkg-", "2.0.0"},
		{"crates.io", "bench-pkg-", "2.0.0"},
		{"PyPI", "bench-pkg-", "2.0.0"},
		{"Go", "example.org/bench-pkg-", "1.1.0"},
	} {
		for i := 0; i < packages; i += 4 {
			for k := range 2 {
				n++
				id := "GHSA-" + part(n/8000) + "-" + part(n/20) + "-" + part(n*7+k)
				out, err := z.Create(id + ".json")
				if err != nil {
					return 0, err
				}
				_, err = fmt.Fprintf(out, `{"schema_version":"1.6.0","id":%q,"modified":"2026-10-01T00:00:00Z","published":"2026-09-01T00:00:00Z",
"aliases":["CVE-2026-%d"],"summary":"A made-up flaw of %s%d","details":%q,
"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"}],
"affected":[{"package":{"ecosystem":%q,"name":"%s%d"},"ranges":[{"type":%q,"events":[{"introduced":"0"},{"fixed":%q}]}]}],
"references":[{"type":"ADVISORY","url":"https://example.com/advisories/%d"}],"database_specific":{"severity":"HIGH"}}
`, id, 100000+n, e.prefix, i, "It is made up, to measure how long it takes to find it.", e.ecosystem, e.prefix, i, rangeType(e.ecosystem), e.fixed, n)
				if err != nil {
					return 0, err
				}
			}
		}
	}
	if err := z.Close(); err != nil {
		return 0, err
	}
	return n, f.Close()
}

func rangeType(ecosystem string) string {
	if ecosystem == "PyPI" {
		return "ECOSYSTEM"
	}
	return "SEMVER"
}

// part is one group of four of the id of an advisory.
func part(n int) string {
	const alphabet = "23456789cfghjmpqrvwx" // the letters that GHSA ids have
	b := make([]byte, 4)
	for i := range b {
		b[i] = alphabet[n%len(alphabet)]
		n /= len(alphabet)
	}
	return string(b)
}

func fmtVersion(major, minor, patch int) string { return fmt.Sprintf("%d.%d.%d", major, minor, patch) }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
