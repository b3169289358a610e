package inventory

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/version"
)

// Registries of which only the OSV databases know, and those of which no
// source of advisories knows. See https://ossf.github.io/osv-schema/#defined-ecosystems.
var (
	CRAN         = &Ecosystem{"cran", "cran", "CRAN", version.CRAN}
	Bioconductor = &Ecosystem{"bioconductor", "bioconductor", "Bioconductor", version.CRAN}
	Hackage      = &Ecosystem{"hackage", "hackage", "Hackage", version.Hackage}
	Opam         = &Ecosystem{"opam", "opam", "opam", version.Generic}
	Vcpkg        = &Ecosystem{"vcpkg", "vcpkg", "vcpkg", version.Generic}
	CPAN         = &Ecosystem{"cpan", "", "CPAN", version.Generic}
	Crystal      = &Ecosystem{"shard", "", "Crystal shards", version.Generic}
	LuaRocks     = &Ecosystem{"luarocks", "", "LuaRocks", version.Generic}
	JSR          = &Ecosystem{"jsr", "", "JSR", version.Generic}
	Elm          = &Ecosystem{"elm", "", "Elm packages", version.Generic}
	Bazel        = &Ecosystem{"bazel", "", "Bazel modules", version.Generic}
	// Generic are packages that a build takes from a repository or a URL.
	Generic = &Ecosystem{"generic", "", "repositories", version.Generic}
)

// What builds, tests, delivers or runs the target, and is no part of its code.
// See [Ecosystem.Delivery].
var (
	GitHubActions = &Ecosystem{"githubactions", "github-actions", "GitHub Actions", version.Generic}
	GitLab        = &Ecosystem{"gitlab", "", "GitLab CI", version.Generic}
	Docker        = &Ecosystem{"docker", "", "container images", version.Generic}
	Helm          = &Ecosystem{"helm", "", "Helm charts", version.Generic}
	Terraform     = &Ecosystem{"terraform", "", "Terraform", version.Generic}
	GitHub        = &Ecosystem{"github", "", "repositories on GitHub", version.Generic}
	PreCommit     = &Ecosystem{"generic", "", "pre-commit hooks", version.Generic}
)

// Delivery reports whether the packages build, test, deliver or run the target
// rather than being part of it. Nearly each repository has some, and for most
// kinds nobody publishes advisories: that they were not matched is counted, and
// is no gap. See docs/decisions/0009-unmatched-components.md.
func (e *Ecosystem) Delivery() bool {
	switch e {
	case GitHubActions, GitLab, Docker, Helm, Terraform, GitHub, PreCommit:
		return true
	}
	return false
}

// commitID reports whether s is the full id of a commit, which cannot become
// another one.
func commitID(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return isHex(s)
}

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return s != ""
}

// deliveryURL splits the name of a package as its type of package URL wants it.
func (e *Ecosystem) deliveryURL(name string) (namespace, base string, qualifiers packageurl.Qualifiers) {
	switch e {
	case CRAN, Bioconductor, Hackage, Opam, Vcpkg, Crystal, Bazel:
		return "", name, nil
	case Docker:
		if host := registryHost(name); host != "" {
			qualifiers = packageurl.Qualifiers{{Key: "repository_url", Value: host}}
			name = name[len(host)+1:]
		}
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i], name[i+1:], qualifiers
	}
	return "", name, qualifiers
}

// hexDigest is a digest as "algorithm:hex", from hex or base64 in any of the
// ways in which lockfiles write it; empty if it is neither.
func hexDigest(algorithm, text string) string {
	size := 0
	switch algorithm {
	case "md5":
		size = 16
	case "sha1":
		size = 20
	case "sha256":
		size = 32
	case "sha384":
		size = 48
	case "sha512":
		size = 64
	default:
		return ""
	}
	if len(text) == 2*size && isHex(text) {
		return algorithm + ":" + strings.ToLower(text)
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(b) != size {
		return ""
	}
	return algorithm + ":" + hex.EncodeToString(b)
}

// sriDigests reads subresource integrity: "sha512-base64 sha1-base64".
func sriDigests(text string) []string {
	var found []string
	for one := range strings.FieldsSeq(text) {
		algorithm, sum, _ := strings.Cut(one, "-")
		if d := hexDigest(algorithm, sum); d != "" {
			found = append(found, d)
		}
	}
	return found
}

func digests(list ...string) []string {
	var found []string
	for _, d := range list {
		if d != "" {
			found = append(found, d)
		}
	}
	return found
}

// repository is the origin of a package that is taken from a repository.
func repository(url, revision string) *gatehouse.Origin {
	return &gatehouse.Origin{Kind: "git", URL: redactURL(url), Revision: revision, Pinned: commitID(revision)}
}

// fromRegistry is the origin of a package of a registry that never changes a
// version.
func fromRegistry(url string) *gatehouse.Origin {
	return &gatehouse.Origin{Kind: "registry", URL: redactURL(url), Pinned: true}
}
