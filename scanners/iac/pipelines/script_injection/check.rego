# METADATA
# title: Text that outsiders choose becomes part of a script
# description: |
#   The expression is replaced before the script runs, so a title, branch name or comment with shell syntax in it
#   runs as code, with the token and secrets of the job.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://securitylab.github.com/resources/github-actions-untrusted-input/
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0006
#   long_id: pipeline-script-injection
#   aliases:
#     - template-injection
#     - CKV_GHA_2
#     - CKV_CIRCLECIPIPELINES_6
#   controls:
#     - CICD-SEC-4
#   severity: HIGH
#   recommended_action: Put the expression into an environment variable and use that in double quotes
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.script_injection

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	some i in step.injections
	dangerous(i)
	res := pipeline.at(i.line, pipeline.place(job, step), sprintf("%s, which others choose, is pasted into the %s.", [i.name, i.where]))
}

dangerous(i) if i.taint == "outsider"

# Whoever uses an action may hand on anything.
dangerous(i) if {
	i.taint == "input"
	input.kind == "action"
	not input.local
}
