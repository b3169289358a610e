package osvimport

import (
	"net/url"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/builder"
)

// ecosystems maps the names of https://ossf.github.io/osv-schema/#defined-ecosystems
// in lower case to those of the database. Trivy has no names for those from
// "cran" on, and passes them over.
var ecosystems = map[string]string{
	"go": "go", "npm": "npm", "pypi": "pip", "rubygems": "rubygems", "crates.io": "cargo", "packagist": "composer",
	"maven": "maven", "nuget": "nuget", "hex": "erlang", "pub": "pub", "swifturl": "swift", "conancenter": "conan",
	"julia": "julia", "bitnami": "bitnami", "kubernetes": "k8s", "cocoapods": "cocoapods",
	"cran": "cran", "bioconductor": "bioconductor", "hackage": "hackage", "ghc": "ghc", "github actions": "github-actions",
	"opam": "opam", "vscode": "vscode", "vcpkg": "vcpkg",
}

// ecosystemOf returns the database's name of an OSV ecosystem. What follows a
// colon names the release of an operating system, or else a registry, which
// does not count.
func ecosystemOf(name string) (string, bool) {
	base, suffix, _ := strings.Cut(name, ":")
	base = strings.ToLower(strings.TrimSpace(base))
	if e, ok := ecosystems[base]; ok {
		return e, true
	}
	return systemOf(base, strings.TrimSpace(suffix))
}

// systemNames are the operating systems whose release is written as it is.
var systemNames = map[string]string{
	"debian": "debian", "rocky linux": "rocky", "almalinux": "alma", "photon os": "Photon OS", "azure linux": "Azure Linux",
	"mageia": "mageia", "openeuler": "openeuler", "alpaquita": "alpaquita",
}

// systemOf returns the name of trivy-db's bucket for a release of an operating
// system: see trivy-db, pkg/vulnsrc/bucket. Without a release it would not be
// known which versions are meant.
func systemOf(name, release string) (string, bool) {
	if strings.ContainsAny(release, "\x00\r\n") || len(release) > 100 {
		return "", false
	}
	switch name {
	case "wolfi", "chainguard", "minimos", "echo":
		return name, true
	case "bottlerocket":
		return name, true
	case "alpine":
		return "alpine " + strings.TrimPrefix(release, "v"), release != ""
	case "ubuntu":
		return ubuntu(release)
	case "red hat":
		// "enterprise_linux:8::appstream" is a part of release 8.
		product, rest, _ := strings.Cut(release, ":")
		major, _, _ := strings.Cut(rest, ":")
		major, _, _ = strings.Cut(major, ".")
		return "Red Hat " + major, product == "enterprise_linux" && major != ""
	case "suse", "opensuse":
		return suse(release)
	}
	base, ok := systemNames[name]
	if !ok || release == "" {
		return "", false
	}
	if base == "rocky" || base == "alma" {
		release, _, _ = strings.Cut(release, ".")
	}
	return base + " " + release, true
}

// ubuntu reads "22.04:LTS" and "Pro:18.04:LTS"; other streams, such as those
// with FIPS modules, are not what trivy-db has.
func ubuntu(release string) (string, bool) {
	parts := strings.Split(release, ":")
	pro := parts[0] == "Pro"
	if pro {
		parts = parts[1:]
	}
	if len(parts) == 0 || parts[0] == "" || parts[0][0] < '0' || parts[0][0] > '9' {
		return "", false
	}
	if pro {
		return "ubuntu " + parts[0] + "-ESM", true
	}
	return "ubuntu " + parts[0], true
}

// suse reads "Linux Enterprise Server 15 SP5", "Leap 15.6", "Leap Micro 5.5"
// and "Tumbleweed".
func suse(release string) (string, bool) {
	words := strings.Fields(release)
	if len(words) == 0 {
		return "", false
	}
	last := words[len(words)-1]
	has := func(s string) bool { return strings.Contains(release, s) }
	number := func(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
	switch {
	case has("Tumbleweed"):
		return "openSUSE Tumbleweed", true
	case has("Leap Micro"):
		return "openSUSE Leap Micro " + last, number(last)
	case has("Leap"):
		return "openSUSE Leap " + last, number(last)
	case has("Micro"):
		return "SUSE Linux Enterprise Micro " + last, number(last)
	case !has("Linux Enterprise"):
		return "", false
	}
	for i, w := range words {
		if !number(w) {
			continue
		}
		if i+1 < len(words) && strings.HasPrefix(words[i+1], "SP") {
			w += "." + strings.TrimPrefix(words[i+1], "SP")
		}
		return "SUSE Linux Enterprise " + w, true
	}
	return "", false
}

// githubNames are the ecosystems as GitHub calls them.
var githubNames = map[string]string{
	"composer": "Composer", "go": "Go", "maven": "Maven", "npm": "npm", "nuget": "NuGet", "pip": "pip", "rubygems": "RubyGems",
	"cargo": "Rust", "erlang": "Erlang", "pub": "Pub", "swift": "Swift", "cocoapods": "Swift", "github-actions": "GitHub Actions",
}

// origins are the databases that have a prefix of their own; see
// https://ossf.github.io/osv-schema/#id-modified-fields. Names, URLs and ids
// are those of trivy-db where it has them.
var origins = map[string]builder.Source{
	"GO":      source("govulndb", "The Go Vulnerability Database", "https://pkg.go.dev/vuln/"),
	"PYSEC":   source("pypa", "Python Packaging Advisory Database", "https://github.com/pypa/advisory-database"),
	"PSF":     source("psf", "Python Software Foundation Advisory Database", "https://github.com/psf/advisory-database"),
	"RUSTSEC": source("rustsec", "RustSec Advisory Database", "https://github.com/RustSec/advisory-db"),
	"MAL":     source("ossf-malicious-packages", "OpenSSF Malicious Packages", "https://github.com/ossf/malicious-packages"),
	"OSV":     source("oss-fuzz", "OSS-Fuzz Vulnerabilities", "https://github.com/google/oss-fuzz-vulns"),
	"JLSEC":   source("julia", "Julia Ecosystem Security Advisories", "https://github.com/JuliaLang/SecurityAdvisories.jl"),
	"BIT":     source("bitnami", "Bitnami Vulnerability Database", "https://github.com/bitnami/vulndb"),
	"EEF":     source("eef", "Erlang Ecosystem Foundation Advisories", "https://cna.erlef.org"),
	"GSD":     source("gsd", "Global Security Database", "https://github.com/cloudsecurityalliance/gsd-database"),
	"HSEC":    source("haskell", "Haskell Security Advisory Database", "https://github.com/haskell/security-advisories"),
	"RSEC":    source("r-consortium", "R Consortium Advisory Database", "https://github.com/RConsortium/r-advisory-database"),
	"CVE":     source("osv", "OSV", "https://osv.dev"),
}

// systemOrigins are the sources of operating systems, by the first word of
// the ecosystem in the database.
var systemOrigins = map[string]builder.Source{
	"alma":       source("alma", "AlmaLinux Product Errata", "https://errata.almalinux.org/"),
	"alpine":     source("alpine", "Alpine Secdb", "https://secdb.alpinelinux.org/"),
	"Azure":      source("azure", "Azure Linux Vulnerability Data", "https://github.com/microsoft/AzureLinuxVulnerabilityData"),
	"chainguard": source("chainguard", "Chainguard Security Data", "https://packages.cgr.dev/chainguard/security.json"),
	"debian":     source("debian", "Debian Security Tracker", "https://salsa.debian.org/security-tracker-team/security-tracker"),
	"echo":       source("echo", "Echo", "https://advisory.echohq.com/data.json"),
	"mageia":     source("mageia", "Mageia Security Advisories", "https://advisories.mageia.org/"),
	"minimos":    source("minimos", "MinimOS Security Data", "https://packages.mini.dev/advisories/secdb/security.json"),
	"openeuler":  source("openeuler", "openEuler Security Advisories", "https://www.openeuler.org/en/security/security-bulletins/"),
	"openSUSE":   source("suse-cvrf", "SUSE CVRF", "https://ftp.suse.com/pub/projects/security/cvrf/"),
	"Photon":     source("photon", "Photon OS CVE metadata", "https://packages.broadcom.com/photon/photon_cve_metadata/"),
	"Red":        source("redhat", "Red Hat Security Data", "https://access.redhat.com/security/data/"),
	"rocky":      source("rocky", "Rocky Linux updateinfo", "https://download.rockylinux.org/pub/rocky/"),
	"SUSE":       source("suse-cvrf", "SUSE CVRF", "https://ftp.suse.com/pub/projects/security/cvrf/"),
	"ubuntu":     source("ubuntu", "Ubuntu CVE Tracker", "https://git.launchpad.net/ubuntu-cve-tracker"),
	"wolfi":      source("wolfi", "Wolfi Secdb", "https://packages.wolfi.dev/os/security.json"),
}

func source(id, name, url string) builder.Source {
	s := builder.Source{Source: vulndb.Source{ID: id, Name: name, URL: url}}
	s.License, s.Attribution = vulndb.Attribution(id)
	return s
}

// originFor returns the database that the entry comes from, as far as it is
// about an ecosystem.
func (p *parsed) originFor(ecosystem, other string) builder.Source {
	if p.origin != nil {
		return *p.origin
	}
	return originOf(p.id, ecosystem, other)
}

// originOf returns the database that an entry comes from. Entries whose prefix
// is not known come from the source called other.
func originOf(id, ecosystem, other string) builder.Source {
	word, _, _ := strings.Cut(ecosystem, " ")
	if s, ok := systemOrigins[word]; ok && vulndb.IsSystem(ecosystem) {
		return s
	}
	prefix, _, _ := strings.Cut(id, "-")
	if prefix == "GHSA" {
		name, ok := githubNames[ecosystem]
		if !ok {
			name = ecosystem
		}
		return source("ghsa", "GitHub Security Advisory "+name,
			"https://github.com/advisories?query="+url.QueryEscape("type:reviewed ecosystem:"+strings.ToLower(name)))
	}
	if s, ok := origins[prefix]; ok {
		return s
	}
	return source(slug(other), other, "")
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
