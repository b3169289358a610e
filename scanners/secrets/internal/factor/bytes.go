package factor

import (
	"math"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bytes returns every byte that a match of expr can contain, in the syntax of
// package regexp; all if expr is not valid.
func Bytes(expr string) ByteSet {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return ByteSet{math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64}
	}
	return bytesOf(re)
}

// bytesOf returns every byte that a match of re can contain.
func bytesOf(re *syntax.Regexp) ByteSet {
	var s ByteSet
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			s.addRange(r, r)
			if re.Flags&syntax.FoldCase != 0 {
				s.addRange(lower(r), lower(r))
				s.addRange(upper(r), upper(r))
				if c := lower(r); c == 'k' || c == 's' || r >= utf8.RuneSelf {
					s.addRange(utf8.RuneSelf, utf8.MaxRune)
				}
			}
		}
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			s.addRange(re.Rune[i], re.Rune[i+1])
		}
	case syntax.OpAnyCharNotNL:
		s.addRange(0, '\n'-1)
		s.addRange('\n'+1, utf8.MaxRune)
	case syntax.OpAnyChar:
		s.addRange(0, utf8.MaxRune)
	}
	for _, sub := range re.Sub {
		s = s.union(bytesOf(sub))
	}
	return s
}

// folds reports whether a letter of a literal of re also stands for U+017F or
// U+212A.
func folds(re *syntax.Regexp) bool {
	if re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase != 0 {
		for _, r := range re.Rune {
			if c := lower(r); c == 'k' || c == 's' || r >= utf8.RuneSelf {
				return true
			}
		}
	}
	return slices.ContainsFunc(re.Sub, folds)
}

func cross(a, b []string) []string {
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return dedupe(out)
}

func lowerAll(s []string) []string {
	if s == nil {
		return nil
	}
	out := make([]string, len(s))
	for i := range s {
		out[i] = strings.Map(lower, s[i])
	}
	return dedupe(out)
}

// dedupe sorts and keeps nil as nil.
func dedupe(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

func lower(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func upper(r rune) rune {
	if 'a' <= r && r <= 'z' {
		return r - ('a' - 'A')
	}
	return r
}
