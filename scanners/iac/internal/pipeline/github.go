package pipeline

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// github reads workflows and actions of GitHub.
type github struct {
	*Pipeline
	env    *scope // of the workflow
	matrix map[string][]string
	job    int
	// closed are the inputs whose values cannot be any text: by name, false if
	// one event declares it and another leaves it open.
	closed map[string]bool
}

// scope are literal values of variables by name in lower case, of a part of
// the file and of those around it.
type scope struct {
	own   map[string]string
	outer *scope
}

func newScope(outer *scope) *scope { return &scope{own: map[string]string{}, outer: outer} }

func (s *scope) value(name string) (string, bool) {
	for ; s != nil; s = s.outer {
		if v, ok := s.own[name]; ok {
			return v, true
		}
	}
	return "", false
}

func readGitHub(root *yaml.Node, kind string) *Pipeline {
	g := &github{Pipeline: newPipeline(GitHub, kind, root), job: -1, env: newScope(nil), closed: map[string]bool{}}
	if kind == KindAction {
		g.action(root)
		return g.Pipeline
	}
	for _, e := range entries(root) {
		if e.key == "on" {
			g.triggers(e)
		}
	}
	g.Permissions = g.permissions(root)
	g.Env = g.variables(get(root, "env"), g.env)
	shell, shellLine := defaultShell(root)
	jobs := get(root, "jobs")
	if jobs == nil || jobs.Kind != yaml.MappingNode {
		g.gap(root, "it has no mapping of jobs, so they were not judged")
	}
	for _, e := range entries(jobs) {
		g.readJob(e, shell, shellLine)
	}
	return g.Pipeline
}

func (g *github) triggers(on entry) {
	for _, s := range items(on.value) {
		if s.Kind == yaml.ScalarNode {
			g.Triggers = append(g.Triggers, Trigger{Name: s.Value, Line: max(s.Line, 1), Branches: []string{}, Tags: []string{}, Types: []string{}})
		}
	}
	for _, e := range entries(on.value) {
		g.inputs(get(e.value, "inputs"))
		g.Triggers = append(g.Triggers, Trigger{Name: e.key, Line: e.line,
			Branches: append(texts(get(e.value, "branches")), texts(get(e.value, "branches-ignore"))...),
			Tags:     texts(get(e.value, "tags")), Types: texts(get(e.value, "types"))})
	}
}

// inputs notes which inputs can have any text.
func (g *github) inputs(n *yaml.Node) {
	for _, e := range entries(n) {
		name := strings.ToLower(e.key)
		switch text(get(e.value, "type")) {
		case "boolean", "number", "choice":
			if _, seen := g.closed[name]; !seen {
				g.closed[name] = true
			}
		default:
			g.closed[name] = false
		}
	}
}

func (g *github) permissions(n *yaml.Node) *Permissions {
	e, ok := find(n, "permissions")
	if !ok {
		return nil
	}
	p := &Permissions{Line: e.line, Scopes: []Scope{}}
	if s := text(e.value); s != "" {
		p.All = strings.ToLower(s)
		if p.All != "read-all" && p.All != "write-all" {
			g.gap(e.value, "permissions are %q, which is no known value", s)
		}
	}
	for _, s := range entries(e.value) {
		p.Scopes = append(p.Scopes, Scope{Name: s.key, Access: strings.ToLower(text(s.value)), Line: s.line})
	}
	return p
}

// variables reads an environment and notes its literal values in known.
func (g *github) variables(n *yaml.Node, known *scope) []Var {
	g.expressions(n)
	all := vars(n)
	for _, v := range all {
		known.own[strings.ToLower(v.Name)] = v.Value
	}
	return all
}

func defaultShell(n *yaml.Node) (string, int) {
	e, ok := find(get(get(n, "defaults"), "run"), "shell")
	if !ok {
		return "", 0
	}
	return text(e.value), e.line
}

func (g *github) readJob(e entry, shell string, shellLine int) {
	j := newJob(e.key, e.line)
	if e.value.Kind != yaml.MappingNode {
		g.gap(e.value, "the job %q is no mapping, so it was not judged", e.key)
		return
	}
	g.job = len(g.Jobs)
	g.readMatrix(get(get(e.value, "strategy"), "matrix"))
	j.Permissions, j.If = g.permissions(e.value), text(get(e.value, "if"))
	env := newScope(g.env)
	j.Env = g.variables(get(e.value, "env"), env)
	if env := get(e.value, "environment"); env != nil {
		if j.Environment = text(env); j.Environment == "" {
			j.Environment = text(get(env, "name"))
		}
	}
	g.runner(&j, e.value)
	if s, line := defaultShell(e.value); s != "" {
		shell, shellLine = s, line
	}
	if uses, ok := find(e.value, "uses"); ok {
		j.Uses = text(uses.value)
		g.use(uses, true)
		g.expressions(get(e.value, "with"))
		g.call(j.Uses, uses.line, entries(get(e.value, "with")), env)
	}
	if s, ok := find(e.value, "secrets"); ok {
		if text(s.value) == "inherit" {
			j.SecretsInherit = s.line
		}
		g.expressions(s.value)
	}
	g.condition(e.value)
	g.containers(&j, e.value)
	for _, key := range []string{"outputs", "concurrency", "name", "strategy"} {
		g.expressions(get(e.value, key))
	}
	if steps := get(e.value, "steps"); steps != nil {
		j.Steps = g.steps(steps, env, shell, shellLine)
	} else if j.Uses == "" {
		g.gap(e.value, "the job %q has neither steps nor uses", e.key)
	}
	g.Jobs = append(g.Jobs, j)
	g.job = -1
}

func (g *github) containers(j *Job, n *yaml.Node) {
	one := func(n *yaml.Node, role string) {
		if n == nil {
			return
		}
		image := n
		if n.Kind == yaml.MappingNode {
			image = get(n, "image")
			if password, ok := find(get(n, "credentials"), "password"); ok {
				s := text(password.value)
				j.Credentials = append(j.Credentials, Credential{Line: password.line, Literal: s != "" && !strings.Contains(s, "${{")})
			}
			g.expressions(get(n, "env"))
			g.expressions(get(n, "credentials"))
			if options, ok := find(n, "options"); ok && strings.Contains(text(options.value), "--privileged") {
				g.Privileged = append(g.Privileged, Oddity{Line: options.line, What: "--privileged"})
			}
			for _, v := range items(get(n, "volumes")) {
				if strings.Contains(text(v), "/docker.sock") {
					g.Privileged = append(g.Privileged, Oddity{Line: max(v.Line, 1), What: "the socket of Docker"})
				}
			}
		}
		if s := text(image); s != "" {
			for _, s := range g.expand(s) {
				g.Images = append(g.Images, newImage(s, max(image.Line, 1), role))
			}
		}
	}
	one(get(n, "container"), "container")
	for _, e := range entries(get(n, "services")) {
		one(e.value, "service")
	}
}

func (g *github) runner(j *Job, n *yaml.Node) {
	e, ok := find(n, "runs-on")
	if !ok {
		return
	}
	j.RunnerLine = e.line
	labels := texts(e.value)
	if e.value.Kind == yaml.MappingNode {
		labels = texts(get(e.value, "labels"))
		if get(e.value, "group") != nil {
			j.SelfHosted = true
		}
	}
	for _, l := range labels {
		for _, s := range g.expand(l) {
			j.Runner = append(j.Runner, s)
			if strings.EqualFold(s, "self-hosted") {
				j.SelfHosted = true
			}
		}
	}
}

func (g *github) steps(n *yaml.Node, env *scope, shell string, shellLine int) []Step {
	all := []Step{}
	for _, s := range items(n) {
		if s.Kind != yaml.MappingNode {
			g.gap(s, "a step is no mapping, so it was not judged")
			continue
		}
		if group := get(s, "parallel"); group != nil {
			all = append(all, g.steps(group, env, shell, shellLine)...)
			continue
		}
		all = append(all, g.step(s, env, shell, shellLine))
	}
	return all
}

// codeInputs are inputs of actions that are run as code.
var codeInputs = map[string]string{
	"actions/github-script": "script", "azure/powershell": "inlinescript", "azure/cli": "inlinescript",
	"appleboy/ssh-action": "script", "nick-fields/retry": "command", "nick-invision/retry": "command",
	"cardinalby/js-eval-action": "expression", "jannekem/run-python-script-action": "script",
	"mikefarah/yq": "cmd", "addnab/docker-run-action": "run", "devorbitus/yq-action-output": "cmd",
	"ludeeus/action-shellcheck": "", "wandalen/wretry.action": "command", "google-github-actions/run-gemini-cli": "",
	"reactivecircus/android-emulator-runner": "script", "vmactions/freebsd-vm": "run", "cross-platform-actions/action": "run",
	"jamesives/github-pages-deploy-action": "", "amadevus/pwsh-script": "script", "satackey/action-js-inline": "script",
	"gautamkrishnar/keepalive-workflow": "", "uraimo/run-on-arch-action": "run", "coactions/setup-xvfb": "run", "gabrielbb/xvfb-action": "run",
}

func (g *github) step(n *yaml.Node, env *scope, shell string, shellLine int) Step {
	s := newStep(max(n.Line, 1))
	s.ID, s.Name, s.If, s.Shell, s.ShellLine = text(get(n, "id")), text(get(n, "name")), text(get(n, "if")), shell, shellLine
	env = newScope(env)
	s.Env = g.variables(get(n, "env"), env)
	if e, ok := find(n, "shell"); ok {
		s.Shell, s.ShellLine = text(e.value), e.line
	}
	g.condition(n)
	s.Never = neverRuns(s.If)
	g.expressions(get(n, "name"))
	g.expressions(get(n, "continue-on-error"))
	if e, ok := find(n, "uses"); ok {
		s.Uses, s.UsesLine = text(e.value), e.line
		g.use(e, false)
		name, ref, _ := strings.Cut(s.Uses, "@")
		s.Action, s.Ref = actionName(name), ref
		with := get(n, "with")
		if with != nil && strings.Contains(text(with), "${{") {
			g.Oddities = append(g.Oddities, Oddity{Line: e.line, What: "all inputs of the step are one expression"})
		}
		g.expressions(with)
		g.call(s.Uses, e.line, entries(with), env)
		for _, v := range entries(with) {
			name := strings.ToLower(v.key)
			s.With = append(s.With, Var{Name: name, Value: text(v.value), Line: v.line})
			if code := codeInputs[s.Action]; code == name {
				s.Lines = commands(v.value)
				s.Injections = append(s.Injections, g.injections(v.value, name, env)...)
			}
		}
	}
	if e, ok := find(n, "run"); ok {
		s.RunLine = e.line
		s.Lines = commands(e.value)
		g.expressions(e.value)
		s.Injections = g.injections(e.value, "script", env)
	}
	if s.Uses == "" && s.RunLine == 0 && get(n, "wait") == nil && get(n, "wait-all") == nil && get(n, "cancel") == nil {
		g.gap(n, "a step has neither run nor uses, so it was not judged")
	}
	return s
}

func neverRuns(condition string) bool {
	c := strings.TrimSpace(condition)
	if f := fences(c); len(f) == 1 && f[0].start == 0 && f[0].end == len(c) {
		c = f[0].text
	}
	return c == "false"
}

func (g *github) use(e entry, workflow bool) {
	u, ok := actionUse(text(e.value))
	if !ok {
		return
	}
	if workflow {
		u.Sort = "workflow"
	}
	u.Line = e.line
	u.Resembles = resembles(u.Name)
	u.Comment = strings.TrimSpace(strings.TrimPrefix(e.value.LineComment, "#"))
	g.Uses = append(g.Uses, u)
	if u.Sort == "docker" {
		return
	}
	if plain := strings.Trim(u.Name, "/"); strings.Count(u.Name, "//") > 0 || plain != u.Name || hasDots(u.Name) {
		g.Oddities = append(g.Oddities, Oddity{Line: e.line, What: "the path of the action " + u.Name + " is not plain"})
	}
}

func hasDots(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// action reads the steps of a composite action, or the image of one that is a
// container.
func (g *github) action(root *yaml.Node) {
	runs := get(root, "runs")
	g.expressions(get(root, "outputs"))
	j := newJob("runs", max(runs.Line, 1))
	g.job = 0
	if steps := get(runs, "steps"); steps != nil {
		j.Steps = g.steps(steps, newScope(nil), "", 0)
	}
	if image := get(runs, "image"); image != nil {
		if name, ok := strings.CutPrefix(text(image), "docker://"); ok {
			g.Images = append(g.Images, newImage(name, max(image.Line, 1), "step"))
		}
	}
	g.Jobs = append(g.Jobs, j)
}

func isWorkflow(root *yaml.Node) bool {
	jobs := document.Get(root, "jobs")
	if jobs == nil || document.Get(root, "on") == nil {
		return false
	}
	return jobs.Kind == yaml.MappingNode
}

func isAction(root *yaml.Node) bool {
	return document.String(root, "runs", "using") != ""
}
