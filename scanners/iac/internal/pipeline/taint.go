package pipeline

import (
	"path"
	"strings"
)

// The taints of a context: who decides its text.
const (
	// taintOutsider: anybody who can open an issue or a pull request.
	taintOutsider = "outsider"
	// taintInput: whoever calls or starts the pipeline.
	taintInput = "input"
	// taintComputed: another step, a matrix or a variable; not known here.
	taintComputed = "computed"
	// taintRef: the name of a branch or tag, which its pusher chooses.
	taintRef = "ref"
	// taintSecret: a secret, whose quotes may break a script.
	taintSecret = "secret"
	taintNone   = ""
)

// outsiders are the contexts of GitHub whose text people without rights can
// choose; see https://docs.github.com/en/actions/reference/security/secure-use
// and the payloads of webhooks.
var outsiders = []string{
	"github.head_ref",
	"github.event.*.title", "github.event.*.body", "github.event.*.head_branch",
	"github.event.*.head.ref", "github.event.*.head.label",
	"github.event.*.head.repo.*", "github.event.*.pull_requests.*.head.ref",
	"github.event.*.page_name", "github.event.pages.*.page_name", "github.event.pages.*.title",
	"github.event.commits.*.message", "github.event.commits.*.author.email", "github.event.commits.*.author.name",
	"github.event.commits.*.committer.email", "github.event.commits.*.committer.name",
	"github.event.head_commit.message", "github.event.head_commit.*.email", "github.event.head_commit.*.name",
	"github.event.workflow_run.head_commit.message", "github.event.workflow_run.head_commit.*.email",
	"github.event.workflow_run.head_commit.*.name", "github.event.workflow_run.head_repository.description",
	"github.event.workflow_run.display_title",
	"github.event.pull_request.milestone.title", "github.event.issue.milestone.title",
	"github.event.changes.*.from", "github.event.changes.*.*.from",
	"github.event.workflow_run.head_branch", "github.event.check_suite.head_branch",
	"github.event.*.user.name", "github.event.*.user.email",
}

// harmless are last parts of contexts whose values have no characters that
// matter to a shell: numbers, hashes, times, URLs and logins.
var harmless = map[string]bool{
	"number": true, "id": true, "sha": true, "node_id": true, "before": true, "after": true, "head_sha": true,
	"created_at": true, "updated_at": true, "merged_at": true, "closed_at": true, "pushed_at": true, "login": true, "action": true,
	"draft": true, "merged": true, "full_name": true, "state": true, "default_branch": true, "merge_commit_sha": true, "commits": true,
	"changed_files": true, "additions": true, "deletions": true, "conclusion": true, "event": true, "private": true, "fork": true,
	"locked": true, "installation": true, "type": true, "forced": true, "run_number": true, "run_attempt": true, "workflow_id": true, "timestamp": true,
	"author_association": true, "prerelease": true, "rebaseable": true, "mergeable": true, "id_token": true, "check_suite_id": true, "size": true, "distinct": true,
}

// taintGitHub says who chooses the text of a context, which is in lower case.
func taintGitHub(name string) string {
	first, rest, _ := strings.Cut(name, ".")
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch first {
	case "github":
		return taintEvent(name, rest, last)
	case "inputs":
		return taintInput
	case "secrets":
		return taintSecret
	case "needs":
		if last == "result" {
			return taintNone
		}
		return taintComputed
	case "steps":
		if last == "outcome" || last == "conclusion" {
			return taintNone
		}
		return taintComputed
	case "env", "matrix", "vars", "jobs":
		return taintComputed
	}
	return taintNone // job, runner, strategy and functions
}

func taintEvent(name, rest, last string) string {
	switch {
	case rest == "" || rest == "*" || rest == "event" || rest == "event.*":
		return taintOutsider
	case strings.HasPrefix(rest, "event.inputs"), strings.HasPrefix(rest, "event.client_payload"):
		return taintInput
	case rest == "ref", rest == "ref_name", rest == "event.ref", rest == "base_ref", rest == "event.release.tag_name",
		rest == "event.release.name", rest == "event.release.body":
		return taintRef
	case strings.HasSuffix(last, "_url") || last == "url":
		return taintNone
	}
	if strings.HasPrefix(rest, "event.release.") || harmless[last] {
		return taintNone
	}
	for _, pattern := range outsiders {
		if matches(pattern, name) {
			return taintOutsider
		}
	}
	if last == "*" && strings.HasPrefix(rest, "event.") {
		return taintOutsider // an object, written out
	}
	if strings.HasPrefix(rest, "event.") && (last == "ref" || last == "label" || last == "name" || last == "description") {
		return taintRef
	}
	return taintNone
}

// matches compares a context with a pattern, in which * is any one part.
func matches(pattern, name string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, ".", "/"), strings.ReplaceAll(name, ".", "/"))
	return ok && err == nil
}
