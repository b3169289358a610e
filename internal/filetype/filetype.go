// Package filetype tells from its name what a file is, where more than one
// scanner needs to know.
package filetype

import (
	"path"
	"slices"
	"strings"
)

// IsDockerfile reports whether the file called name is a Dockerfile: by the
// names that docker build and buildah look for (Dockerfile, Containerfile,
// NAME.Dockerfile), and by the habit of adding a suffix (Dockerfile.dev). A
// suffix that is the extension of another language (Dockerfile.j2, Dockerfile.md)
// says that the file is about Dockerfiles, or made into one.
func IsDockerfile(name string) bool {
	base := strings.ToLower(path.Base(name))
	for _, word := range []string{"dockerfile", "containerfile"} {
		if base == word || strings.HasSuffix(base, "."+word) {
			return true
		}
		rest, ok := strings.CutPrefix(base, word)
		if ok && strings.IndexAny(rest, ".-_") == 0 && !slices.ContainsFunc(strings.Split(rest, "."), otherLanguage) {
			return true
		}
	}
	return false
}

func otherLanguage(ext string) bool {
	switch ext {
	case "adoc", "bzl", "cue", "dockerignore", "erb", "go", "golden", "gotmpl", "hcl", "html", "j2", "java", "jinja", "jinja2", "js", "json",
		"jsonnet", "kt", "lua", "md", "mustache", "php", "pl", "ps1", "py", "rb", "rego", "rs", "rst", "sh", "swift", "template", "tmpl",
		"toml", "tpl", "ts", "txt", "xml", "yaml", "yml":
		return true
	}
	return false
}
