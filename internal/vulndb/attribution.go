package vulndb

// licenses are what the sources of trivy-db and of OSV state in their
// repositories, by id of the source. One that is not here states none that
// could be expressed: its terms are on its page.
var licenses = map[string]License{
	"alma":                    {"MIT", "AlmaLinux OS Foundation"},
	"bitnami":                 {"Apache-2.0", "Bitnami"},
	"eef":                     {"CC-BY-4.0", "Erlang Ecosystem Foundation"},
	"ghsa":                    {"CC-BY-4.0", "GitHub"},
	"govulndb":                {"CC-BY-4.0", "The Go Authors"},
	"gsd":                     {"CC0-1.0", ""},
	"haskell":                 {"CC0-1.0", ""},
	"julia":                   {"CC-BY-4.0", "JuliaLang"},
	"nodejs-security-wg":      {"MIT", "Node.js Ecosystem Security Working Group"},
	"oss-fuzz":                {"CC-BY-4.0", "Google"},
	"ossf-malicious-packages": {"Apache-2.0", "OpenSSF"},
	"php-security-advisories": {"Unlicense", "FriendsOfPHP"},
	"psf":                     {"CC-BY-4.0", "Python Software Foundation"},
	"pypa":                    {"CC-BY-4.0", "Python Packaging Authority"},
	"r-consortium":            {"Apache-2.0", "R Consortium"},
	"rocky":                   {"BSD-3-Clause", "Rocky Enterprise Software Foundation"},
	"ruby-advisory-db":        {"LicenseRef-public-domain", "RubySec"},
	"rustsec":                 {"CC0-1.0 AND CC-BY-4.0", "RustSec; entries imported from GitHub"},
	"ubuntu":                  {"CC-BY-SA-4.0", "Canonical"},
}

// Attribution returns what the licence of a source asks for: an SPDX
// expression, and whom to name. Both are empty if they are not known.
func Attribution(sourceID string) (license, attribution string) {
	l := licenses[sourceID]
	return l.License, l.Attribution
}
