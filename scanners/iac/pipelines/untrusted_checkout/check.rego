# METADATA
# title: Code of a pull request runs with the rights of the repository
# description: |
#   The workflow starts on an event that has secrets and a token that can write, and checks out what the author of
#   the pull request wrote. Building or testing it runs that code.
# related_resources:
#   - https://securitylab.github.com/resources/github-actions-preventing-pwn-requests/
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0009
#   long_id: pipeline-untrusted-checkout
#   aliases:
#     - dangerous-triggers
#     - untrusted-checkout
#   controls:
#     - CICD-SEC-4
#   severity: CRITICAL
#   recommended_action: Use the event pull_request; or check out nothing of the head and only read it as data
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.untrusted_checkout

import rego.v1

import data.lib.pipeline

deny contains res if {
	some t in input.triggers
	t.name in {"pull_request_target", "workflow_run", "issue_comment"}
	some job in input.jobs
	some step in job.steps
	not step.never
	not same_repository(job["if"])
	not same_repository(step["if"])
	line := untrusted(step)
	res := pipeline.at(line, pipeline.place(job, step), sprintf("The head of a pull request is checked out in a workflow that starts on %s.", [t.name]))
}

# The condition leaves out forks, so whoever wrote the code may push here.
same_repository(condition) if {
	regex.match(`head(\.repo|_repository)\.full_name\s*==\s*(github\.repository|github\.event\.repository\.full_name)|(github\.repository|repository\.full_name)\s*==\s*github\.event\.[a-z_.]*head(\.repo|_repository)\.full_name|head(\.repo|_repository)\.fork\s*==\s*false|!\s*github\.event\.[a-z_.]*head(\.repo|_repository)\.fork`, condition)
	not contains(condition, "||")
}

untrusted(step) := v.line if {
	step.action == "actions/checkout"
	some v in step.with
	v.name in {"ref", "repository"}
	head(v.value)
}

untrusted(step) := l.line if {
	some l in step.lines
	regex.match(`\bgh\s+pr\s+checkout\b|\bgit\s+(fetch|pull)\b.*\bpull/|\bgit\s+(checkout|switch|fetch|pull|merge)\b.*\$\{\{[^}]*(head_ref|head\.(ref|sha)|head_sha|head_branch)`, l.text)
}

head(text) if regex.match(`(?i)github\.head_ref|head\.(ref|sha|repo)|head_sha|head_branch|head_commit|head_repository|refs/pull/|merge_commit_sha`, text)
