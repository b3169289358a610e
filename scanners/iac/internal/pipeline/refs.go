package pipeline

import (
	"path"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

var (
	fullHash  = lazyregexp.New(`^[0-9a-fA-F]{40}([0-9a-fA-F]{24})?$`)
	likeTag   = lazyregexp.New(`^[vV]?[0-9]+([.-][0-9A-Za-z.+_-]*)?$|^[A-Za-z-]+[-/@]?[vV]?[0-9]+\.[0-9]+[0-9A-Za-z.+_-]*$|^(stable|release)[-/]v?[0-9]`)
	variables = lazyregexp.New(`\$\{\{|\$\(|<<|\$\[\[|\$\{?[A-Za-z_]`)
)

// pinOf says how firmly a git ref holds on to code.
func pinOf(ref string) string {
	switch {
	case ref == "":
		return "none"
	case variables().MatchString(ref):
		return "unknown"
	case fullHash().MatchString(ref):
		return "hash"
	case likeTag().MatchString(ref):
		return "tag"
	}
	return "branch"
}

// actionUse reads what a step or job of GitHub uses; ok is false for what lies
// in the same repository.
func actionUse(s string) (u Use, ok bool) {
	u = Use{Text: s, Sort: "action"}
	switch {
	case strings.HasPrefix(s, "docker://"):
		img := newImage(strings.TrimPrefix(s, "docker://"), 0, "step")
		u.Sort, u.Name, u.Ref, u.Pin = "docker", strings.TrimPrefix(s, "docker://"), img.Tag, img.Pin
		return u, true
	case strings.HasPrefix(s, "./"), strings.HasPrefix(s, "../"), strings.HasPrefix(s, "$/"), s == "", s == ".":
		return u, false
	}
	u.Name, u.Ref, _ = strings.Cut(s, "@")
	u.Pin = pinOf(u.Ref)
	if variables().MatchString(u.Name) {
		u.Pin = "unknown"
	}
	owner, _, _ := strings.Cut(strings.ToLower(u.Name), "/")
	u.FirstParty = owner == "actions" || owner == "github"
	if strings.Contains(u.Name, "/.github/workflows/") {
		u.Sort = "workflow"
	}
	return u, true
}

// actionName is the name of an action as it is compared: in lower case, with
// its path made plain.
func actionName(name string) string {
	return strings.ToLower(strings.Trim(path.Clean("/"+name), "/"))
}

// newImage reads a reference to a container image.
func newImage(s string, line int, role string) Image {
	i := Image{Text: s, Line: line, Role: role}
	rest := s[strings.LastIndexByte(s, '/')+1:]
	switch {
	case strings.Contains(s, "@sha256:") || strings.Contains(s, "@sha512:"):
		i.Pin = "hash"
	case variables().MatchString(s):
		i.Pin = "unknown"
	default:
		_, i.Tag, _ = strings.Cut(rest, ":")
		i.Pin = "tag"
		if i.Tag == "" || i.Tag == "latest" {
			i.Pin = "none"
		}
	}
	return i
}
