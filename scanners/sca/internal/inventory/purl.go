package inventory

import "strings"

// plainURL writes the package URL of packages whose names need no thought, as
// nearly all do; false for others.
func (e *Ecosystem) plainURL(namespace, name, version string) (string, bool) {
	if !isUnreserved(name) || !isUnreserved(version) || name == "" {
		return "", false
	}
	scope := ""
	if rest, ok := strings.CutPrefix(namespace, "@"); ok {
		if rest == "" {
			return "", false
		}
		scope, namespace = "%40", rest
	}
	for part := range strings.SplitSeq(namespace, "/") {
		if !isUnreserved(part) || part == "" && namespace != "" || part == "." || part == ".." {
			return "", false
		}
	}
	var b strings.Builder
	b.Grow(len("pkg:") + len(e.Purl) + len(scope) + len(namespace) + len(name) + len(version) + 3)
	b.WriteString("pkg:")
	b.WriteString(e.Purl)
	b.WriteByte('/')
	if namespace != "" {
		b.WriteString(scope)
		b.WriteString(namespace)
		b.WriteByte('/')
	}
	b.WriteString(name)
	if version != "" {
		b.WriteByte('@')
		b.WriteString(version)
	}
	return b.String(), true
}

// isUnreserved is true for text that a URL holds as it is; see RFC 3986,
// section 2.3.
func isUnreserved(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && c != '-' && c != '.' && c != '_' && c != '~' {
			return false
		}
	}
	return true
}
