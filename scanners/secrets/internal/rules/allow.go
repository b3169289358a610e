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
	All         bool
	Commits     []string // lower case
	Paths       []*lazy.Regexp
	Regexes     []*lazy.Regexp
	Target      Target
	StopWords   []string // lower case

	words func() (*automaton.Automaton, error)
}

func newAllow(g *gitleaks.Allowlist) *Allow {
	a := &Allow{Description: title(g.Description), All: g.All()}
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

// Covers reports whether the list says that the text is no secret, and by what:
// a clause.
func (a *Allow) Covers(t *Text) (string, bool, error) {
	type sort struct {
		name  string
		given bool
		holds func() (bool, error)
	}
	for _, c := range []sort{
		{"its commit", len(a.Commits) > 0, func() (bool, error) {
			return t.Commit != "" && slices.Contains(a.Commits, strings.ToLower(t.Commit)), nil
		}},
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
