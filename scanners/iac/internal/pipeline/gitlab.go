package pipeline

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// notJobs are keys at the top of a GitLab pipeline that are no jobs.
var notJobs = map[string]bool{
	"include": true, "variables": true, "stages": true, "default": true, "workflow": true, "image": true, "services": true,
	"cache": true, "before_script": true, "after_script": true, "spec": true, "types": true,
}

func isGitLab(root *yaml.Node) bool {
	found := false
	for _, e := range entries(root) {
		switch e.key {
		case "jobs", "pipelines", "phases", "language", "on", "steps", "trigger", "pool", "Resources", "apiVersion", "tasks":
			return false
		}
		if notJobs[e.key] || e.value.Kind != yaml.MappingNode {
			continue
		}
		if script := get(e.value, "script"); script != nil && script.Kind != yaml.MappingNode {
			found = true
		}
	}
	return found
}

var (
	gitlabInput     = lazyregexp.New(`\$\[\[\s*(inputs\.[\w-]+)[^\]]*\]\]`)
	gitlabOutsiders = lazyregexp.New(`^CI_(COMMIT_(MESSAGE|TITLE|DESCRIPTION|AUTHOR|REF_NAME|BRANCH|TAG_MESSAGE)|MERGE_REQUEST_(TITLE|DESCRIPTION|LABELS|SOURCE_BRANCH_NAME)|EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME)$`)
)

func readGitLab(root *yaml.Node) *Pipeline {
	p := newPipeline(GitLab, KindPipeline, root)
	inputs := pasted(gitlabInput(), func(string) string { return taintInput })
	evals := evaluated(gitlabOutsiders())
	look := func(s *Step, n *yaml.Node) { inputs(s, n); evals(s, n) }
	job := func(name string, line int, n *yaml.Node) {
		j := newJob(name, line)
		j.Env = gitlabVars(get(n, "variables"))
		j.Environment = p.gitlabEnvironment(root, n, 0)
		p.jobImage(get(n, "image"), "name", "job")
		for _, s := range items(get(n, "services")) {
			p.jobImage(s, "name", "service")
			if name := text(s) + text(get(s, "name")); strings.Contains(name, "docker:") && strings.Contains(name, "dind") {
				p.Privileged = append(p.Privileged, Oddity{Line: max(s.Line, 1), What: "a Docker daemon as a service needs a privileged runner"})
			}
		}
		if trigger := get(n, "trigger"); trigger != nil {
			p.includes(get(trigger, "include"))
		}
		s := newStep(line)
		for _, key := range []string{"before_script", "script", "after_script"} {
			p.scripts(&s, get(n, key), look)
		}
		p.add(j, s)
	}
	p.Env = gitlabVars(get(root, "variables"))
	p.includes(get(root, "include"))
	job("default", p.Line, root)
	if e, ok := find(root, "default"); ok {
		job("default", e.line, e.value)
	}
	for _, e := range entries(root) {
		if notJobs[e.key] {
			continue
		}
		if e.value.Kind == yaml.MappingNode {
			job(e.key, e.line, e.value)
		} else if !strings.HasPrefix(e.key, ".") {
			p.gap(e.value, "the job %q is no mapping, so it was not judged", e.key)
		}
	}
	return p
}

// gitlabEnvironment is that of a job or of what it extends. If that stands in
// another file, it is "unknown".
func (p *Pipeline) gitlabEnvironment(root, job *yaml.Node, depth int) string {
	e := get(job, "environment")
	if name := text(e) + text(get(e, "name")); name != "" {
		return name
	}
	for _, base := range texts(get(job, "extends")) {
		n := get(root, base)
		if n == nil || depth > maxExtends {
			return "unknown"
		}
		if name := p.gitlabEnvironment(root, n, depth+1); name != "" {
			return name
		}
	}
	return ""
}

// maxExtends is how many levels GitLab follows:
// https://docs.gitlab.com/ci/yaml/#extends
const maxExtends = 11

func gitlabVars(n *yaml.Node) []Var {
	all := vars(n)
	for i, e := range entries(n) {
		if e.value.Kind == yaml.MappingNode {
			all[i].Value = text(get(e.value, "value"))
		}
	}
	return all
}

func (p *Pipeline) includes(n *yaml.Node) {
	for _, i := range items(n) {
		u := Use{Sort: "include", Line: max(i.Line, 1)}
		switch {
		case i.Kind == yaml.ScalarNode:
			if !isURL(i.Value) {
				p.Parts = append(p.Parts, Part{Line: u.Line, Path: i.Value})
				continue
			}
			u.Text, u.Pin = i.Value, remotePin(i.Value)
		case text(get(i, "local")) != "":
			p.Parts = append(p.Parts, Part{Line: u.Line, Path: text(get(i, "local"))})
			continue
		case text(get(i, "remote")) != "":
			u.Text = text(get(i, "remote"))
			if u.Pin = remotePin(u.Text); get(i, "integrity") != nil {
				u.Pin = "hash"
			}
		case text(get(i, "project")) != "":
			u.Text, u.Ref = text(get(i, "project")), text(get(i, "ref"))
			u.Pin = pinOf(u.Ref)
		case text(get(i, "component")) != "":
			u.Text = text(get(i, "component"))
			_, u.Ref, _ = strings.Cut(u.Text, "@")
			u.Pin = pinOf(u.Ref)
		default:
			continue
		}
		u.Name = u.Text
		p.Uses = append(p.Uses, u)
	}
}

var hashInURL = lazyregexp.New(`/[0-9a-f]{40}/`)

// remotePin says whether an address names a commit.
func remotePin(url string) string {
	switch {
	case hashInURL().MatchString(url):
		return "hash"
	case variables().MatchString(url):
		return "unknown"
	}
	return "none"
}
