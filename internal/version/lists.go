package version

import (
	"slices"
	"strings"
)

// list is a version that is a list of numbers. Of two with the same start, the
// shorter one is older.
type list []string

func (v list) Compare(o Version) int { return slices.CompareFunc(v, o.(list), compareNumbers) }

func parseList(s, separators string) (Version, error) {
	var v list
	for part := range strings.SplitSeq(strings.Map(func(r rune) rune {
		if strings.ContainsRune(separators, r) {
			return '.'
		}
		return r
	}, s), ".") {
		if !isNumber(part) {
			return nil, errNoVersion
		}
		v = append(v, number(part))
	}
	return v, nil
}

// parseCRAN reads a version of R: numbers between "." and "-"; see
// help(package_version).
func parseCRAN(s string) (Version, error) { return parseList(s, ".-") }

// parseHackage reads a version of Haskell; see https://pvp.haskell.org.
func parseHackage(s string) (Version, error) { return parseList(s, ".") }

// conan is a version of Conan 2: parts that are numbers or words, a
// pre-release and a build. Trailing zeros do not count. See
// https://docs.conan.io/2/tutorial/versioning.html.
type conan struct {
	parts      []identifier
	pre, build *conan
}

func parseConan(s string) (Version, error) {
	v, ok := newConan(strings.ToLower(s))
	if !ok {
		return nil, errNoVersion
	}
	return v, nil
}

func newConan(s string) (*conan, bool) {
	v := &conan{}
	s, build, hasBuild := strings.Cut(s, "+")
	s, pre, hasPre := strings.Cut(s, "-")
	ok := plainIdentifiers(s)
	if hasPre {
		var good bool
		v.pre, good = newConan(pre)
		ok = ok && good
	}
	if hasBuild {
		var good bool
		v.build, good = newConan(build)
		ok = ok && good
	}
	if ok {
		v.parts = withoutZeros(identifiers(s))
	}
	return v, ok
}

func (v *conan) Compare(o Version) int { return v.compare(o.(*conan)) }

func (v *conan) compare(w *conan) int {
	if n := slices.CompareFunc(v.parts, w.parts, func(a, b identifier) int { return a.compare(b) }); n != 0 {
		return n
	}
	switch {
	case v.pre == nil && w.pre != nil:
		return 1
	case v.pre != nil && w.pre == nil:
		return -1
	case v.pre != nil:
		if n := v.pre.compare(w.pre); n != 0 {
			return n
		}
	}
	switch {
	case v.build == nil && w.build == nil:
		return 0
	case v.build == nil:
		return -1
	case w.build == nil:
		return 1
	}
	return v.build.compare(w.build)
}

// conda is a version as conda.models.version.VersionOrder sees it.
type conda struct {
	// main starts with the epoch.
	main, local [][]condaAtom
}

// condaAtom is a run of digits, or of other characters.
type condaAtom struct {
	// rank orders what is not of the same kind: "dev", other words, numbers,
	// "post".
	rank int
	text string
}

var condaZero = condaAtom{rank: 2}

func parseConda(s string) (Version, error) {
	s = strings.ToLower(s)
	epoch, rest, ok := strings.Cut(s, "!")
	if !ok {
		epoch, rest = "0", s
	}
	main, local, hasLocal := strings.Cut(rest, "+")
	if !isNumber(epoch) || main == "" || hasLocal && local == "" {
		return nil, errNoVersion
	}
	for i := range len(rest) {
		if c := rest[i]; !isDigit(c) && !isLetter(c) && !strings.ContainsRune("._+-*", rune(c)) {
			return nil, errNoVersion
		}
	}
	v := &conda{main: [][]condaAtom{{{2, number(epoch)}}}}
	for _, p := range []struct {
		text string
		to   *[][]condaAtom
	}{{main, &v.main}, {local, &v.local}} {
		if p.text == "" {
			continue
		}
		text := strings.ReplaceAll(p.text, "-", "_")
		// "1.0.1_" of OpenSSL is before 1.0.1a.
		trailing := strings.HasSuffix(text, "_")
		text = strings.ReplaceAll(strings.TrimSuffix(text, "_"), "_", ".")
		if trailing {
			text += "_"
		}
		for part := range strings.SplitSeq(text, ".") {
			atoms := condaAtoms(part)
			if len(atoms) == 0 {
				return nil, errNoVersion
			}
			*p.to = append(*p.to, atoms)
		}
	}
	return v, nil
}

func condaAtoms(s string) []condaAtom {
	var atoms []condaAtom
	if s != "" && !isDigit(s[0]) {
		atoms = append(atoms, condaZero)
	}
	for s != "" {
		n := digits(s)
		if n > 0 {
			atoms = append(atoms, condaAtom{2, number(s[:n])})
			s = s[n:]
			continue
		}
		for n < len(s) && !isDigit(s[n]) {
			n++
		}
		switch word := s[:n]; word {
		case "post":
			atoms = append(atoms, condaAtom{rank: 3})
		case "dev":
			atoms = append(atoms, condaAtom{rank: 0})
		default:
			atoms = append(atoms, condaAtom{1, word})
		}
		s = s[n:]
	}
	return atoms
}

func (v *conda) Compare(o Version) int {
	w := o.(*conda)
	if n := compareConda(v.main, w.main); n != 0 {
		return n
	}
	return compareConda(v.local, w.local)
}

func compareConda(a, b [][]condaAtom) int {
	for i := range max(len(a), len(b)) {
		x, y := at(a, i, nil), at(b, i, nil)
		for j := range max(len(x), len(y)) {
			p, q := at(x, j, condaZero), at(y, j, condaZero)
			switch {
			case p.rank != q.rank:
				return p.rank - q.rank
			case p.rank == 2:
				if n := compareNumbers(p.text, q.text); n != 0 {
					return n
				}
			default:
				if n := strings.Compare(p.text, q.text); n != 0 {
					return n
				}
			}
		}
	}
	return 0
}
