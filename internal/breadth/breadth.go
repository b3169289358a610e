// Package breadth tells patterns that name something from patterns that cover
// nearly everything, however they are written: what a person excludes or
// waives must be something that they looked at.
package breadth

import "strings"

// maxAlternatives bounds the alternatives that the braces of one glob make.
const maxAlternatives = 1_000

// Glob reports whether each alternative of a doublestar glob names something:
// a directory or file by its whole name, or part of a name with two characters
// or more, one of them a letter or digit. "src/**", "**/*.go" and "test_*" do;
// "**", "?*", "*e*", "{*,src}" and "[!x]*" do not.
func Glob(pattern string) bool {
	left := maxAlternatives
	alternatives, ok := expand(pattern, &left)
	if !ok {
		return false
	}
	for _, one := range alternatives {
		if !namesPath(one) {
			return false
		}
	}
	return true
}

// Text reports the same of a pattern in which "*" stands for any characters
// and nothing else is special.
func Text(pattern string) bool {
	if !strings.Contains(pattern, "*") {
		return strings.TrimSpace(pattern) != ""
	}
	for part := range strings.SplitSeq(pattern, "*") {
		if names(part) {
			return true
		}
	}
	return false
}

// expand writes the braces out. Escaped characters stay escaped.
func expand(pattern string, left *int) ([]string, bool) {
	open := indexUnescaped(pattern, '{', 0)
	if open < 0 {
		*left--
		return []string{pattern}, *left >= 0
	}
	depth, start, end := 0, open+1, -1
	var parts []string
	for i := open; i < len(pattern) && end < 0; i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '{':
			depth++
		case ',':
			if depth == 1 {
				parts = append(parts, pattern[start:i])
				start = i + 1
			}
		case '}':
			if depth--; depth == 0 {
				parts = append(parts, pattern[start:i])
				end = i
			}
		}
	}
	if end < 0 {
		return nil, false
	}
	var all []string
	for _, part := range parts {
		some, ok := expand(pattern[:open]+part+pattern[end+1:], left)
		if !ok {
			return nil, false
		}
		all = append(all, some...)
	}
	return all, true
}

func indexUnescaped(s string, c byte, from int) int {
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case c:
			return i
		}
	}
	return -1
}

func namesPath(pattern string) bool {
	for segment := range strings.SplitSeq(pattern, "/") {
		if namesSegment(segment) {
			return true
		}
	}
	return false
}

// namesSegment looks for a run of literal characters. A class of characters is
// a wildcard: it may be negated, or hold nearly all of them.
func namesSegment(segment string) bool {
	literal, wild := strings.Builder{}, false
	found := false
	for i := 0; i < len(segment); i++ {
		switch c := segment[i]; c {
		case '*', '?', '[':
			wild = true
			found = found || names(literal.String())
			literal.Reset()
			if c == '[' {
				// A "]" that comes first belongs to the class.
				if end := indexUnescaped(segment, ']', min(i+2, len(segment))); end > 0 {
					i = end
				}
			}
		case '\\':
			if i++; i < len(segment) {
				literal.WriteByte(segment[i])
			}
		default:
			literal.WriteByte(c)
		}
	}
	if !wild {
		s := literal.String()
		return s != "" && s != "." && s != ".."
	}
	return found || names(literal.String())
}

func names(s string) bool {
	return len(s) >= 2 && strings.ContainsFunc(s, func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
	})
}
