package sca

import (
	"strings"

	"github.com/package-url/packageurl-go"
)

// ecosystem is a package registry: how its packages are named, how its
// versions compare, and where the database keeps its advisories.
type ecosystem struct {
	// purl is the type of the package URL.
	purl string
	// database is the name of the ecosystem in the database; see
	// github.com/aquasecurity/trivy-db/pkg/ecosystem. Empty if there is no
	// source of advisories for it at all.
	database string
	// label is what people call the registry.
	label   string
	compare scheme
}

// The table of github.com/aquasecurity/trivy/pkg/detector/library (driver.go)
// says which versions compare how.
var (
	golang    = &ecosystem{"golang", "go", "Go", genericVersions}
	npm       = &ecosystem{"npm", "npm", "npm", npmVersions}
	pypi      = &ecosystem{"pypi", "pip", "PyPI", pythonVersions}
	cargo     = &ecosystem{"cargo", "cargo", "crates.io", genericVersions}
	gem       = &ecosystem{"gem", "rubygems", "RubyGems", rubyVersions}
	composer  = &ecosystem{"composer", "composer", "Packagist", genericVersions}
	maven     = &ecosystem{"maven", "maven", "Maven", mavenVersions}
	nuget     = &ecosystem{"nuget", "nuget", "NuGet", genericVersions}
	conan     = &ecosystem{"conan", "conan", "Conan", genericVersions}
	conda     = &ecosystem{"conda", "", "conda", genericVersions}
	hex       = &ecosystem{"hex", "erlang", "Hex", genericVersions}
	pub       = &ecosystem{"pub", "pub", "pub.dev", genericVersions}
	swift     = &ecosystem{"swift", "swift", "Swift", genericVersions}
	cocoapods = &ecosystem{"cocoapods", "cocoapods", "CocoaPods", rubyVersions}
	julia     = &ecosystem{"julia", "julia", "Julia", genericVersions}
)

// packageURL is the package URL of a package without qualifiers; version may
// be empty. See https://github.com/package-url/purl-spec, PURL-TYPES.
func (e *ecosystem) packageURL(name, version string) string {
	namespace, subpath := "", ""
	switch e.purl {
	case "npm", "golang", "composer", "swift":
		if e.purl != "swift" {
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
	}
	return packageurl.NewPackageURL(e.purl, namespace, name, version, nil, subpath).ToString()
}
