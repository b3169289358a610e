# METADATA
# title: Text that outsiders can influence is written to the environment of later steps
# description: |
#   GITHUB_ENV and GITHUB_PATH change what later steps run: with LD_PRELOAD, NODE_OPTIONS or a directory of
#   programs, text becomes code.
# related_resources:
#   - https://securitylab.github.com/research/github-actions-untrusted-input/
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0023
#   long_id: pipeline-environment-file
#   aliases:
#     - github-env
#   controls:
#     - CICD-SEC-4
#   severity: HIGH
#   recommended_action: Write to GITHUB_OUTPUT and use that through an environment variable with a fixed name
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.environment_file

import rego.v1

import data.lib.pipeline

deny contains res if {
	exposed
	some job in input.jobs
	some step in job.steps
	some l in step.lines
	regex.match(`(?i)\bGITHUB_(ENV|PATH)\b`, l.text)
	writes(l.text)
	varies(step, l)
	not validated(step, l)
	res := pipeline.at(l.line, pipeline.place(job, step), "A value that is not fixed is written to GITHUB_ENV or GITHUB_PATH.")
}

exposed if input.kind == "action"

exposed if {
	some t in input.triggers
	t.name in {"pull_request_target", "workflow_run", "issue_comment", "issues", "discussion", "discussion_comment"}
}

writes(text) if regex.match(`(?i)(>>?|\btee\b|Out-File|Add-Content|Set-Content).*GITHUB_(ENV|PATH)`, text)

varies(_, l) if dynamic(l.text)

# The end of a group of commands: one of them has a value that is not fixed.
varies(step, l) if {
	regex.match(`^\s*[})]`, l.text)
	some other in step.lines
	other.line < l.line
	regex.match(`^\s*(echo|printf|cat)\b`, other.text)
	dynamic(other.text)
}

# What is left when the file itself is taken away has a variable or a command in it.
dynamic(text) if {
	rest := regex.replace(text, `(?i)["']?(\$\{?(env:)?|%)?GITHUB_(ENV|PATH)\}?%?["']?`, "")
	regex.match("[$`]|%[A-Za-z_]+%|^\\s*cat\\b|\\|", rest)
}

# A test of the whole value stands before it: [[ "$NAME" =~ ^...$ ]].
validated(step, l) if {
	names := {m[1] | some m in regex.find_all_string_submatch_n(`\$\{?([A-Za-z_]+)`, l.text, -1)} - {"GITHUB_ENV", "GITHUB_PATH"}
	count(names) > 0
	not contains(l.text, "$(")
	every name in names {
		some other in step.lines
		other.line < l.line
		regex.match(sprintf(`"?\$\{?%s\}?"?\s+=~\s+\^\S+\$(\s|\])`, [name]), other.text)
	}
}
