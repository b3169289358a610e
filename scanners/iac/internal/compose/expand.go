package compose

import (
	"strconv"
	"strings"
)

// maxVariables bounds the variables of one text, as defaults nest. Real ones
// have fewer than ten.
const maxVariables = 100

// expand puts in the defaults of the variables of a text, as if nothing set
// them: "${NAME:-default}", and "$$" for a dollar. missing is the first
// variable that has none; it is left out.
// https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
func expand(s string) (text, missing string) {
	if strings.Count(s, "${") > maxVariables {
		return "", "a variable among more than the limit of " + strconv.Itoa(maxVariables)
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexByte(s, '$')
		if i < 0 || i+1 == len(s) {
			b.WriteString(s)
			break
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		switch {
		case s[0] == '$':
			b.WriteByte('$')
			s = s[1:]
		case s[0] == '{':
			end := closing(s)
			value, miss := braced(strings.TrimSuffix(s[1:end], "}"))
			b.WriteString(value)
			if missing == "" {
				missing = miss
			}
			s = s[end:]
		default:
			n := nameLength(s)
			if n == 0 {
				b.WriteByte('$')
				continue
			}
			if missing == "" {
				missing = s[:n]
			}
			s = s[n:]
		}
	}
	return b.String(), missing
}

// closing is the length of the text up to the brace that closes the first.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

func braced(s string) (value, missing string) {
	n := nameLength(s)
	name, rest := s[:n], s[n:]
	switch {
	case strings.HasPrefix(rest, ":-"):
		return expand(rest[2:])
	case strings.HasPrefix(rest, "-"):
		return expand(rest[1:])
	case strings.HasPrefix(rest, "+"), strings.HasPrefix(rest, ":+"):
		return "", ""
	}
	if name == "" {
		name = s
	}
	return "", name
}

func nameLength(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return n
}
