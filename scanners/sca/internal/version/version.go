package version

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	gemversion "github.com/aquasecurity/go-gem-version"
	npmversion "github.com/aquasecurity/go-npm-version/pkg"
	pep440 "github.com/aquasecurity/go-pep440-version"
	genericversion "github.com/aquasecurity/go-version/pkg/version"
	mvnversion "github.com/masahiro331/go-mvn-version"
)

// Version is a version that was understood.
type Version interface {
	// Compare is negative if v is older than o, which is of the same scheme.
	Compare(o Version) int
}

// Scheme is a way of writing versions and ranges.
type Scheme struct {
	// name tells the schemes apart.
	name  string
	Parse func(string) (Version, error)
	// library compiles what is more than a list of comparisons: wildcards,
	// tildes, carets and intervals.
	library func(constraint string) (func(Version) bool, error)
}

// Comparing one by one is what advisories mean. The specifiers of the
// libraries are those of package managers, which hide pre-releases: for pip,
// 3.2rc1 is not "<3.2", and yet it has the bug that 3.2 fixed.
var (
	Generic = Scheme{"generic", parseGeneric, genericLibrary}
	NPM     = Scheme{"npm", parseNpm, npmLibrary}
	Python  = Scheme{"pep440", parsePython, pythonLibrary}
	Ruby    = Scheme{"rubygems", parseRuby, rubyLibrary}
	Maven   = Scheme{"maven", parseMaven, mavenLibrary}
)

// Range is a set of versions.
type Range struct {
	// Any is true if each version is in it.
	Any     bool
	clauses []clause
}

// clause holds for a version if all of it holds.
type clause struct {
	comparisons []comparison
	// library is set instead if the clause is more than comparisons.
	library func(Version) bool
}

type comparison struct {
	operator string
	version  Version
	text     string
}

// Contains reports whether v is in the range.
func (r *Range) Contains(v Version) bool {
	return r.Any || slices.ContainsFunc(r.clauses, func(c clause) bool { return c.holds(v) })
}

func (c *clause) holds(v Version) bool {
	if c.library != nil {
		return c.library(v)
	}
	for _, one := range c.comparisons {
		if !one.holds(v) {
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
		return n != 0
	}
	return n == 0
}

// UpperBounds are the versions X of all "<X" of the clauses that v is in.
func (r *Range) UpperBounds(v Version) []string {
	var bounds []string
	for _, c := range r.clauses {
		if c.library != nil || !c.holds(v) {
			continue
		}
		for _, one := range c.comparisons {
			if one.operator == "<" {
				bounds = append(bounds, one.text)
			}
		}
	}
	return bounds
}

var comparisonText = regexp.MustCompile(`^\s*,?\s*(<=|=<|>=|=>|==|!=|=|<|>|)\s*([^\s,<>=!|~^*()\[\]]+)`)

// ParseRange reads ranges, each a list of comparisons that must all hold; a
// version is in the result if it is in one of them. Within a string, "||"
// separates ranges too. An empty range holds each version, as in trivy's
// compare.IsVulnerable.
func (s Scheme) ParseRange(ranges []string) (*Range, error) {
	r := &Range{}
	for _, text := range ranges {
		for one := range strings.SplitSeq(text, "||") {
			if strings.TrimSpace(one) == "" || strings.TrimSpace(one) == "*" {
				r.Any = true
				continue
			}
			c, err := s.parseClause(one)
			if err != nil {
				return nil, err
			}
			r.clauses = append(r.clauses, c)
		}
	}
	return r, nil
}

func (s Scheme) parseClause(text string) (clause, error) {
	var c clause
	for rest := text; strings.Trim(rest, " \t,") != ""; {
		m := comparisonText.FindStringSubmatch(rest)
		if m == nil {
			return s.libraryClause(text)
		}
		v, err := s.Parse(m[2])
		if err != nil || (m[1] == "" || m[1] == "=" || m[1] == "==") && partial(s, m[2]) {
			return s.libraryClause(text)
		}
		operator := m[1]
		switch operator {
		case "=<":
			operator = "<="
		case "=>":
			operator = ">="
		}
		c.comparisons = append(c.comparisons, comparison{operator, v, m[2]})
		rest = rest[len(m[0]):]
	}
	return c, nil
}

// partial is true for an npm version such as "1" or "1.x", which as a range is
// all versions that start so; see https://docs.npmjs.com/cli/v11/using-npm/semver.
func partial(s Scheme, text string) bool {
	return s.name == "npm" && strings.Count(text, ".") < 2 || strings.ContainsAny(text, "xX*") && s.name == "npm"
}

func (s Scheme) libraryClause(text string) (clause, error) {
	f, err := s.library(text)
	if err != nil {
		return clause{}, fmt.Errorf("version range %q: %w", text, err)
	}
	return clause{library: f}, nil
}

type generic struct{ v genericversion.Version }

func (a generic) Compare(b Version) int { return a.v.Compare(b.(generic).v) }

func parseGeneric(s string) (Version, error) {
	v, err := genericversion.Parse(strings.TrimSpace(s))
	return generic{v}, err
}

func genericLibrary(s string) (func(Version) bool, error) {
	c, err := genericversion.NewConstraints(s)
	return func(v Version) bool { return c.Check(v.(generic).v) }, err
}

type npmVersion struct{ v npmversion.Version }

func (a npmVersion) Compare(b Version) int { return a.v.Compare(b.(npmVersion).v) }

// npmRelease tells a version from a pattern such as "1.x", which the library
// takes as a version that equals many.
var npmRelease = regexp.MustCompile(`^\s*[v=]*\d+(\.\d+(\.\d+)?)?([-+].*)?$`)

func parseNpm(s string) (Version, error) {
	if !npmRelease.MatchString(s) {
		return nil, errors.New("it is no semantic version")
	}
	s = strings.TrimLeft(strings.TrimSpace(s), "v=")
	core, tail := s, ""
	if i := strings.IndexAny(s, "-+"); i >= 0 {
		core, tail = s[:i], s[i:]
	}
	for strings.Count(core, ".") < 2 {
		core += ".0" // otherwise the library takes what is missing as a wildcard
	}
	v, err := npmversion.NewVersion(core + tail)
	return npmVersion{v}, err
}

func npmLibrary(s string) (func(Version) bool, error) {
	c, err := npmversion.NewConstraints(s, npmversion.WithPreRelease(true))
	return func(v Version) bool { return c.Check(v.(npmVersion).v) }, err
}

type python struct{ v pep440.Version }

func (a python) Compare(b Version) int { return a.v.Compare(b.(python).v) }

// parsePython leaves out the local label: 2.0+cu118 is a build of 2.0, and
// advisories are about releases.
func parsePython(s string) (Version, error) {
	v, err := pep440.Parse(s)
	if err == nil && v.Local() != "" {
		v, err = pep440.Parse(v.Public())
	}
	return python{v}, err
}

func pythonLibrary(s string) (func(Version) bool, error) {
	c, err := pep440.NewSpecifiers(s, pep440.WithPreRelease(true))
	return func(v Version) bool { return c.Check(v.(python).v) }, err
}

type ruby struct{ v gemversion.Version }

func (a ruby) Compare(b Version) int { return a.v.Compare(b.(ruby).v) }

func parseRuby(s string) (Version, error) {
	if strings.TrimSpace(s) == "" {
		return nil, errors.New("it is empty")
	}
	v, err := gemversion.NewVersion(s)
	return ruby{v}, err
}

func rubyLibrary(s string) (func(Version) bool, error) {
	c, err := gemversion.NewConstraints(s)
	return func(v Version) bool { return c.Check(v.(ruby).v) }, err
}

type mavenVersion struct{ v mvnversion.Version }

func (a mavenVersion) Compare(b Version) int { return a.v.Compare(b.(mavenVersion).v) }

// mavenRelease is what a version can be: Maven itself would take any text, so
// that "${foo}" would be an old version.
var mavenRelease = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._+~-]*$`)

func parseMaven(s string) (Version, error) {
	s = strings.TrimSpace(s)
	if !mavenRelease.MatchString(s) || !strings.ContainsAny(s, "0123456789") {
		return nil, errors.New("it is no release")
	}
	v, err := mvnversion.NewVersion(s)
	return mavenVersion{v}, err
}

func mavenLibrary(s string) (func(Version) bool, error) {
	c, err := mvnversion.NewComparer(s)
	if err != nil {
		return nil, err
	}
	return func(v Version) bool { return c.Check(v.(mavenVersion).v) }, nil
}
