package pipeline

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

func isCircle(root *yaml.Node) bool {
	if get(root, "version") == nil || get(root, "on") != nil {
		return false
	}
	if len(entries(get(root, "orbs"))) > 0 {
		return true
	}
	for _, e := range entries(get(root, "jobs")) {
		if get(e.value, "steps") != nil && (get(e.value, "docker") != nil || get(e.value, "machine") != nil || get(e.value, "executor") != nil || get(e.value, "macos") != nil) {
			return true
		}
	}
	return false
}

var circleValue = lazyregexp.New(`<<\s*(pipeline\.[\w.]+)\s*>>`)

func circleTaint(name string) string {
	switch {
	case name == "pipeline.git.branch", name == "pipeline.git.tag", name == "pipeline.git.commit.subject", name == "pipeline.git.commit.body",
		strings.HasPrefix(name, "pipeline.trigger_parameters."), name == "pipeline.event.github.pull_request.title", name == "pipeline.event.github.pull_request.head.ref":
		return taintOutsider
	case strings.HasPrefix(name, "pipeline.parameters."):
		return taintInput
	}
	return taintNone
}

func readCircle(root *yaml.Node) *Pipeline {
	p := newPipeline(CircleCI, KindPipeline, root)
	for _, e := range entries(get(root, "orbs")) {
		s := text(e.value)
		if s == "" {
			if e.value.Kind == yaml.MappingNode {
				inner := readCircle(e.value) // an orb within the file
				p.Jobs, p.Uses, p.Images = append(p.Jobs, inner.Jobs...), append(p.Uses, inner.Uses...), append(p.Images, inner.Images...)
			}
			continue
		}
		name, ref, _ := strings.Cut(s, "@")
		p.Uses = append(p.Uses, Use{Sort: "orb", Text: s, Name: name, Ref: ref, Pin: version(ref), Line: e.line, FirstParty: strings.HasPrefix(name, "circleci/")})
	}
	look := pasted(circleValue(), circleTaint)
	for _, group := range []string{"executors", "commands", "jobs"} {
		for _, e := range entries(get(root, group)) {
			j := newJob(e.key, e.line)
			j.Env = vars(get(e.value, "environment"))
			for i, image := range items(get(e.value, "docker")) {
				role := "job"
				if i > 0 {
					role = "service"
				}
				p.jobImage(image, "image", role)
				if password, ok := find(get(image, "auth"), "password"); ok {
					s := text(password.value)
					j.Credentials = append(j.Credentials, Credential{Line: password.line, Literal: s != "" && !strings.Contains(s, "$") && !strings.Contains(s, "<<")})
				}
			}
			if class, ok := find(e.value, "resource_class"); ok && strings.Contains(text(class.value), "/") && !strings.Contains(text(class.value), "<<") {
				j.SelfHosted, j.RunnerLine = true, class.line
			}
			p.add(j, p.circleSteps(get(e.value, "steps"), look, 0)...)
		}
	}
	return p
}

func (p *Pipeline) circleSteps(n *yaml.Node, look func(*Step, *yaml.Node), depth int) []Step {
	var all []Step
	for _, i := range items(n) {
		if i.Kind != yaml.MappingNode {
			continue // the name of a command
		}
		for _, e := range entries(i) {
			switch e.key {
			case "run":
				s := newStep(e.line)
				command := e.value
				if command.Kind == yaml.MappingNode {
					s.Name, s.Env, s.Shell = text(get(command, "name")), vars(get(command, "environment")), text(get(command, "shell"))
					command = get(command, "command")
				}
				p.scripts(&s, command, look)
				all = append(all, s)
			case "when", "unless":
				if depth < 20 {
					all = append(all, p.circleSteps(get(e.value, "steps"), look, depth+1)...)
				}
			}
		}
	}
	return all
}
