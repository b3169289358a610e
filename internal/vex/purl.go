package vex

import (
	"strings"

	"github.com/package-url/packageurl-go"
)

// name is an identifier, taken apart if it is a package URL.
type name struct {
	text string
	purl *packageurl.PackageURL
}

func parseName(text string) name {
	n := name{text: text}
	if strings.HasPrefix(text, "pkg:") {
		if p, err := packageurl.FromString(text); err == nil {
			p.Namespace, p.Name = canonical(p.Type, p.Namespace), canonical(p.Type, p.Name)
			n.purl = &p
		}
	}
	return n
}

// canonical makes names equal that the ecosystem treats as the same
// (purl-spec, PURL-TYPES).
func canonical(kind, text string) string {
	switch kind {
	case "pypi":
		return strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(text))
	case "npm", "github", "bitbucket", "composer", "golang":
		return strings.ToLower(text)
	}
	return text
}

// covers reports whether what a statement names is what is there: the same
// text, or a package URL whose version and qualifiers, where it has them, are
// those of the other.
func (n name) covers(o name) bool {
	if n.text == o.text {
		return true
	}
	p, q := n.purl, o.purl
	if p == nil || q == nil || p.Type != q.Type || p.Namespace != q.Namespace || p.Name != q.Name {
		return false
	}
	if p.Version != "" && !sameVersion(p.Type, p.Version, q.Version) {
		return false
	}
	if p.Subpath != "" && p.Subpath != q.Subpath {
		return false
	}
	have := q.Qualifiers.Map()
	for _, want := range p.Qualifiers {
		// Where a package is stored says nothing about which one it is.
		if want.Key != "repository_url" && want.Key != "download_url" && have[want.Key] != want.Value {
			return false
		}
	}
	return true
}

func sameVersion(kind, a, b string) bool {
	if kind == "golang" {
		a, b = strings.TrimPrefix(a, "v"), strings.TrimPrefix(b, "v")
	}
	return a == b
}
