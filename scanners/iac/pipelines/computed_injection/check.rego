# METADATA
# title: A computed value becomes part of a script
# description: |
#   The output of a step, a variable or a value of the matrix is pasted into a script before it runs. Where it was
#   made from text of others, that text can run as code.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0008
#   long_id: pipeline-computed-injection
#   aliases:
#     - template-injection
#   controls:
#     - CICD-SEC-4
#   severity: LOW
#   recommended_action: Put the expression into an environment variable and use that in double quotes
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.computed_injection

import rego.v1

import data.lib.pipeline

deny contains res if {
	input.strict
	some job in input.jobs
	some step in job.steps
	some i in step.injections
	i.taint == "computed"
	res := pipeline.at(i.line, pipeline.place(job, step), sprintf("%s, a computed value, is pasted into the %s.", [i.name, i.where]))
}
