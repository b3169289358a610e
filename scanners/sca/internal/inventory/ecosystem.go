package inventory

import (
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/gatehouse-sec/gatehouse/internal/version"
)

// Ecosystem is a package registry: how its packages are named, how its
// versions compare, and where the database keeps its advisories.
type Ecosystem struct {
	// Purl is the type of the package URL.
	Purl string
	// Database is the name of the ecosystem in the database; see
	// github.com/aquasecurity/trivy-db/pkg/ecosystem. Empty if there is no
	// source of advisories for it at all.
	Database string
	// Label is what people call the registry.
	Label   string
	Compare version.Scheme
}

// The ecosystems, each with the versions of its own package manager.
var (
	Golang    = &Ecosystem{"golang", "go", "Go", version.Go}
	NPM       = &Ecosystem{"npm", "npm", "npm", version.NPM}
	PyPI      = &Ecosystem{"pypi", "pip", "PyPI", version.Python}
	Cargo     = &Ecosystem{"cargo", "cargo", "crates.io", version.Cargo}
	Gem       = &Ecosystem{"gem", "rubygems", "RubyGems", version.Ruby}
	Composer  = &Ecosystem{"composer", "composer", "Packagist", version.Composer}
	Maven     = &Ecosystem{"maven", "maven", "Maven", version.Maven}
	NuGet     = &Ecosystem{"nuget", "nuget", "NuGet", version.NuGet}
	Conan     = &Ecosystem{"conan", "conan", "Conan", version.Conan}
	conda     = &Ecosystem{"conda", "", "conda", version.Conda}
	Hex       = &Ecosystem{"hex", "erlang", "Hex", version.Hex}
	Pub       = &Ecosystem{"pub", "pub", "pub.dev", version.Pub}
	Swift     = &Ecosystem{"swift", "swift", "Swift", version.Swift}
	CocoaPods = &Ecosystem{"cocoapods", "cocoapods", "CocoaPods", version.Ruby}
	Julia     = &Ecosystem{"julia", "julia", "Julia", version.Julia}
)

// PackageURL is the package URL of a package without qualifiers; version may
// be empty. See https://github.com/package-url/purl-spec, PURL-TYPES.
func (e *Ecosystem) PackageURL(name, version string) string {
	namespace, subpath := "", ""
	var qualifiers packageurl.Qualifiers
	switch e.Purl {
	case "npm", "golang", "composer", "swift":
		if e.Purl != "swift" {
			name = strings.ToLower(name)
		}
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			namespace, name = name[:i], name[i+1:]
		}
	case "maven":
		if i := strings.LastIndexByte(name, ':'); i >= 0 {
			namespace, name = name[:i], name[i+1:]
		}
	case "pypi":
		name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	case "cocoapods":
		name, subpath, _ = strings.Cut(name, "/")
	default:
		namespace, name, qualifiers = e.deliveryURL(name)
	}
	if subpath == "" && qualifiers == nil {
		if plain, ok := e.plainURL(namespace, name, version); ok {
			return plain
		}
	}
	return packageurl.NewPackageURL(e.Purl, namespace, name, version, qualifiers, subpath).ToString()
}
