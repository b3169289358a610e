package version

import (
	"cmp"
	"strings"
)

// python is a version by the rules of PyPI; see
// https://packaging.python.org/en/latest/specifications/version-specifiers/.
// The local label is left out: 2.0+cu118 is a build of 2.0, and advisories are
// about releases.
type python struct {
	epoch   string
	release []string
	// pre is what comes before the release; post what comes after it.
	pre, post, dev phase
	preKind        byte // 'a', 'b' or 'c' for rc
}

// phase is a number that a version may have.
type phase struct {
	set    bool
	number string
}

func parsePython(s string) (Version, error) {
	s = strings.TrimPrefix(strings.ToLower(s), "v")
	s, local, hasLocal := strings.Cut(s, "+")
	if hasLocal && !plainLocal(local) {
		return nil, errNoVersion
	}
	v := &python{}
	if epoch, rest, ok := strings.Cut(s, "!"); ok {
		if !isNumber(epoch) {
			return nil, errNoVersion
		}
		v.epoch, s = number(epoch), rest
	}
	for {
		n := digits(s)
		if n == 0 {
			return nil, errNoVersion
		}
		v.release = append(v.release, number(s[:n]))
		s = s[n:]
		if len(s) < 2 || s[0] != '.' || !isDigit(s[1]) {
			break
		}
		s = s[1:]
	}
	for len(v.release) > 1 && v.release[len(v.release)-1] == "" {
		v.release = v.release[:len(v.release)-1]
	}
	for _, w := range []struct {
		word string
		kind byte
	}{{"alpha", 'a'}, {"beta", 'b'}, {"preview", 'c'}, {"pre", 'c'}, {"rc", 'c'}, {"a", 'a'}, {"b", 'b'}, {"c", 'c'}} {
		if cutPhase(&s, w.word, &v.pre) {
			v.preKind = w.kind
			break
		}
	}
	if n := len(s); n > 1 && s[0] == '-' && isDigit(s[1]) {
		n = 1 + digits(s[1:])
		v.post, s = phase{true, number(s[1:n])}, s[n:]
	} else {
		_ = cutPhase(&s, "post", &v.post) || cutPhase(&s, "rev", &v.post) || cutPhase(&s, "r", &v.post)
	}
	cutPhase(&s, "dev", &v.dev)
	if s != "" {
		return nil, errNoVersion
	}
	return v, nil
}

// cutPhase takes "rc1", ".rc-1" or the like from the start of s; false if it is
// not there.
func cutPhase(s *string, word string, p *phase) bool {
	rest := strings.TrimPrefix(*s, separatorOf(*s))
	rest, ok := strings.CutPrefix(rest, word)
	if !ok {
		return false
	}
	rest = rest[len(separatorOf(rest)):] // also if no number follows
	n := digits(rest)
	*p, *s = phase{true, number(rest[:n])}, rest[n:]
	return true
}

func separatorOf(s string) string {
	if s != "" && strings.IndexByte("-_.", s[0]) >= 0 {
		return s[:1]
	}
	return ""
}

func plainLocal(s string) bool {
	for part := range strings.SplitSeq(strings.NewReplacer("-", ".", "_", ".").Replace(s), ".") {
		if part == "" {
			return false
		}
		for i := range len(part) {
			if !isDigit(part[i]) && !isLetter(part[i]) {
				return false
			}
		}
	}
	return true
}

func (v *python) Compare(o Version) int {
	w := o.(*python)
	if n := compareNumbers(v.epoch, w.epoch); n != 0 {
		return n
	}
	for i := range max(len(v.release), len(w.release)) {
		if n := compareNumbers(at(v.release, i, ""), at(w.release, i, "")); n != 0 {
			return n
		}
	}
	return cmp.Or(v.rank()-w.rank(), compareNumbers(v.pre.number, w.pre.number),
		v.post.after()-w.post.after(), compareNumbers(v.post.number, w.post.number),
		// Without "dev" it is after all that have it.
		w.dev.after()-v.dev.after(), compareNumbers(v.dev.number, w.dev.number))
}

// rank is the place of the kind of pre-release: 1.0.dev1 is before 1.0a1.
func (v *python) rank() int {
	switch {
	case v.pre.set:
		return int(v.preKind)
	case v.dev.set && !v.post.set:
		return 0
	}
	return 'z'
}

func (p phase) after() int {
	if p.set {
		return 1
	}
	return 0
}
