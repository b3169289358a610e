package inventory

import (
	"bytes"
	"path"
	"strings"
)

// ending is what the last part of a whole lockfile has, for formats of which the
// start looks like a whole file with fewer packages.
type ending struct {
	files []string
	// mark starts a line that the package manager always writes, and writes after
	// all packages; empty if there is none.
	mark string
}

// endings are those of the package managers' own writers. Where there is no
// mark, the line break that each of them writes at the end has to do.
var endings = []ending{
	{[]string{"gemfile.lock", "gems.locked"}, "DEPENDENCIES"},
	{[]string{"podfile.lock"}, "COCOAPODS:"},
	{[]string{"gradle.lockfile", "buildscript-gradle.lockfile"}, "empty="},
	{[]string{"yarn.lock", "pnpm-lock.yaml", "pnpm-lock.yml", "cargo.lock", "uv.lock", "pdm.lock", "pylock.toml", "manifest.toml", "paket.lock"}, ""},
}

// cutOff says in a clause why a lockfile seems to be cut off; empty if it does
// not.
func cutOff(file string, data []byte) string {
	base := strings.ToLower(path.Base(file))
	for _, e := range endings {
		for _, name := range e.files {
			switch {
			case name != base:
			case e.mark == "" && !bytes.HasSuffix(data, []byte("\n")):
				return "its last line has no end"
			case e.mark != "" && !bytes.HasPrefix(data, []byte(e.mark)) && !bytes.Contains(data, []byte("\n"+e.mark)):
				return "it has no line with " + strings.TrimRight(e.mark, ":=")
			}
		}
	}
	return ""
}
