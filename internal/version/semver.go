package version

import (
	"slices"
	"strings"
)

// semVer is a version in numbers with a pre-release; see
// https://semver.org/spec/v2.0.0.html, section 11.
type semVer struct {
	numbers []string
	pre     []identifier
	// build counts in schemes that tell builds apart, otherwise it is empty.
	build []identifier
}

// identifier is one part of a pre-release or build.
type identifier struct {
	text    string
	numeric bool
}

func (v *semVer) Compare(o Version) int {
	w := o.(*semVer)
	for i := range max(len(v.numbers), len(w.numbers)) {
		if n := compareNumbers(at(v.numbers, i, ""), at(w.numbers, i, "")); n != 0 {
			return n
		}
	}
	switch {
	case len(v.pre) == 0 && len(w.pre) > 0:
		return 1
	case len(v.pre) > 0 && len(w.pre) == 0:
		return -1
	}
	if n := slices.CompareFunc(v.pre, w.pre, identifier.compare); n != 0 {
		return n
	}
	return slices.CompareFunc(v.build, w.build, identifier.compare)
}

func (a identifier) compare(b identifier) int {
	switch {
	case a.numeric && b.numeric:
		return compareNumbers(a.text, b.text)
	case a.numeric:
		return -1
	case b.numeric:
		return 1
	}
	return strings.Compare(a.text, b.text)
}

// splitSemVer splits 1.2.3-pre+build; a "v" before it is left out.
func splitSemVer(s string) (v *semVer, build string, err error) {
	s = strings.TrimLeft(s, "=")
	s = strings.TrimLeft(s, " vV")
	s, build, hasBuild := strings.Cut(s, "+")
	if hasBuild && !plainIdentifiers(build) {
		return nil, "", errNoVersion
	}
	core, pre, hasPre := strings.Cut(s, "-")
	v = &semVer{numbers: make([]string, 0, 4)}
	for part := range strings.SplitSeq(core, ".") {
		if !isNumber(part) {
			return nil, "", errNoVersion
		}
		v.numbers = append(v.numbers, number(part))
	}
	if hasPre {
		if !plainIdentifiers(pre) {
			return nil, "", errNoVersion
		}
		v.pre = identifiers(pre)
	}
	return v, build, nil
}

func plainIdentifiers(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			return false
		}
		for i := range len(part) {
			if c := part[i]; !isDigit(c) && !isLetter(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func identifiers(s string) []identifier {
	var list []identifier
	for part := range strings.SplitSeq(s, ".") {
		id := identifier{text: part, numeric: isNumber(part)}
		if id.numeric {
			id.text = number(part)
		}
		list = append(list, id)
	}
	return list
}

func parseSemVer(s string) (Version, error) {
	v, _, err := splitSemVer(s)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// parseWithBuild is for package managers for which 1.0.0+1 is newer than
// 1.0.0.
func parseWithBuild(s string) (Version, error) {
	v, build, err := splitSemVer(s)
	if err != nil {
		return nil, err
	}
	if build != "" {
		v.build = identifiers(build)
	}
	return v, nil
}

// parseNuGet reads a version without case; see
// https://learn.microsoft.com/nuget/concepts/package-versioning.
func parseNuGet(s string) (Version, error) {
	v, _, err := splitSemVer(strings.ToLower(s))
	if err != nil || len(v.numbers) > 4 {
		return nil, errNoVersion
	}
	return v, nil
}

// parseGo reads the version of a module, or of Go itself: "go1.21rc2" and
// "1.21rc2" are 1.21.0-rc.2; see https://go.dev/doc/toolchain#version.
func parseGo(s string) (Version, error) {
	text := strings.TrimPrefix(s, "go")
	for _, kind := range []string{"rc", "beta"} {
		before, after, ok := strings.Cut(text, kind)
		if ok && isNumber(after) && isNumber(strings.ReplaceAll(before, ".", "")) {
			text = before + "-" + kind + "." + after
			break
		}
	}
	return parseSemVer(text)
}
