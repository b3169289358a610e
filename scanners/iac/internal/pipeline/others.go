package pipeline

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// Bitbucket.

func isBitbucket(root *yaml.Node) bool {
	p := get(root, "pipelines")
	return p != nil && p.Kind == yaml.MappingNode && (get(p, "default") != nil || get(p, "branches") != nil || get(p, "pull-requests") != nil || get(p, "custom") != nil || get(p, "tags") != nil)
}

var bitbucketOutsiders = lazyregexp.New(`^BITBUCKET_(BRANCH|TAG|PR_DESTINATION_BRANCH|BOOKMARK)$`)

func readBitbucket(root *yaml.Node) *Pipeline {
	p := newPipeline(Bitbucket, KindPipeline, root)
	p.jobImage(get(root, "image"), "name", "job")
	look := evaluated(bitbucketOutsiders())
	for _, e := range entries(get(get(root, "definitions"), "services")) {
		p.jobImage(get(e.value, "image"), "name", "service")
	}
	var walk func(n *yaml.Node, depth int)
	walk = func(n *yaml.Node, depth int) {
		if n == nil || depth > 20 {
			return
		}
		for _, i := range items(n) {
			for _, e := range entries(i) {
				if e.key == "step" {
					p.bitbucketStep(e, look)
				} else if e.value.Kind != yaml.ScalarNode {
					walk(e.value, depth+1)
				}
			}
		}
	}
	walk(get(root, "pipelines"), 0)
	return p
}

func (p *Pipeline) bitbucketStep(e entry, look func(*Step, *yaml.Node)) {
	name := text(get(e.value, "name"))
	if name == "" {
		name = "step"
	}
	j := newJob(name, e.line)
	j.Environment = text(get(e.value, "deployment"))
	j.Runner = texts(get(e.value, "runs-on"))
	p.jobImage(get(e.value, "image"), "name", "job")
	s := newStep(e.line)
	for _, key := range []string{"script", "after-script"} {
		for _, i := range items(get(e.value, key)) {
			if i.Kind == yaml.ScalarNode {
				p.scripts(&s, i, look)
			} else if pipe, ok := find(i, "pipe"); ok {
				name, ref, _ := strings.Cut(strings.TrimPrefix(text(pipe.value), "docker://"), ":")
				p.Uses = append(p.Uses, Use{Sort: "pipe", Text: text(pipe.value), Name: name, Ref: ref, Pin: version(ref), Line: pipe.line, FirstParty: strings.HasPrefix(name, "atlassian/")})
			}
		}
	}
	p.add(j, s)
}

// AWS CodeBuild.

func isBuildSpec(root *yaml.Node) bool {
	for _, e := range entries(get(root, "phases")) {
		if get(e.value, "commands") != nil && get(root, "version") != nil {
			return true
		}
	}
	return false
}

var codebuildOutsiders = lazyregexp.New(`^CODEBUILD_(WEBHOOK_(HEAD_REF|TRIGGER|BASE_REF)|SOURCE_VERSION)$`)

func readBuildSpec(root *yaml.Node) *Pipeline {
	p := newPipeline(BuildSpec, KindPipeline, root)
	p.Env = vars(get(get(root, "env"), "variables"))
	look := evaluated(codebuildOutsiders())
	for _, e := range entries(get(root, "phases")) {
		j, s := newJob(e.key, e.line), newStep(e.line)
		p.scripts(&s, get(e.value, "commands"), look)
		p.scripts(&s, get(e.value, "finally"), look)
		p.add(j, s)
	}
	return p
}

// Drone, and Woodpecker, which has its form.

func isDrone(root *yaml.Node) bool {
	if get(root, "on") != nil || get(root, "jobs") != nil {
		return false
	}
	for _, s := range droneSteps(root) {
		if get(s.value, "image") != nil && get(s.value, "commands") != nil {
			return true
		}
	}
	return false
}

// droneSteps are the steps, whether they stand in a list or by name.
func droneSteps(root *yaml.Node) []entry {
	n := get(root, "steps")
	if n == nil {
		n = get(root, "pipeline")
	}
	if n == nil {
		return nil
	}
	if n.Kind == yaml.MappingNode {
		return entries(n)
	}
	var all []entry
	for _, i := range items(n) {
		all = append(all, entry{text(get(i, "name")), max(i.Line, 1), i})
	}
	return all
}

var droneValue = lazyregexp.New(`\$\{((?:DRONE|CI)_[A-Z_]+)[^}]*\}`)

func droneTaint(name string) string {
	for _, s := range []string{"_MESSAGE", "_TITLE", "_BRANCH", "_AUTHOR_NAME", "_AUTHOR_EMAIL", "_COMMIT_REF", "_SOURCE_BRANCH", "_PULL_REQUEST_TITLE"} {
		if strings.HasSuffix(name, s) && !strings.HasSuffix(name, "REPO_BRANCH") && !strings.HasSuffix(name, "REPO_DEFAULT_BRANCH") && !strings.HasSuffix(name, "TARGET_BRANCH") {
			return taintOutsider
		}
	}
	return taintNone
}

func readDrone(root *yaml.Node) *Pipeline {
	p := newPipeline(Drone, KindPipeline, root)
	look := pasted(droneValue(), droneTaint)
	for _, e := range droneSteps(root) {
		j, s := newJob(e.key, e.line), newStep(e.line)
		p.jobImage(get(e.value, "image"), "", "step")
		s.Env = vars(get(e.value, "environment"))
		if e, ok := find(e.value, "privileged"); ok && text(e.value) == "true" {
			p.Privileged = append(p.Privileged, Oddity{Line: e.line, What: "privileged: true"})
		}
		p.scripts(&s, get(e.value, "commands"), look)
		p.add(j, s)
	}
	services := items(get(root, "services"))
	if n := get(root, "services"); n != nil && n.Kind == yaml.MappingNode {
		services = nil
		for _, e := range entries(n) {
			services = append(services, e.value)
		}
	}
	for _, s := range services {
		p.jobImage(get(s, "image"), "", "service")
	}
	return p
}

// Tekton.

func isTekton(root *yaml.Node) bool {
	return strings.HasPrefix(text(get(root, "apiVersion")), "tekton.dev/")
}

var tektonValue = lazyregexp.New(`\$\(((?:params|tasks|steps)[.\[][^)\s]+)\)`)

func readTekton(root *yaml.Node) *Pipeline {
	p := newPipeline(Tekton, KindPipeline, root)
	look := pasted(tektonValue(), func(name string) string {
		if strings.HasPrefix(name, "params") {
			return taintInput
		}
		if strings.Contains(name, "results") {
			return taintComputed
		}
		return taintNone
	})
	name := text(get(get(root, "metadata"), "name"))
	task := func(name string, spec *yaml.Node) {
		if spec == nil {
			return
		}
		j := newJob(name, max(spec.Line, 1))
		var steps []Step
		for _, n := range items(get(spec, "steps")) {
			s := newStep(max(n.Line, 1))
			s.Name = text(get(n, "name"))
			p.jobImage(get(n, "image"), "", "step")
			p.tektonPrivileged(n)
			p.scripts(&s, get(n, "script"), look)
			steps = append(steps, s)
		}
		p.tektonBundle(get(spec, "taskRef"))
		for _, n := range items(get(spec, "sidecars")) {
			p.jobImage(get(n, "image"), "", "service")
			p.tektonPrivileged(n)
		}
		p.add(j, steps...)
	}
	spec := get(root, "spec")
	task(name, spec)
	task(name, get(spec, "taskSpec"))
	for _, s := range []*yaml.Node{spec, get(spec, "pipelineSpec")} {
		for _, key := range []string{"tasks", "finally"} {
			for _, t := range items(get(s, key)) {
				task(text(get(t, "name")), get(t, "taskSpec"))
				p.tektonBundle(get(t, "taskRef"))
			}
		}
	}
	return p
}

func (p *Pipeline) tektonPrivileged(step *yaml.Node) {
	if e, ok := find(get(step, "securityContext"), "privileged"); ok && text(e.value) == "true" {
		p.Privileged = append(p.Privileged, Oddity{Line: e.line, What: "privileged: true"})
	}
}

// tektonBundle notes a task that comes from an image or a repository.
func (p *Pipeline) tektonBundle(ref *yaml.Node) {
	if ref == nil {
		return
	}
	p.jobImage(get(ref, "bundle"), "", "task")
	params := map[string]string{}
	line := max(ref.Line, 1)
	for _, n := range items(get(ref, "params")) {
		params[text(get(n, "name"))] = text(get(n, "value"))
	}
	switch text(get(ref, "resolver")) {
	case "bundles":
		if params["bundle"] != "" {
			p.Images = append(p.Images, newImage(params["bundle"], line, "task"))
		}
	case "git":
		name := params["url"] + params["repo"]
		p.Uses = append(p.Uses, Use{Sort: "template", Text: name, Name: name, Ref: params["revision"], Pin: pinOf(params["revision"]), Line: line})
	case "http":
		p.Uses = append(p.Uses, Use{Sort: "template", Text: params["url"], Name: params["url"], Pin: remotePin(params["url"]), Line: line})
	}
}

// Azure Pipelines.

var azureScripts = []string{"script", "bash", "pwsh", "powershell"}

func isAzure(root *yaml.Node) bool {
	if get(root, "on") != nil {
		return false
	}
	found := false
	(&Pipeline{}).azureSteps(root, 0, func(_ string, n *yaml.Node) {
		for _, key := range append([]string{"task"}, azureScripts...) {
			if text(get(n, key)) != "" {
				found = true
			}
		}
	})
	return found
}

// azureSteps calls f for all steps, in stages, jobs and strategies.
func (p *Pipeline) azureSteps(n *yaml.Node, depth int, f func(job string, n *yaml.Node)) {
	if n == nil || depth > 30 {
		return
	}
	job := text(get(n, "job")) + text(get(n, "deployment"))
	if job == "" {
		job = "job"
	}
	for _, e := range entries(n) {
		switch e.key {
		case "steps":
			for _, s := range items(e.value) {
				if s.Kind == yaml.MappingNode {
					f(job, s)
				}
			}
		case "stages", "jobs":
			for _, s := range items(e.value) {
				p.azureSteps(s, depth+1, f)
			}
		case "strategy", "runOnce", "rolling", "canary", "deploy", "preDeploy", "routeTraffic", "postRouteTraffic", "on", "success", "failure":
			p.azureSteps(e.value, depth+1, f)
		}
		if strings.HasPrefix(e.key, "${{") { // a condition of a template
			for _, s := range items(e.value) {
				p.azureSteps(s, depth+1, f)
			}
		}
	}
}

var azureValue = lazyregexp.New(`(?i)\$\{\{\s*(parameters\.\w+)\s*\}\}|\$\(((?:Build\.Source(?:BranchName|Branch|VersionMessage|VersionAuthor)|Build\.RequestedFor|System\.PullRequest\.(?:SourceBranch|SourceRepositoryURI|Title)))\)`)

func readAzure(root *yaml.Node) *Pipeline {
	p := newPipeline(Azure, KindPipeline, root)
	for _, r := range items(get(get(root, "resources"), "repositories")) {
		name, ref := text(get(r, "name")), text(get(r, "ref"))
		u := Use{Sort: "template", Text: name, Name: name, Ref: ref, Line: max(r.Line, 1)}
		u.Pin = pinOf(strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/tags/"))
		if strings.HasPrefix(ref, "refs/tags/") {
			u.Pin = "tag"
		}
		if strings.HasPrefix(ref, "refs/heads/") {
			u.Pin = "branch"
		}
		if text(get(r, "type")) == "git" {
			u.Pin = "unknown" // of the same project or organisation
		}
		p.Uses = append(p.Uses, u)
	}
	declared := map[string]bool{}
	for _, c := range items(get(get(root, "resources"), "containers")) {
		declared[text(get(c, "container"))] = true
		p.jobImage(get(c, "image"), "", "job")
	}
	p.azureContainers(root, declared, 0)
	p.azureSteps(root, 0, func(job string, n *yaml.Node) {
		j, s := newJob(job, max(n.Line, 1)), newStep(max(n.Line, 1))
		s.Name, s.Env = text(get(n, "displayName")), vars(get(n, "env"))
		s.Never = text(get(n, "enabled")) == "false"
		for _, key := range azureScripts {
			p.azureScript(&s, get(n, key))
		}
		if task := text(get(n, "task")); task != "" {
			s.Uses = task
			s.Action, s.Ref, _ = strings.Cut(strings.ToLower(task), "@")
			for _, key := range []string{"script", "inlineScript", "Inline"} {
				p.azureScript(&s, get(get(n, "inputs"), key))
			}
		}
		if e, ok := find(n, "checkout"); ok {
			s.Uses, s.Action = text(e.value), "checkout"
			for _, v := range vars(n) {
				v.Name = strings.ToLower(v.Name)
				s.With = append(s.With, v)
			}
		}
		p.add(j, s)
	})
	p.azureTemplates(root, 0)
	return p
}

// azureTemplates notes the templates that lie in the same repository.
func (p *Pipeline) azureTemplates(n *yaml.Node, depth int) {
	if n == nil || depth > 30 {
		return
	}
	if n.Kind == yaml.SequenceNode {
		for _, i := range items(n) {
			p.azureTemplates(i, depth+1)
		}
		return
	}
	for _, e := range entries(n) {
		if name := text(e.value); e.key == "template" && name != "" && !strings.Contains(strings.TrimSuffix(name, "@self"), "@") {
			name = strings.TrimSuffix(name, "@self")
			p.Parts = append(p.Parts, Part{Line: e.line, Path: name})
		}
		switch e.key {
		case "stages", "jobs", "steps", "variables", "extends", "strategy", "runOnce", "rolling", "canary", "deploy", "preDeploy", "routeTraffic", "postRouteTraffic", "on", "success", "failure":
			p.azureTemplates(e.value, depth+1)
		default:
			if strings.HasPrefix(e.key, "${{") {
				p.azureTemplates(e.value, depth+1)
			}
		}
	}
}

// azureContainers notes the images of jobs that are no names of declared ones.
func (p *Pipeline) azureContainers(n *yaml.Node, declared map[string]bool, depth int) {
	if depth > 30 {
		return
	}
	for _, e := range entries(n) {
		switch {
		case e.key == "container":
			if !declared[text(e.value)] {
				p.jobImage(e.value, "image", "job")
			}
		case e.key == "stages" || e.key == "jobs" || strings.HasPrefix(e.key, "${{"):
			for _, i := range items(e.value) {
				p.azureContainers(i, declared, depth+1)
			}
		}
	}
}

func (p *Pipeline) azureScript(s *Step, n *yaml.Node) {
	p.scripts(s, n, func(s *Step, n *yaml.Node) {
		lines := countLines(n)
		for _, m := range azureValue().FindAllStringSubmatchIndex(n.Value, -1) {
			i := Injection{Line: lines.lineOf(m[0]), Where: "script"}
			if m[2] >= 0 {
				i.Name, i.Taint = n.Value[m[2]:m[3]], taintInput
			} else {
				i.Name, i.Taint = n.Value[m[4]:m[5]], taintOutsider
			}
			s.Injections = append(s.Injections, i)
		}
	})
}
