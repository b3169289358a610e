package pipeline

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// scripts reads lists of commands, nested or not, into the step.
func (p *Pipeline) scripts(s *Step, n *yaml.Node, find func(*Step, *yaml.Node)) {
	if n == nil || n.Tag == "!reference" {
		return // of a script that is read where it stands
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, i := range items(n) {
			p.scripts(s, i, find)
		}
	case yaml.ScalarNode:
		if s.RunLine == 0 {
			s.RunLine = max(n.Line, 1)
			s.Line = s.RunLine
		}
		s.Lines = append(s.Lines, commands(n)...)
		if find != nil {
			find(s, n)
		}
	}
}

// pasted finds what a system pastes into scripts before they run: the first
// group of the pattern is the name, and taint says who chooses it.
func pasted(pattern *regexp.Regexp, taint func(string) string) func(*Step, *yaml.Node) {
	return func(s *Step, n *yaml.Node) {
		lines := countLines(n)
		for _, m := range pattern.FindAllStringSubmatchIndex(n.Value, -1) {
			name, line := n.Value[m[2]:m[3]], lines.lineOf(m[0])
			if t := taint(name); t != taintNone {
				s.Injections = append(s.Injections, Injection{Line: line, Name: name, Taint: t, Where: "script"})
			}
		}
	}
}

// evaluated finds variables that a script has run as code itself, which is the
// only way where a system hands them on in the environment.
func evaluated(outsiders *regexp.Regexp) func(*Step, *yaml.Node) {
	return pasted(evalOf(), func(s string) string {
		if outsiders.MatchString(s) {
			return taintOutsider
		}
		return taintNone
	})
}

var evalOf = lazyregexp.New(`\b(?:eval|(?:ba|z|da)?sh\s+-[a-z]*c)\s[^\n]*?\$\{?([A-Z][A-Z0-9_]+)`)

// jobImage notes an image, which stands as text or under the key.
func (p *Pipeline) jobImage(n *yaml.Node, key, role string) {
	if n == nil {
		return
	}
	if n.Kind == yaml.MappingNode {
		n = get(n, key)
	}
	if s := text(n); s != "" {
		p.Images = append(p.Images, newImage(s, max(n.Line, 1), role))
	}
}

// version says how firmly a version of an extension holds on to code: only a
// whole one does.
func version(s string) string {
	switch {
	case s == "":
		return "none"
	case variables().MatchString(s):
		return "unknown"
	case wholeVersion().MatchString(s):
		return "tag"
	}
	return "branch"
}

var wholeVersion = lazyregexp.New(`^v?[0-9]+\.[0-9]+\.[0-9]+`)

func (p *Pipeline) add(j Job, steps ...Step) {
	for _, s := range steps {
		if len(s.Lines) > 0 || s.Uses != "" {
			j.Steps = append(j.Steps, s)
		}
	}
	p.Jobs = append(p.Jobs, j)
}

func isURL(s string) bool {
	s = strings.ToLower(s)
	return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")
}
