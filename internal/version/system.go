package version

import (
	"cmp"
	"slices"
	"strings"
)

// debian is a version of a Debian package; see deb-version(7).
type debian struct{ epoch, upstream, revision string }

func parseDebian(s string) (Version, error) {
	v := &debian{}
	if epoch, rest, ok := strings.Cut(s, ":"); ok {
		if !isNumber(epoch) {
			return nil, errNoVersion
		}
		v.epoch, s = number(epoch), rest
	}
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		s, v.revision = s[:i], s[i+1:]
		if v.revision == "" {
			return nil, errNoVersion
		}
	}
	v.upstream = s
	if s == "" || !isDigit(s[0]) {
		return nil, errNoVersion
	}
	for _, p := range []struct{ text, more string }{{v.upstream, ".+-~:"}, {v.revision, ".+~"}} {
		for i := range len(p.text) {
			if c := p.text[i]; !isDigit(c) && !isLetter(c) && !strings.ContainsRune(p.more, rune(c)) {
				return nil, errNoVersion
			}
		}
	}
	return v, nil
}

func (v *debian) Compare(o Version) int {
	w := o.(*debian)
	return cmp.Or(compareNumbers(v.epoch, w.epoch), compareDebian(v.upstream, w.upstream), compareDebian(v.revision, w.revision))
}

// compareDebian compares runs of other characters and of digits in turn.
func compareDebian(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !isDigit(a[0]) || b != "" && !isDigit(b[0]) {
			if n := debianOrder(a) - debianOrder(b); n != 0 {
				return n
			}
			a, b = a[1:], b[1:]
		}
		i, j := digits(a), digits(b)
		if n := compareNumbers(number(a[:i]), number(b[:j])); n != 0 {
			return n
		}
		a, b = a[i:], b[j:]
	}
	return 0
}

// debianOrder is the place of the first character: "~" is before the end,
// which is before letters, which are before all else.
func debianOrder(s string) int {
	switch {
	case s == "" || isDigit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case isLetter(s[0]):
		return int(s[0])
	}
	return int(s[0]) + 256
}

// rpm is epoch:version-release, each compared as rpmvercmp does; see
// https://rpm-software-management.github.io/rpm/manual/dependencies.html.
type rpm struct{ epoch, version, release string }

func parseRPM(s string) (Version, error) {
	v := &rpm{}
	if epoch, rest, ok := strings.Cut(s, ":"); ok {
		if !isNumber(epoch) {
			return nil, errNoVersion
		}
		v.epoch, s = number(epoch), rest
	}
	v.version, v.release, _ = strings.Cut(s, "-")
	if v.version == "" || strings.ContainsAny(s, " \t:") {
		return nil, errNoVersion
	}
	return v, nil
}

func (v *rpm) Compare(o Version) int {
	w := o.(*rpm)
	return cmp.Or(compareNumbers(v.epoch, w.epoch), compareRPM(v.version, w.version), compareRPM(v.release, w.release))
}

func compareRPM(a, b string) int {
	for a != "" || b != "" {
		a, b = strings.TrimLeftFunc(a, isRPMSeparator), strings.TrimLeftFunc(b, isRPMSeparator)
		switch tildeA, tildeB := strings.HasPrefix(a, "~"), strings.HasPrefix(b, "~"); {
		case tildeA && tildeB:
			a, b = a[1:], b[1:]
			continue
		case tildeA:
			return -1
		case tildeB:
			return 1
		}
		switch caretA, caretB := strings.HasPrefix(a, "^"), strings.HasPrefix(b, "^"); {
		case caretA && caretB:
			a, b = a[1:], b[1:]
			continue
		case caretA && b == "":
			return 1
		case caretA:
			return -1
		case caretB && a == "":
			return -1
		case caretB:
			return 1
		}
		if a == "" || b == "" {
			break
		}
		i, j := digits(a), digits(b)
		switch {
		case i > 0 && j == 0:
			return 1
		case i == 0 && j > 0:
			return -1
		case i > 0:
			if n := compareNumbers(number(a[:i]), number(b[:j])); n != 0 {
				return n
			}
		default:
			i, j = letters(a), letters(b)
			if n := strings.Compare(a[:i], b[:j]); n != 0 {
				return n
			}
		}
		a, b = a[i:], b[j:]
	}
	return cmp.Compare(len(a), len(b))
}

func isRPMSeparator(r rune) bool {
	return !(r < 128 && (isDigit(byte(r)) || isLetter(byte(r)))) && r != '~' && r != '^'
}

func letters(s string) int {
	n := 0
	for n < len(s) && isLetter(s[n]) {
		n++
	}
	return n
}

// alpine is a version as apk-tools 3 compares it: the parts in the order of
// their kinds. See https://gitlab.alpinelinux.org/alpine/apk-tools, version.c.
type alpine []alpinePart

type alpinePart struct {
	kind alpineKind
	text string
	rank int // of a suffix
}

type alpineKind int

const (
	alpineFirst alpineKind = iota
	alpineDigits
	alpineLetter
	alpineSuffix
	alpineSuffixNumber
	alpineCommit
	alpineRevision
	alpineEnd
)

// alpineSuffixes are in their order; those before "" are before a release.
var alpineSuffixes = []string{"alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"}

const alpineReleased = 4 // the place of "" in the list

func parseAPK(s string) (Version, error) {
	var v alpine
	kind := alpineFirst
	take := func(n int) string {
		text := s[:n]
		s = s[n:]
		return text
	}
	for {
		n := digits(s)
		if n == 0 {
			return nil, errNoVersion
		}
		v = append(v, alpinePart{kind: kind, text: take(n)})
		if !strings.HasPrefix(s, ".") {
			break
		}
		take(1)
		kind = alpineDigits
	}
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		v = append(v, alpinePart{kind: alpineLetter, text: take(1)})
	}
	for strings.HasPrefix(s, "_") {
		take(1)
		rank := slices.Index(alpineSuffixes, take(letters(s)))
		if rank < 0 || rank == alpineReleased {
			return nil, errNoVersion
		}
		v = append(v, alpinePart{kind: alpineSuffix, rank: rank})
		if n := digits(s); n > 0 {
			v = append(v, alpinePart{kind: alpineSuffixNumber, text: take(n)})
		}
	}
	if strings.HasPrefix(s, "~") {
		take(1)
		n := len(s) - len(strings.TrimLeft(s, "0123456789abcdef"))
		if n == 0 {
			return nil, errNoVersion
		}
		v = append(v, alpinePart{kind: alpineCommit, text: take(n)})
	}
	if strings.HasPrefix(s, "-r") {
		take(2)
		n := digits(s)
		if n == 0 {
			return nil, errNoVersion
		}
		v = append(v, alpinePart{kind: alpineRevision, text: take(n)})
	}
	if s != "" {
		return nil, errNoVersion
	}
	return v, nil
}

func (v alpine) Compare(o Version) int {
	w := o.(alpine)
	for i := 0; ; i++ {
		a, b := at(v, i, alpinePart{kind: alpineEnd}), at(w, i, alpinePart{kind: alpineEnd})
		switch {
		case a.kind == b.kind && a.kind == alpineEnd:
			return 0
		case a.kind == b.kind:
			if n := a.compare(b); n != 0 {
				return n
			}
		// What goes on is newer, unless it goes on as a pre-release.
		case a.kind == alpineSuffix && a.rank < alpineReleased:
			return -1
		case b.kind == alpineSuffix && b.rank < alpineReleased:
			return 1
		default:
			return int(b.kind) - int(a.kind)
		}
	}
}

func (a alpinePart) compare(b alpinePart) int {
	switch a.kind {
	case alpineSuffix:
		return a.rank - b.rank
	case alpineDigits:
		// With a zero in front it is a fraction.
		if a.text[0] == '0' || b.text[0] == '0' {
			return strings.Compare(a.text, b.text)
		}
	case alpineLetter, alpineCommit:
		return strings.Compare(a.text, b.text)
	}
	return compareNumbers(number(a.text), number(b.text))
}
