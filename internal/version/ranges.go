package version

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Range is a set of versions.
type Range struct {
	// Any is true if each version is in it.
	Any     bool
	clauses []clause
}

// clause holds for a version if all of it holds.
type clause []comparison

type comparison struct {
	operator string
	version  Version
	// text is the version as written; empty if it was made of a pattern.
	text string
	// end is set for a pattern that is denied: what lies from version to end.
	end Version
}

// Contains reports whether v is in the range.
func (r *Range) Contains(v Version) bool {
	return r.Any || slices.ContainsFunc(r.clauses, func(c clause) bool { return c.holds(v) })
}

func (c clause) holds(v Version) bool {
	for i := range c {
		if !c[i].holds(v) {
			return false
		}
	}
	return true
}

func (c *comparison) holds(v Version) bool {
	n := v.Compare(c.version)
	switch c.operator {
	case "<":
		return n < 0
	case "<=":
		return n <= 0
	case ">":
		return n > 0
	case ">=":
		return n >= 0
	case "!=":
		if c.end != nil {
			return n < 0 || v.Compare(c.end) >= 0
		}
		return n != 0
	}
	return n == 0
}

// UpperBounds are the versions X of all "<X" of the clauses that v is in.
func (r *Range) UpperBounds(v Version) []string {
	var bounds []string
	for _, c := range r.clauses {
		if !c.holds(v) {
			continue
		}
		for _, one := range c {
			if one.operator == "<" && one.text != "" {
				bounds = append(bounds, one.text)
			}
		}
	}
	return bounds
}

// Ends are the versions X of all "<X".
func (r *Range) Ends() []string {
	var ends []string
	for _, c := range r.clauses {
		for _, one := range c {
			if one.operator == "<" && one.text != "" {
				ends = append(ends, one.text)
			}
		}
	}
	return ends
}

// ParseRange reads the ranges of an advisory, each a list of comparisons that
// must all hold; a version is in the result if it is in one of them. Within a
// string, "||" separates ranges too. An empty range holds each version, as in
// trivy's compare.IsVulnerable.
//
// Versions are compared one by one, which is what advisories mean. Package
// managers hide pre-releases: for pip, 3.2rc1 is not "<3.2", and yet it has the
// bug that 3.2 fixed.
func (s Scheme) ParseRange(ranges []string) (*Range, error) {
	r := &Range{}
	for _, text := range ranges {
		if err := s.add(r, text, "="); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// ParseRequirement reads what a project asks for, in the language of the
// package manager.
func (s Scheme) ParseRequirement(text string) (*Range, error) {
	bare := s.bare
	if bare == "" {
		bare = "="
	}
	r := &Range{}
	if s.Name == "composer" {
		text, _, _ = strings.Cut(text, "@")
	}
	return r, s.add(r, text, bare)
}

var (
	separator = regexp.MustCompile(`\s*\|\|?\s*|\s+or\s+`)
	and       = regexp.MustCompile(`\s+and\s+`)
	hyphen    = regexp.MustCompile(`^\s*([^\s,<>=~^|]+)\s+-\s+([^\s,<>=~^|]+)\s*$`)
	intervals = regexp.MustCompile(`^\s*([\[(\]])\s*([^,\[\]()\s]*)\s*(?:(,)\s*([^,\[\]()\s]*)\s*)?([\])\[])\s*,?`)
	operation = regexp.MustCompile(`^[\s,]*(<=|=<|>=|=>|===|==|!=|~=|~>|=|<|>|\^|~|!|)\s*([^\s,<>=!|~^()\[\]]+)`)
	// systemOperation is for versions that have "~" and "^" in them.
	systemOperation = regexp.MustCompile(`^[\s,]*(<=|>=|=|<|>|)\s*([^\s,<>=!|()\[\]]+)`)
)

func (s Scheme) add(r *Range, text, bare string) error {
	for _, one := range separator.Split(text, -1) {
		one = strings.TrimSpace(and.ReplaceAllString(one, ", "))
		if one == "" || one == "*" {
			r.Any = true
			continue
		}
		if one[0] == '[' || one[0] == '(' || one[0] == ']' {
			if err := s.addIntervals(r, one); err != nil {
				return err
			}
			continue
		}
		c, err := s.clause(one, bare)
		if err != nil {
			return fmt.Errorf("version range %.200q: %w", text, err)
		}
		r.clauses = append(r.clauses, c)
	}
	return nil
}

func (s Scheme) clause(text, bare string) (clause, error) {
	if m := hyphen.FindStringSubmatch(text); m != nil {
		text = ">=" + m[1] + ", <=" + m[2]
	}
	pattern := operation
	if s.system {
		pattern = systemOperation
	}
	var c clause
	for rest := text; strings.Trim(rest, " \t\r\n,") != ""; {
		m := pattern.FindStringSubmatch(rest)
		if m == nil {
			return nil, errNoVersion
		}
		operator := m[1]
		switch operator {
		case "":
			operator = bare
		case "=<":
			operator = "<="
		case "=>":
			operator = ">="
		case "==", "===":
			operator = "="
		case "!":
			operator = "!="
		}
		list, err := s.comparisons(operator, m[2])
		if err != nil {
			return nil, err
		}
		c = append(c, list...)
		rest = rest[len(m[0]):]
	}
	return c, nil
}

// comparisons are what one operator with one version means.
func (s Scheme) comparisons(operator, text string) ([]comparison, error) {
	parts, wild := numbersOf(text)
	few := s.partial && len(parts) > 0 && len(parts) < 3 && !strings.ContainsAny(text, "-+")
	switch operator {
	case "=", "!=":
		if wild || few && operator == "=" {
			if len(parts) == 0 {
				return nil, nil // all
			}
			return s.between(operator, strings.Join(parts, "."), true, parts, len(parts)-1)
		}
	case "<=", ">":
		if (wild || few) && len(parts) > 0 {
			// "<=1.2" has all of 1.2 in it.
			list, err := s.between("=", strings.Join(parts, "."), true, parts, len(parts)-1)
			if err != nil {
				return nil, err
			}
			if operator == ">" {
				return []comparison{{operator: ">=", version: list[1].version}}, nil
			}
			return list[1:], nil
		}
	case "^":
		if len(parts) == 0 {
			return nil, orNoVersion(wild)
		}
		return s.between("=", text, wild, parts, s.caret(parts))
	case "~", "~>", "~=":
		if len(parts) == 0 {
			return nil, orNoVersion(wild)
		}
		grows := 1 // the part that goes up
		if s.tilde && operator != "~" || s.tilde && s.Name == "composer" {
			grows = max(0, len(parts)-2)
		}
		return s.between("=", text, wild, parts, min(grows, len(parts)-1))
	}
	if wild {
		text = strings.Join(parts, ".")
	}
	v, err := s.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%.200q: %w", text, err)
	}
	return []comparison{{operator: operator, version: v, text: text}}, nil
}

func orNoVersion(ok bool) error {
	if ok {
		return nil
	}
	return errNoVersion
}

// caret is the part that may not change with "^": the first that is not zero.
func (s Scheme) caret(parts []string) int {
	for i, p := range parts {
		if number(p) != "" || s.zero && i == 1 {
			return i
		}
	}
	return len(parts) - 1
}

// between is from a version to before the one whose part i is one more.
func (s Scheme) between(operator, from string, whole bool, parts []string, i int) ([]comparison, error) {
	up := slices.Clone(parts[:i+1])
	n, err := strconv.ParseUint(up[i], 10, 63)
	if err != nil {
		return nil, errNoVersion
	}
	up[i] = strconv.FormatUint(n+1, 10)
	for (s.Name != "rubygems" && s.Name != "pep440") && len(up) < 3 {
		up = append(up, "0")
	}
	if whole {
		low := slices.Clone(parts)
		for s.Name != "rubygems" && s.Name != "pep440" && len(low) < 3 {
			low = append(low, "0")
		}
		from = strings.Join(low, ".") + s.before
	}
	low, err := s.Parse(from)
	if err != nil {
		return nil, fmt.Errorf("%.200q: %w", from, err)
	}
	high, err := s.Parse(strings.Join(up, ".") + s.before)
	if err != nil {
		return nil, err
	}
	if operator == "!=" {
		return []comparison{{operator: "!=", version: low, end: high}}, nil
	}
	return []comparison{{operator: ">=", version: low}, {operator: "<", version: high}}, nil
}

// numbersOf are the numbers that a version starts with, and whether what
// follows them is a wildcard.
func numbersOf(text string) (parts []string, wild bool) {
	text = strings.TrimLeft(text, "vV")
	if strings.Contains(text, "!") {
		return nil, false // an epoch
	}
	for part := range strings.SplitSeq(text, ".") {
		switch {
		case part == "x" || part == "X" || part == "*":
			return parts, true
		case isNumber(part):
			parts = append(parts, part)
			continue
		}
		if n := digits(part); n > 0 {
			parts = append(parts, part[:n])
		}
		break
	}
	return parts, false
}

// addIntervals reads "[1.0,2.0),[3.0,)"; a version without a comma is that
// version alone.
func (s Scheme) addIntervals(r *Range, text string) error {
	for rest := text; strings.TrimSpace(rest) != ""; {
		m := intervals.FindStringSubmatch(rest)
		if m == nil {
			return fmt.Errorf("version range %.200q: %w", text, errNoVersion)
		}
		rest = rest[len(m[0]):]
		var c clause
		add := func(operator, text string) error {
			if text == "" {
				return nil
			}
			v, err := s.Parse(text)
			if err != nil {
				return fmt.Errorf("version range %.200q: %.200q: %w", rest, text, err)
			}
			c = append(c, comparison{operator: operator, version: v, text: text})
			return nil
		}
		low, high := ">", "<"
		if m[1] == "[" {
			low = ">="
		}
		if m[5] == "]" {
			high = "<="
		}
		if m[3] == "" {
			low, high = "=", ""
			if m[2] == "" {
				return fmt.Errorf("version range %.200q: %w", text, errNoVersion)
			}
		}
		if err := add(low, m[2]); err != nil {
			return err
		}
		if err := add(high, m[4]); err != nil {
			return err
		}
		if len(c) == 0 {
			r.Any = true
			continue
		}
		r.clauses = append(r.clauses, c)
	}
	return nil
}
