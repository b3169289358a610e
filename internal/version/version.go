package version

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Version is a version that was understood.
type Version interface {
	// Compare is negative if v is older than o, which is of the same scheme.
	Compare(o Version) int
}

// Scheme is a way of writing versions and ranges. Its zero value has none.
type Scheme struct {
	// Name tells the schemes apart.
	Name  string
	parse func(string) (Version, error)
	// before makes of a version in digits the text of one that is before all
	// its pre-releases.
	before string
	// bare is what a version without an operator means where a project asks
	// for a package. In an advisory it is that version alone.
	bare string
	// tilde is true if "~1.2" admits 1.9: the last part given may grow.
	tilde bool
	// zero is true if "^0.0.3" admits 0.0.4, as "^0.1" does 0.1.4.
	zero bool
	// partial is true if "1.2" is all versions that start so.
	partial bool
	// system is true where "~" and "^" are parts of versions.
	system bool
}

// The schemes, by whose rules they are.
var (
	// SemVer is https://semver.org, with any number of parts.
	SemVer = Scheme{Name: "semver", parse: parseSemVer, before: "-0"}
	// Generic is for packages whose rules nobody wrote down.
	Generic = Scheme{Name: "generic", parse: parseSemVer, before: "-0"}
	NPM     = Scheme{Name: "npm", parse: parseSemVer, before: "-0", partial: true}
	Cargo   = Scheme{Name: "cargo", parse: parseSemVer, before: "-0", bare: "^"}
	Hex     = Scheme{Name: "hex", parse: parseSemVer, before: "-0", tilde: true}
	Swift   = Scheme{Name: "swift", parse: parseSemVer, before: "-0"}
	// Go is https://go.dev/ref/mod#versions; releases of Go itself are
	// understood with and without their letters.
	Go = Scheme{Name: "go", parse: parseGo, before: "-0", bare: ">="}
	// Pub and Julia tell builds apart; see pub_semver and Base.VersionNumber.
	Pub   = Scheme{Name: "pub", parse: parseWithBuild, before: "-0", zero: true}
	Julia = Scheme{Name: "julia", parse: parseWithBuild, before: "-0", bare: "^"}
	// NuGet has four parts, and no case.
	NuGet  = Scheme{Name: "nuget", parse: parseNuGet, before: "-0", bare: ">="}
	Python = Scheme{Name: "pep440", parse: parsePython, before: ".dev0", tilde: true}
	// Ruby is that of Gem::Version, which CocoaPods uses too.
	Ruby     = Scheme{Name: "rubygems", parse: parseRuby, before: ".A", tilde: true}
	Maven    = Scheme{Name: "maven", parse: parseMaven, before: "-alpha"}
	Composer = Scheme{Name: "composer", parse: parseComposer, before: "-dev", tilde: true}
	Conan    = Scheme{Name: "conan", parse: parseConan, before: "-0"}
	CRAN     = Scheme{Name: "cran", parse: parseCRAN}
	Hackage  = Scheme{Name: "hackage", parse: parseHackage}
	Conda    = Scheme{Name: "conda", parse: parseConda, before: ".dev"}
	Debian   = Scheme{Name: "deb", parse: parseDebian, system: true}
	RPM      = Scheme{Name: "rpm", parse: parseRPM, system: true}
	APK      = Scheme{Name: "apk", parse: parseAPK, system: true}
)

// Schemes lists all schemes.
func Schemes() []Scheme {
	return []Scheme{SemVer, Generic, NPM, Cargo, Hex, Swift, Go, Pub, Julia, NuGet, Python, Ruby, Maven, Composer, Conan, CRAN, Hackage, Conda, Debian, RPM, APK}
}

// Of returns the scheme of an ecosystem, by its name in the database. One that
// is not known has [Generic].
func Of(ecosystem string) Scheme {
	name, _, _ := strings.Cut(ecosystem, " ")
	if s, ok := byEcosystem[name]; ok {
		return s
	}
	return Generic
}

var byEcosystem = map[string]Scheme{
	"npm": NPM, "pip": Python, "rubygems": Ruby, "cocoapods": Ruby, "maven": Maven, "go": Go, "cargo": Cargo, "nuget": NuGet,
	"composer": Composer, "conan": Conan, "erlang": Hex, "pub": Pub, "swift": Swift, "julia": Julia, "cran": CRAN,
	"bioconductor": CRAN, "hackage": Hackage, "ghc": Hackage,
	"debian": Debian, "ubuntu": Debian, "echo": Debian,
	"alpine": APK, "wolfi": APK, "chainguard": APK, "minimos": APK, "alpaquita": APK,
	"alma": RPM, "rocky": RPM, "amazon": RPM, "Azure": RPM, "CBL-Mariner": RPM, "bottlerocket": RPM, "fedora": RPM, "mageia": RPM,
	"openeuler": RPM, "openSUSE": RPM, "Oracle": RPM, "Photon": RPM, "Red": RPM, "SUSE": RPM,
}

// maxBytes bounds the text of a version. The longest in npm, PyPI and the Go
// module index have some 100 characters.
const maxBytes = 512

var errNoVersion = errors.New("it is no version")

// Parse reads a version.
func (s Scheme) Parse(text string) (Version, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("it is empty")
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("it has %d characters, more than %d", len(text), maxBytes)
	}
	return s.parse(text)
}

// compareNumbers compares numbers in digits, of any length and without leading
// zeros.
func compareNumbers(a, b string) int {
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

// number returns digits without leading zeros; "0" becomes "".
func number(s string) string { return strings.TrimLeft(s, "0") }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// digits returns how many digits s starts with.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// at returns the element of a list, or that which stands for a missing one.
func at[T any](list []T, i int, missing T) T {
	if i < len(list) {
		return list[i]
	}
	return missing
}

// OfPurl returns the scheme of a type of package URLs. One that is not known
// has [Generic].
func OfPurl(kind string) Scheme {
	switch kind {
	case "golang":
		return Go
	case "gem":
		return Ruby
	case "pypi":
		return Python
	case "hex":
		return Hex
	case "conda":
		return Conda
	case "deb":
		return Debian
	case "rpm":
		return RPM
	case "apk":
		return APK
	}
	return Of(kind)
}
