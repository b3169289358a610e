package version

import (
	"strings"
)

// ruby is a version as Gem::Version sees it: numbers and words, of which a
// word is before each number. Trailing zeros do not count, neither at the end
// nor before the first word.
type ruby struct{ parts []identifier }

func parseRuby(s string) (Version, error) {
	s = strings.ReplaceAll(strings.TrimPrefix(s, "v"), "-", ".pre.")
	if !isDigit(at([]byte(s), 0, 0)) {
		return nil, errNoVersion
	}
	var parts []identifier
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			return nil, errNoVersion
		}
		for part != "" {
			n := digits(part)
			numeric := n > 0
			for !numeric && n < len(part) && isLetter(part[n]) {
				n++
			}
			if n == 0 {
				return nil, errNoVersion
			}
			id := identifier{text: part[:n], numeric: numeric}
			if numeric {
				id.text = number(id.text)
			}
			parts = append(parts, id)
			part = part[n:]
		}
	}
	word := 0
	for word < len(parts) && parts[word].numeric {
		word++
	}
	v := &ruby{parts: append(withoutZeros(parts[:word:word]), withoutZeros(parts[word:])...)}
	return v, nil
}

func withoutZeros(parts []identifier) []identifier {
	for len(parts) > 0 && parts[len(parts)-1] == (identifier{numeric: true}) {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func (v *ruby) Compare(o Version) int {
	w := o.(*ruby)
	for i := range max(len(v.parts), len(w.parts)) {
		zero := identifier{numeric: true}
		a, b := at(v.parts, i, zero), at(w.parts, i, zero)
		switch {
		case a.numeric != b.numeric && a.numeric:
			return 1
		case a.numeric != b.numeric:
			return -1
		}
		if n := a.compare(b); n != 0 {
			return n
		}
	}
	return 0
}
