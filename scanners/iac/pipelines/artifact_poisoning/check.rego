# METADATA
# title: A privileged workflow runs on files of an artifact that outsiders can make
# description: |
#   After workflow_run, the artifact of a run on a pull request has what its author put there. Unpacked over the
#   checkout it replaces scripts and programs that later steps run.
# related_resources:
#   - https://securitylab.github.com/resources/github-actions-preventing-pwn-requests/
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-09-Improper-Artifact-Integrity-Validation
# custom:
#   id: PIPE-0047
#   long_id: pipeline-artifact-poisoning
#   aliases:
#     - artifact-poisoning
#   controls:
#     - CICD-SEC-4
#     - CICD-SEC-9
#   severity: MEDIUM
#   recommended_action: Unpack it into a directory of its own outside of the checkout, and treat what is in it as data
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.artifact_poisoning

import rego.v1

import data.lib.pipeline

deny contains res if {
	some t in input.triggers
	t.name == "workflow_run"
	some job in input.jobs
	some i, step in job.steps
	pipeline.runs(step)
	takes(step)
	some j, later in job.steps
	j > i
	executes(later)
	res := pipeline.at(step.line, pipeline.place(job, step), "An artifact of another run is unpacked where later steps run programs.")
}

takes(step) if {
	step.action in {"dawidd6/action-download-artifact", "actions/download-artifact"}
	pipeline.value_of(step, "run-id") != ""
	in_checkout(step)
}

takes(step) if {
	step.action == "dawidd6/action-download-artifact"
	in_checkout(step)
}

takes(step) if {
	some l in step.lines
	regex.match(`\bgh\s+run\s+download\b`, l.text)
	not regex.match(`\s(-D|--dir)[ =]\S*(RUNNER_TEMP|runner\.temp|/tmp)`, l.text)
}

in_checkout(step) if not regex.match(`(?i)runner[._]temp|^/tmp`, pipeline.value_of(step, "path"))

executes(step) if {
	some l in step.lines
	regex.match(`(^|[;&|]\s*)(npm|yarn|pnpm|make|mvn|gradle|\./\S+|bash\s+\S|sh\s+\S|python[0-9.]*\s+\S|node\s+\S|cargo|go\s+(run|test|build)|pip[0-9.]*\s+install|source\s)|>>?\s*"?\$\{?GITHUB_(ENV|PATH)`, l.text)
}
