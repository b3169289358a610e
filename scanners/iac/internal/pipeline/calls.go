package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Call is a use of a workflow or action of the same repository.
type Call struct {
	Line int
	// Target is what the file says, such as "./.github/actions/build".
	Target string
	// Outsiders are the inputs, in lower case, whose text people without
	// rights choose, with the context that it comes from.
	Outsiders map[string]string
	// Passed are the inputs that hand on an input of this file, with its name.
	Passed map[string]string
}

// call notes what a call hands to the inputs of its target.
func (g *github) call(target string, line int, with []entry, env *scope) {
	if !strings.HasPrefix(target, "./") && target != "." {
		return
	}
	c := Call{Line: line, Target: target, Outsiders: map[string]string{}, Passed: map[string]string{}}
	for _, e := range with {
		name := strings.ToLower(e.key)
		for _, i := range g.injections(e.value, name, env) {
			if i.Taint == taintOutsider {
				c.Outsiders[name] = i.Name
			} else if input, ok := strings.CutPrefix(i.Name, "inputs."); ok {
				c.Passed[name] = input
			}
		}
	}
	g.Calls = append(g.Calls, c)
}

// Called is a file as its callers in the same repository start it.
type Called struct {
	Path string
	// Pipeline has the triggers of the callers, and inputs with text of
	// outsiders as such.
	Pipeline *Pipeline
	// Callers are the paths of the files that use it.
	Callers []string
}

// FollowCalls follows calls between the files of one repository, which are
// given by their paths in it. Whatever calls what is not there is a gap of the
// caller, by path.
func FollowCalls(files map[string]*Pipeline) (all []Called, gaps map[string][]Gap) {
	gaps = map[string][]Gap{}
	states := map[string]*callState{}
	type edge struct {
		from, to string
		call     Call
	}
	var edges []edge
	for _, from := range slices.Sorted(maps.Keys(files)) {
		missing := map[string]bool{}
		for _, c := range files[from].Calls {
			to, ok := callTarget(files, c.Target)
			if !ok {
				if !missing[c.Target] {
					missing[c.Target] = true
					gaps[from] = append(gaps[from], Gap{Line: c.Line, Reason: fmt.Sprintf("%q is used, but there is nothing at that path that could be read, so what it does was not judged", c.Target)})
				}
				continue
			}
			edges = append(edges, edge{from, to, c})
			if states[to] == nil {
				states[to] = &callState{tainted: map[string]string{}, triggers: map[string]Trigger{}, callers: map[string]bool{}}
			}
		}
	}
	for range maxCallDepth {
		changed := false
		for _, e := range edges {
			if states[e.to].take(e.from, files[e.from], states[e.from], e.call) {
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		all = append(all, Called{Path: name, Pipeline: states[name].apply(files[name]), Callers: slices.Sorted(maps.Keys(states[name].callers))})
	}
	return all, gaps
}

// maxCallDepth is how many calls are followed one after the other. GitHub
// refuses to run more than ten:
// https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations
const maxCallDepth = 12

// callState is what is known about how a file is started.
type callState struct {
	tainted  map[string]string // by input: where its text comes from
	triggers map[string]Trigger
	callers  map[string]bool
}

// take adds what a call brings, and reports whether that is news.
func (s *callState) take(from string, caller *Pipeline, of *callState, c Call) bool {
	before := len(s.tainted) + len(s.triggers) + len(s.callers)
	s.callers[from] = true
	for _, t := range caller.Triggers {
		s.triggers[t.Name] = t
	}
	for input, source := range c.Outsiders {
		if s.tainted[input] == "" {
			s.tainted[input] = fmt.Sprintf("%s (by way of inputs.%s, from %s)", source, input, from)
		}
	}
	if of != nil {
		maps.Copy(s.triggers, of.triggers)
		for input, outer := range c.Passed {
			if source := of.tainted[outer]; source != "" && s.tainted[input] == "" {
				s.tainted[input] = fmt.Sprintf("%s, then inputs.%s, from %s)", strings.TrimSuffix(source, ")"), input, from)
			}
		}
	}
	return len(s.tainted)+len(s.triggers)+len(s.callers) != before
}

// apply is a copy of the file with what is known. Lines of triggers stand in
// other files, so they are those of the file itself.
func (s *callState) apply(p *Pipeline) *Pipeline {
	c := *p
	c.Triggers = slices.Clone(p.Triggers)
	for _, name := range slices.Sorted(maps.Keys(s.triggers)) {
		if name != "workflow_call" {
			t := s.triggers[name]
			t.Line, t.Inherited = p.Line, true
			c.Triggers = append(c.Triggers, t)
		}
	}
	c.Jobs = slices.Clone(p.Jobs)
	for i := range c.Jobs {
		c.Jobs[i].Steps = slices.Clone(c.Jobs[i].Steps)
		for k := range c.Jobs[i].Steps {
			step := &c.Jobs[i].Steps[k]
			step.Injections = slices.Clone(step.Injections)
			for n := range step.Injections {
				in := &step.Injections[n]
				if source := s.tainted[strings.TrimPrefix(in.Name, "inputs.")]; source != "" && strings.HasPrefix(in.Name, "inputs.") {
					in.Taint, in.Name = taintOutsider, source
				}
			}
		}
	}
	return &c
}

// callTarget is the file that a call is about.
func callTarget(files map[string]*Pipeline, target string) (string, bool) {
	name := path.Clean(strings.TrimPrefix(target, "./"))
	for _, candidate := range []string{name, path.Join(name, "action.yml"), path.Join(name, "action.yaml")} {
		if files[candidate] != nil {
			return candidate, true
		}
	}
	return "", false
}

// RepositoryOf is the directory of the repository that a file of GitHub's
// pipelines is in, "." for the root; ok is false for any other file.
func RepositoryOf(name string) (dir string, ok bool) {
	dir, ok = strings.CutSuffix(path.Dir("/"+name), "/.github/workflows")
	if !ok || system(name) != GitHub {
		return "", false
	}
	return cmp.Or(strings.TrimPrefix(dir, "/"), "."), true
}

// IsActionFile reports whether a file has the name of an action of GitHub.
func IsActionFile(name string) bool {
	base := path.Base(name)
	return base == "action.yml" || base == "action.yaml"
}

// IncludesParts reports whether a file is by its path the start of a pipeline
// that can include other files of its repository.
func IncludesParts(name string) bool {
	base := strings.ToLower(path.Base(name))
	return base == ".gitlab-ci.yml" || strings.HasPrefix(base, "azure-pipeline") && system(name) == Azure
}

// Names reports whether a file is the part, or one of those that its glob is
// about, of a pipeline whose file is from.
func (p Part) Names(from, file string) bool {
	want := strings.TrimPrefix(path.Clean(p.Path), "/")
	if want == strings.TrimPrefix(file, strings.TrimPrefix(path.Dir(from)+"/", "./")) {
		return true
	}
	if !strings.ContainsAny(want, "*") {
		return false
	}
	ok, err := doublestar.Match(path.Join(path.Dir(from), want), file)
	return err == nil && ok && file != from
}
