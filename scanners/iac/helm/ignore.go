package helm

import (
	"bytes"
	"io/fs"
	"path"
	"strings"
	"time"

	"helm.sh/helm/v4/pkg/ignore"
)

// Ignored says why a file of the chart in dir is no part of it, as a clause;
// "" if it is one. A .helmignore file that Helm refuses leaves out nothing.
func Ignored(dir string, files map[string][]byte, name string) string {
	if readIgnores(dir, files).match(strings.TrimPrefix(name, dir+"/")) {
		return ".helmignore leaves it out of the chart"
	}
	return ""
}

// ignores are what a .helmignore file leaves out.
type ignores struct{ rules *ignore.Rules }

func readIgnores(dir string, files map[string][]byte) ignores {
	rules, err := ignore.Parse(bytes.NewReader(files[path.Join(dir, ".helmignore")]))
	if err != nil {
		rules = ignore.Empty()
	}
	return ignores{rules}
}

// match reports whether a file is left out, or a directory that it is in. rel
// is its path in the chart.
func (i ignores) match(rel string) bool {
	if rel == "Chart.yaml" {
		return false // Helm would refuse the chart
	}
	for at, c := range rel {
		if c == '/' && i.rules.Ignore(rel[:at], entry{rel[:at], true}) {
			return true
		}
	}
	return i.rules.Ignore(rel, entry{rel, false})
}

// entry is what a rule wants to know of a file.
type entry struct {
	name string
	dir  bool
}

func (e entry) Name() string       { return path.Base(e.name) }
func (e entry) Size() int64        { return 0 }
func (e entry) Mode() fs.FileMode  { return 0 }
func (e entry) ModTime() time.Time { return time.Time{} }
func (e entry) IsDir() bool        { return e.dir }
func (e entry) Sys() any           { return nil }
