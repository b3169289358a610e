package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

func read(t *testing.T, name, text string) *Pipeline {
	t.Helper()
	docs, err := document.Parse([]byte(text))
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents: %v", len(docs), err)
	}
	if !HasSign(name, []byte(text)) {
		t.Errorf("%q has no sign of a pipeline", name)
	}
	return Read(name, docs[0])
}

// Each system gives the model: its name, what it uses, its images, its
// commands with lines, and what is pasted into them.
func TestSystems(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"ci.yml", "on:\n  push: {tags: [v*]}\njobs:\n  a:\n    runs-on: x\n    container: c:1\n    steps:\n    - uses: o/r@v1\n    - run: |\n        one\n        # no\n        two ${{ github.head_ref }} \\\n          more\n",
			"github-actions uses=o/r@v1:tag:8 images=c:1:tag:6 lines=10:one,12:two ${{ github.head_ref }}  more injections=12:github.head_ref:outsider"},
		{"x/.gitlab-ci.yml", "include:\n- remote: https://e.com/a.yml\n- project: g/p\n  ref: v1.2.3\n.base: &b\n  image: {name: i}\njob:\n  <<: *b\n  script:\n  - [one, [two]]\n  - eval \"$CI_COMMIT_TITLE\"\n  - echo $[[ inputs.x ]]\n",
			"gitlab-ci uses=https://e.com/a.yml:none:2,g/p:tag:3 images=i:none:6,i:none:6 lines=10:one,10:two,11:eval \"$CI_COMMIT_TITLE\",12:echo $[[ inputs.x ]] injections=11:CI_COMMIT_TITLE:outsider,12:inputs.x:input"},
		{"some.yml", "stages: [a]\njob:\n  stage: a\n  script: make\n", "gitlab-ci uses= images= lines=4:make injections="},
		{"config.yml", "version: 2.1\norbs: {n: circleci/node@5, m: a/b@1.2.3}\njobs:\n  j:\n    docker:\n    - image: cimg/go:1.22\n    - image: redis\n    steps:\n    - checkout\n    - run: echo << pipeline.git.branch >>\n    - when: {condition: x, steps: [{run: {command: two}}]}\n",
			"circleci uses=circleci/node@5:branch:2,a/b@1.2.3:tag:2 images=cimg/go:1.22:tag:6,redis:none:7 lines=10:echo << pipeline.git.branch >>,11:two injections=10:pipeline.git.branch:outsider"},
		{"a.yml", "resources:\n  repositories:\n  - {repository: t, type: github, name: o/t, ref: refs/heads/main}\nstages:\n- stage: s\n  jobs:\n  - job: j\n    container: 'u:1'\n    steps:\n    - script: echo $(Build.SourceBranchName) ${{ parameters.p }}\n    - task: Bash@3\n      inputs: {targetType: inline, script: two}\n",
			"azure-pipelines uses=o/t:branch:3 images=u:1:tag:8 lines=10:echo $(Build.SourceBranchName) ${{ parameters.p }},12:two injections=10:Build.SourceBranchName:outsider,10:parameters.p:input"},
		{"bitbucket-pipelines.yml", "image: node\npipelines:\n  default:\n  - parallel:\n    - step:\n        script:\n        - make\n        - pipe: a/b:1.0.0\n        - pipe: a/c\n",
			"bitbucket-pipelines uses=a/b:1.0.0:tag:8,a/c:none:9 images=node:none:1 lines=7:make injections="},
		{"buildspec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n    - make\n    - sh -c \"go $CODEBUILD_WEBHOOK_HEAD_REF\"\n",
			"codebuild uses= images= lines=5:make,6:sh -c \"go $CODEBUILD_WEBHOOK_HEAD_REF\" injections=6:CODEBUILD_WEBHOOK_HEAD_REF:outsider"},
		{".drone.yml", "kind: pipeline\nname: d\nsteps:\n- name: a\n  image: golang:1\n  commands:\n  - echo ${DRONE_COMMIT_MESSAGE} ${DRONE_REPO_BRANCH}\n",
			"drone uses= images=golang:1:tag:5 lines=7:echo ${DRONE_COMMIT_MESSAGE} ${DRONE_REPO_BRANCH} injections=7:DRONE_COMMIT_MESSAGE:outsider"},
		{"task.yaml", "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n  steps:\n  - name: a\n    image: alpine\n    script: |\n      echo $(params.x)\n",
			"tekton uses= images=alpine:none:7 lines=9:echo $(params.x) injections=9:params.x:input"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := read(t, tt.name, tt.text)
			if p == nil {
				t.Fatal("it is taken for no pipeline")
			}
			if got := summary(p); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if len(p.Gaps) > 0 {
				t.Errorf("gaps: %+v", p.Gaps)
			}
			data, err := json.Marshal(p)
			if err != nil || strings.Contains(string(data), ":null") {
				t.Errorf("the model has null in it: %s %v", data, err)
			}
		})
	}
}

func summary(p *Pipeline) string {
	var uses, images, lines, injections []string
	for _, u := range p.Uses {
		uses = append(uses, fmt.Sprintf("%s:%s:%d", u.Text, u.Pin, u.Line))
	}
	for _, i := range p.Images {
		images = append(images, fmt.Sprintf("%s:%s:%d", i.Text, i.Pin, i.Line))
	}
	for _, j := range p.Jobs {
		for _, s := range j.Steps {
			for _, l := range s.Lines {
				lines = append(lines, fmt.Sprintf("%d:%s", l.Line, l.Text))
			}
			for _, i := range s.Injections {
				injections = append(injections, fmt.Sprintf("%d:%s:%s", i.Line, i.Name, i.Taint))
			}
		}
	}
	join := func(all []string) string { return strings.Join(all, ",") }
	return fmt.Sprintf("%s uses=%s images=%s lines=%s injections=%s", p.System, join(uses), join(images), join(lines), join(injections))
}

func TestIsLikely(t *testing.T) {
	for text, want := range map[string]bool{
		"on: push\njobs: [\n": true, "\"on\": x\njobs:\n": true, "jobs:\n  a:\n    script: [\n": true, "runs:\n  using: x\n [": true,
		"{ \"a\": \"it runs\", using // x\n": false, "a: [\nthe jobs: it uses\n": false,
	} {
		if got := IsLikely("a.yml", []byte(text)); got != want {
			t.Errorf("%q: got %v", text, got)
		}
	}
	if !IsLikely(".circleci/config.yml", nil) {
		t.Error("the place says it")
	}
}

// Other documents are no pipelines.
func TestOthers(t *testing.T) {
	for _, text := range []string{
		"{a: b}", "apiVersion: v1\nkind: Pod\nspec: {}\n", "language: go\nscript: make\n", "services: {a: {image: b, command: c}}\n",
		"jobs: [a]\non: b\n", "openapi: 3.0.0\npaths: {}\n", "version: '3'\ntasks: {a: {cmds: [b]}}\n", "scripts: {test: x}\nname: y\n",
		"- hosts: all\n  tasks: []\n", "steps: [a, b]\n", "repos: [{repo: a, rev: b}]\n",
	} {
		docs, err := document.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if p := Read("a.yml", docs[0]); p != nil {
			t.Errorf("%q is taken for %s", text, p.System)
		}
	}
}

func TestFlows(t *testing.T) {
	tests := []struct{ expr, want string }{
		{"github.head_ref", "github.head_ref"},
		{"GitHub['HEAD_REF']", "github.head_ref"},
		{"github.a == github.b", ""},
		{"github.a && 'x' || github.b", "github.b"},
		{"contains(github.a, 'x') || github.b", "github.b"},
		{"format('{0}', github.a)", "github.a"},
		{"toJSON(github.event)", "github.event.*"},
		{"fromJSON(needs.a.outputs.b).c", "needs.a.outputs.b"},
		{"!github.a", ""},
		{"(github.a)", "github.a"},
		{"github.event.commits[0].message", "github.event.commits.0.message"},
		{"matrix[github.a]", "matrix.*"},
		{"'it''s' && 'y'", ""},
	}
	for _, tt := range tests {
		n := parseExpr(tt.expr)
		if n == nil {
			t.Errorf("%s: it cannot be parsed", tt.expr)
			continue
		}
		if got := strings.Join(n.flows(), " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.expr, got, tt.want)
		}
	}
	for _, bad := range []string{"", "a b", "a..b", "(a", "f(a", "'a", "a[", "&& a", strings.Repeat("(", 9000), strings.Repeat("!", 20000) + "a"} {
		if parseExpr(bad) != nil {
			t.Errorf("%.20q is taken for an expression", bad)
		}
	}
}

func TestTaints(t *testing.T) {
	tests := map[string][]string{
		taintOutsider: {"github.head_ref", "github.event.issue.title", "github.event.pull_request.body", "github.event.comment.body", "github.event.review.body",
			"github.event.pull_request.head.ref", "github.event.pull_request.head.label", "github.event.commits.0.message", "github.event.head_commit.author.name",
			"github.event.workflow_run.head_branch", "github.event.discussion.title", "github.event.pages.0.page_name", "github.event", "github", "github.event.workflow_run.display_title"},
		taintInput:    {"inputs.a", "github.event.inputs.a", "github.event.client_payload.a"},
		taintRef:      {"github.ref_name", "github.ref", "github.event.release.tag_name"},
		taintComputed: {"steps.a.outputs.b", "needs.a.outputs.b", "env.a", "matrix.a", "vars.a"},
		taintNone: {"github.sha", "github.actor", "github.event_name", "github.repository", "github.event.number", "github.event.pull_request.number", "github.event.pull_request.head.sha",
			"github.event.issue.html_url", "needs.a.result", "steps.a.outcome", "runner.os", "job.status", "github.run_id", "github.workspace", "github.event.pull_request.user.login"},
	}
	for want, names := range tests {
		for _, name := range names {
			if got := taintGitHub(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
	}
}

func TestPins(t *testing.T) {
	for ref, want := range map[string]string{
		"": "none", "v1": "tag", "v1.2.3": "tag", "1.2": "tag", "main": "branch", "release/v1": "tag", "stable": "branch", "${{ x }}": "unknown",
		strings.Repeat("a", 40): "hash", strings.Repeat("a", 7): "branch", "codeql-bundle-v2.1": "tag", "feature-x": "branch",
	} {
		if got := pinOf(ref); got != want {
			t.Errorf("%q: got %q, want %q", ref, got, want)
		}
	}
}

// What cannot be read is said.
func TestGaps(t *testing.T) {
	for name, text := range map[string]string{
		"a job that is text":       "on: push\njobs: {a: b, c: {runs-on: x, steps: []}}\n",
		"a step that is text":      "on: push\njobs: {a: {runs-on: x, steps: [b]}}\n",
		"a step that does nothing": "on: push\njobs: {a: {runs-on: x, steps: [{name: b}]}}\n",
		"a broken expression":      "on: push\njobs: {a: {runs-on: x, steps: [{run: '${{ a b }}'}]}}\n",
		"odd permissions":          "on: push\npermissions: all\njobs: {a: {runs-on: x, steps: [{run: b}]}}\n",
	} {
		if p := read(t, "a.yml", text); p == nil || len(p.Gaps) == 0 {
			t.Errorf("%s: there is no gap", name)
		}
	}
	docs, err := document.Parse([]byte("name: a\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p := Read(".github/workflows/a.yml", docs[0]); p == nil || len(p.Gaps) == 0 {
		t.Error("a workflow without jobs: there is no gap")
	}
}

func TestResembles(t *testing.T) {
	for name, want := range map[string]string{
		"actions/checkout": "", "action/checkout": "actions/checkout", "acti0ns/checkout": "actions/checkout", "dokcer/login-action": "docker/login-action",
		"action/other": "", "acme/checkout": "", "github/codeql-action/init": "", "githubb/codeql-action/init": "github/codeql-action",
	} {
		if got := resembles(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Reading never panics, and the lines are within the text.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"on: push\njobs:\n  a:\n    steps:\n    - run: ${{ a }}\n", "a: &a {script: [*a]}\n", "on: {push: }\njobs: {a: {strategy: {matrix: {include: [a, {b: c}]}}, runs-on: [], steps: {}}}\n",
		"jobs: {a: {steps: [{run: {command: b}}], docker: [{}]}}\nversion: 2\n", "steps: [{task: a}, {script: }]\n", "pipelines: {default: [{step: }]}\n",
		"updates: [{package-ecosystem: a, cooldown: b}]\nversion: 2\n", "<<: [{a: b}, c]\nx: {script: y}\n", "runs: {using: composite, steps: [{uses: '@'}, {uses: 'docker://'}]}\n",
	} {
		f.Add(s)
	}
	names := []string{"a.yml", ".github/workflows/a.yml", ".gitlab-ci.yml", ".circleci/config.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", "buildspec.yml"}
	f.Fuzz(func(t *testing.T, s string) {
		docs, err := document.Parse([]byte(s))
		if err != nil {
			return
		}
		for _, d := range docs {
			for _, name := range names {
				p := Read(name, d)
				if p == nil {
					continue
				}
				if slices.ContainsFunc(p.Gaps, func(g Gap) bool { return g.Reason == "" }) {
					t.Error("a gap without a reason")
				}
			}
		}
	})
}
