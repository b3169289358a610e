package osvimport

import (
	"net/url"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/builder"
)

// ecosystems maps the names of https://ossf.github.io/osv-schema/#affectedpackage-field
// in lower case to those of the database.
var ecosystems = map[string]string{
	"go": "go", "npm": "npm", "pypi": "pip", "rubygems": "rubygems", "crates.io": "cargo", "packagist": "composer",
	"maven": "maven", "nuget": "nuget", "hex": "erlang", "pub": "pub", "swifturl": "swift", "conancenter": "conan",
	"julia": "julia", "bitnami": "bitnami", "kubernetes": "k8s", "cocoapods": "cocoapods",
}

// ecosystemOf returns the database's name of an OSV ecosystem. What follows a
// colon names a registry or release and does not count.
func ecosystemOf(name string) (string, bool) {
	base, _, _ := strings.Cut(strings.ToLower(name), ":")
	e, ok := ecosystems[base]
	return e, ok
}

// githubNames are the ecosystems as GitHub calls them.
var githubNames = map[string]string{
	"composer": "Composer", "go": "Go", "maven": "Maven", "npm": "npm", "nuget": "NuGet", "pip": "pip", "rubygems": "RubyGems",
	"cargo": "Rust", "erlang": "Erlang", "pub": "Pub", "swift": "Swift", "cocoapods": "Swift",
}

const ccBy = "CC-BY-4.0"

// origins are the databases that have a prefix of their own; see
// https://ossf.github.io/osv-schema/#id-modified-fields. Names, URLs and ids
// are those of trivy-db where it has them; the licences are those that the
// databases state in their repositories.
var origins = map[string]builder.Source{
	"GO":      source("govulndb", "The Go Vulnerability Database", "https://pkg.go.dev/vuln/", ccBy, "The Go Authors"),
	"PYSEC":   source("pypa", "Python Packaging Advisory Database", "https://github.com/pypa/advisory-database", ccBy, "Python Packaging Authority"),
	"PSF":     source("psf", "Python Software Foundation Advisory Database", "https://github.com/psf/advisory-database", ccBy, "Python Software Foundation"),
	"RUSTSEC": source("rustsec", "RustSec Advisory Database", "https://github.com/RustSec/advisory-db", "CC0-1.0 AND CC-BY-4.0", "RustSec; entries imported from GitHub"),
	"MAL":     source("ossf-malicious-packages", "OpenSSF Malicious Packages", "https://github.com/ossf/malicious-packages", "Apache-2.0", "OpenSSF"),
	"OSV":     source("oss-fuzz", "OSS-Fuzz Vulnerabilities", "https://github.com/google/oss-fuzz-vulns", ccBy, "Google"),
	"JLSEC":   source("julia", "Julia Ecosystem Security Advisories", "https://github.com/JuliaLang/SecurityAdvisories.jl", ccBy, "JuliaLang"),
	"BIT":     source("bitnami", "Bitnami Vulnerability Database", "https://github.com/bitnami/vulndb", "Apache-2.0", "Bitnami"),
	"EEF":     source("eef", "Erlang Ecosystem Foundation Advisories", "https://cna.erlef.org", ccBy, "Erlang Ecosystem Foundation"),
	"GSD":     source("gsd", "Global Security Database", "https://github.com/cloudsecurityalliance/gsd-database", "CC0-1.0", ""),
	"CVE":     source("osv", "OSV", "https://osv.dev", "", ""),
}

func source(id, name, url, license, attribution string) builder.Source {
	return builder.Source{Source: vulndb.Source{ID: id, Name: name, URL: url}, License: license, Attribution: attribution}
}

// originOf returns the database that an entry comes from. Entries whose prefix
// is not known come from the source called other.
func originOf(id, ecosystem, other string) builder.Source {
	prefix, _, _ := strings.Cut(id, "-")
	if prefix == "GHSA" {
		name, ok := githubNames[ecosystem]
		if !ok {
			name = ecosystem
		}
		return source("ghsa", "GitHub Security Advisory "+name,
			"https://github.com/advisories?query="+url.QueryEscape("type:reviewed ecosystem:"+strings.ToLower(name)), ccBy, "GitHub")
	}
	if s, ok := origins[prefix]; ok {
		return s
	}
	return source(slug(other), other, "", "", "")
}

// slug makes a source id of a name.
func slug(name string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
	if s = strings.Trim(s, "-"); s == "" {
		return "local"
	}
	return s
}
