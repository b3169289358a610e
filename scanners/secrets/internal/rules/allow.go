package rules

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/automaton"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/gitleaks"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
)

// Target is what the expressions of an allow list look at.
type Target int

// The targets.
const (
	TargetSecret Target = iota
	TargetMatch
	TargetLine
)

// Allow is a list of what is no secret. One criterion is enough, unless All is
// set: then one of each sort that the list has must hold.
type Allow struct {
	Description string
	// Name is that of the file that the list stands in.
	Name      string
	All       bool
	Commits   []string // lower case
	Paths     []*lazy.Regexp
	Regexes   []*lazy.Regexp
	Target    Target
	StopWords []string // lower case

	words func() (*automaton.Automaton, error)
}

func newAllow(name string, g *gitleaks.Allowlist) *Allow {
	a := &Allow{Description: title(g.Description), Name: name, All: g.All()}
	for _, c := range g.Commits {
		a.Commits = append(a.Commits, strings.ToLower(strings.TrimSpace(c)))
	}
	for _, p := range g.Paths {
		a.Paths = append(a.Paths, lazy.New(p))
	}
	for _, r := range g.Regexes {
		a.Regexes = append(a.Regexes, lazy.New(r))
	}
	for _, w := range g.StopWords {
		a.StopWords = append(a.StopWords, strings.ToLower(w))
	}
	switch g.RegexTarget {
	case "match":
		a.Target = TargetMatch
	case "line":
		a.Target = TargetLine
	}
	a.words = sync.OnceValues(func() (*automaton.Automaton, error) { return automaton.Compile(a.StopWords) })
	return a
}

func (a *Allow) compile() error {
	for _, e := range slices.Concat(a.Paths, a.Regexes) {
		if _, err := e.Compiled(); err != nil {
			return err
		}
	}
	return nil
}

func (a *Allow) describe() string {
	return fmt.Sprintf("%t %d %q %q %q %q", a.All, a.Target, a.Commits, a.Paths, a.Regexes, a.StopWords)
}

// Covers reports whether the list says that the text is no secret, whatever the
// commit that it came with, and by what: a clause.
func (a *Allow) Covers(t *Text) (string, bool, error) {
	if a.All && len(a.Commits) > 0 {
		return "", false, nil // see CommitsOf
	}
	return a.covers(t)
}

// CommitsOf are the commits for which alone the list says that the text is no
// secret.
func (a *Allow) CommitsOf(t *Text) ([]string, error) {
	if len(a.Commits) == 0 {
		return nil, nil
	}
	if a.All && len(a.Paths)+len(a.Regexes)+len(a.StopWords) > 0 {
		if _, yes, err := a.covers(t); err != nil || !yes {
			return nil, err
		}
	}
	return a.Commits, nil
}

// covers is about all but the commit.
func (a *Allow) covers(t *Text) (string, bool, error) {
	for _, c := range []struct {
		name  string
		given bool
		holds func() (bool, error)
	}{
		{"its path", len(a.Paths) > 0, func() (bool, error) { return anyMatch(a.Paths, []byte(t.Path)) }},
		{"an expression", len(a.Regexes) > 0, func() (bool, error) {
			return anyMatch(a.Regexes, t.target(a.Target))
		}},
		{"a stop word", len(a.StopWords) > 0, func() (bool, error) { return a.stops(t.secret()) }},
	} {
		if !c.given {
			continue
		}
		yes, err := c.holds()
		if err != nil {
			return "", false, err
		}
		if yes != a.All {
			return c.name, yes, nil
		}
	}
	return "all that an allow list asks for", a.All, nil
}

func anyMatch(list []*lazy.Regexp, text []byte) (bool, error) {
	for _, e := range list {
		re, err := e.Compiled()
		if err != nil {
			return false, err
		}
		if re.Match(text) {
			return true, nil
		}
	}
	return false, nil
}

func (a *Allow) stops(secret []byte) (bool, error) {
	words, err := a.words()
	if err != nil {
		return false, err
	}
	hit := false
	words.Scan(0, secret, func(int, int) { hit = true })
	return hit, nil
}

// AllowsPath reports whether an allow list takes a path that a rule matches by
// its path alone.
func (r *Rule) AllowsPath(path string) (bool, error) {
	for _, a := range r.Allow {
		if len(a.Paths) == 0 || a.All && len(a.Commits)+len(a.Regexes)+len(a.StopWords) > 0 {
			continue
		}
		if yes, err := anyMatch(a.Paths, []byte(path)); yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}

// AllowedIn says for which commits an allow list takes a match that is not
// refused, in lower-case hex, and which one.
func (r *Rule) AllowedIn(t *Text) (map[string]*Allow, error) {
	var by map[string]*Allow
	for _, a := range r.Allow {
		commits, err := a.CommitsOf(t)
		if err != nil {
			return nil, err
		}
		for _, c := range commits {
			if by == nil {
				by = map[string]*Allow{}
			}
			by[c] = a
		}
	}
	return by, nil
}
