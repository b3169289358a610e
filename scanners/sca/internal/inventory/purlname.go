package inventory

import (
	"path"
	"slices"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/gatehouse-sec/gatehouse/internal/version"
)

// known are the ecosystems by the type of their package URLs.
var known = func() map[string]*Ecosystem {
	all := map[string]*Ecosystem{}
	for _, e := range []*Ecosystem{Golang, NPM, PyPI, Cargo, Gem, Composer, Maven, NuGet, Conan, conda, Hex, Pub, Swift, CocoaPods, Julia,
		CRAN, Bioconductor, Hackage, Opam, Vcpkg, CPAN, Crystal, LuaRocks, JSR, Elm, Bazel, Generic,
		GitHubActions, GitLab, Docker, Helm, Terraform, GitHub} {
		all[e.Purl] = e
	}
	all["oci"] = Docker
	all["crystal"] = Crystal
	return all
}()

// OfPurl returns the ecosystem of a package URL, and the name that the package
// has there; nil if the type is not known.
func OfPurl(p packageurl.PackageURL) (*Ecosystem, string) {
	eco := known[p.Type]
	name := p.Name
	host := p.Qualifiers.Map()["repository_url"]
	switch eco {
	case nil:
	case PyPI:
		return eco, PythonName(name)
	case Maven:
		return eco, strings.TrimPrefix(p.Namespace+":"+name, ":")
	case CocoaPods:
		return eco, strings.TrimSuffix(name+"/"+p.Subpath, "/")
	case Conan, conda, CRAN, Bioconductor, Hackage, Opam, Vcpkg, Crystal, Bazel:
		return eco, name
	case Docker:
		if p.Type == "oci" && host != "" {
			return eco, host // the whole name
		}
		name = path.Join(host, p.Namespace, name)
		return eco, name
	}
	if p.Namespace != "" {
		name = p.Namespace + "/" + name
	}
	return eco, name
}

// Unknown is an ecosystem of which only the type of its package URLs is known.
func Unknown(purlType string) *Ecosystem {
	return &Ecosystem{Purl: purlType, Label: "packages of the type " + purlType, Compare: version.Generic}
}

// IsRange is true for a requirement where a version should be.
func IsRange(v string) bool {
	if v == "*" || strings.ContainsAny(v, "<>^=|, ") || strings.HasPrefix(v, "~") {
		return true
	}
	return slices.ContainsFunc(strings.Split(v, "."), func(part string) bool { return part == "*" || part == "x" })
}
