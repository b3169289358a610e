# METADATA
# title: Text that the caller chooses becomes part of a script
# description: |
#   An input, the payload of an event or the name of a branch or tag is pasted into a script before it runs.
#   Whoever may start the pipeline, or push a branch, can run other commands with its secrets.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0007
#   long_id: pipeline-input-injection
#   aliases:
#     - template-injection
#   controls:
#     - CICD-SEC-4
#   severity: MEDIUM
#   recommended_action: Put the expression into an environment variable and use that in double quotes
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.input_injection

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	some i in step.injections
	i.taint in {"input", "ref"}
	handed(i)
	res := pipeline.at(i.line, pipeline.place(job, step), sprintf("%s is pasted into the %s.", [i.name, i.where]))
}

handed(_) if input.kind != "action"

handed(_) if input.local
