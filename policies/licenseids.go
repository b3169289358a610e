package policies

import "strings"

// currentLicense returns the id that took the place of a deprecated one, with
// its exception if that was a part of it; otherwise id as it is. "GPL-2.0" has
// always meant that version alone, and "GPL-2.0+" that or a later one. See
// https://spdx.org/licenses, "Deprecated License Identifiers".
func currentLicense(id string) string {
	if now, ok := deprecatedLicenses[strings.ToLower(id)]; ok {
		return now
	}
	return id
}

// deprecatedLicenses are by id in lower case. Those without a replacement are
// left out.
var deprecatedLicenses = func() map[string]string {
	all := map[string]string{
		"gpl-2.0-with-autoconf-exception":  "GPL-2.0-only WITH Autoconf-exception-2.0",
		"gpl-2.0-with-bison-exception":     "GPL-2.0-only WITH Bison-exception-2.2",
		"gpl-2.0-with-classpath-exception": "GPL-2.0-only WITH Classpath-exception-2.0",
		"gpl-2.0-with-font-exception":      "GPL-2.0-only WITH Font-exception-2.0",
		"gpl-2.0-with-gcc-exception":       "GPL-2.0-only WITH GCC-exception-2.0",
		"gpl-3.0-with-autoconf-exception":  "GPL-3.0-only WITH Autoconf-exception-3.0",
		"gpl-3.0-with-gcc-exception":       "GPL-3.0-only WITH GCC-exception-3.1",
		"ecos-2.0":                         "GPL-2.0-or-later WITH eCos-exception-2.0",
		"wxwindows":                        "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
		"standardml-nj":                    "SMLNJ",
		"bsd-2-clause-freebsd":             "BSD-2-Clause-Views",
		"bsd-2-clause-netbsd":              "BSD-2-Clause",
		"bzip2-1.0.5":                      "bzip2-1.0.6",
	}
	for _, id := range []string{"AGPL-1.0", "AGPL-3.0", "GFDL-1.1", "GFDL-1.2", "GFDL-1.3", "GPL-1.0", "GPL-2.0", "GPL-3.0", "LGPL-2.0", "LGPL-2.1", "LGPL-3.0"} {
		all[strings.ToLower(id)] = id + "-only"
		all[strings.ToLower(id)+"+"] = id + "-or-later"
	}
	return all
}()

// withCurrentLicenses adds to patterns of licences the current ids of the
// deprecated ones that they match: licences are judged by their current ids.
func withCurrentLicenses(patterns []any) []any {
	out := append([]any{}, patterns...)
	seen := map[string]bool{}
	for _, p := range patterns {
		pattern, _ := p.(string)
		for _, old := range sortedKeys(deprecatedLicenses) {
			now := deprecatedLicenses[old]
			if matchWildcard(strings.ToLower(pattern), old) && !matchWildcard(strings.ToLower(pattern), strings.ToLower(now)) && !seen[now] {
				seen[now] = true
				out = append(out, now)
			}
		}
	}
	return out
}
