// Package ospkg reads what an operating system says about itself and about the
// packages that are installed in it: the databases of dpkg, apk and rpm.
//
// It takes bytes and returns values: no file is opened, nothing is run.
package ospkg

import (
	"cmp"
	"fmt"
	"strings"
)

// Package is an installed package of an operating system.
type Package struct {
	Name string
	// Version is as the package manager writes it, with epoch and release:
	// "1:2.3-4" for dpkg and rpm, "2.3-r4" for apk.
	Version string
	Arch    string
	// Source and SourceVersion are those of the source package, which is what
	// distributions publish advisories about; the same as Name and Version if
	// nothing else is said.
	Source, SourceVersion string
	// Licenses are as declared; empty if the database does not say, as that of
	// dpkg never does.
	Licenses []string
	// Vendor is who built it, for rpm; may be empty.
	Vendor string
	// Module is the module stream of rpm as "name:stream:version:context";
	// empty for a package of none.
	Module string
	// Hashes are digests of the package as "algorithm:hex"; may be empty.
	Hashes []string
	// DependsOn are names, in the order of the database; for rpm also of
	// capabilities and files.
	DependsOn []string
	// Files are the paths that it owns, without a leading slash; empty for
	// dpkg, which keeps them elsewhere: see [DpkgFiles].
	Files []string
	// Line is the 1-based line in a database that is text.
	Line int
}

// maxPath is PATH_MAX of Linux: a longer path names no file.
const maxPath = 4096

// Problem is an entry of a database that could not be read. The others are
// not affected.
type Problem struct {
	// Entry names it; may be empty.
	Entry string
	// Line is 1-based; 0 in a binary database.
	Line int
	// Reason is a sentence without a period.
	Reason string
}

func (p Problem) String() string {
	if p.Entry == "" {
		return p.Reason
	}
	return fmt.Sprintf("%s: %s", p.Entry, p.Reason)
}

// Kind is a package manager.
type Kind string

// The package managers.
const (
	Dpkg Kind = "dpkg"
	APK  Kind = "apk"
	RPM  Kind = "rpm"
)

// KindOf returns the package manager whose database is at the path, relative to
// the root of the system; empty if it is none.
func KindOf(path string) Kind {
	switch path {
	case "var/lib/dpkg/status":
		return Dpkg
	case "lib/apk/db/installed", "usr/lib/apk/db/installed":
		return APK
	}
	for _, dir := range []string{"var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/"} {
		for _, base := range []string{"Packages", "Packages.db", "rpmdb.sqlite"} {
			if path == dir+base {
				return RPM
			}
		}
	}
	if rest, ok := strings.CutPrefix(path, "var/lib/dpkg/status.d/"); ok && !strings.HasSuffix(rest, ".md5sums") {
		return Dpkg // one file for each package, in distroless images
	}
	return ""
}

// Locate returns the package manager whose database is at the path, at or below
// the root of some system, and that root ("." or a directory); the kind is empty
// if it is none.
func Locate(path string) (root string, kind Kind) {
	for at := 0; ; {
		if kind := KindOf(path[at:]); kind != "" {
			return cmp.Or(strings.TrimSuffix(path[:at], "/"), "."), kind
		}
		i := strings.IndexByte(path[at:], '/')
		if i < 0 {
			return "", ""
		}
		at += i + 1
	}
}

// Parse reads a database. An error means that nothing of it can be relied on;
// what was read before is returned all the same.
func Parse(kind Kind, data []byte) ([]Package, []Problem, error) {
	switch kind {
	case Dpkg:
		return parseDpkg(data)
	case APK:
		return parseAPK(data)
	case RPM:
		return parseRPM(data)
	}
	return nil, nil, fmt.Errorf("%q is no package manager that is known", kind)
}
