# METADATA
# title: A job runs on a machine of its owner
# description: |
#   What a job leaves on a machine that is not thrown away, or finds in its network, is there for the next job.
#   With events that outsiders cause, their code runs there.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-07-Insecure-System-Configuration
# custom:
#   id: PIPE-0022
#   long_id: pipeline-self-hosted-runner
#   aliases:
#     - self-hosted-runner
#   controls:
#     - CICD-SEC-7
#   severity: LOW
#   recommended_action: Use machines that live for one job only, and let no pull request of a fork run on them
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.self_hosted_runner

import rego.v1

import data.lib.pipeline

deny contains res if {
	input.strict
	some job in input.jobs
	job.self_hosted
	input.kind == "workflow"
	not pipeline.from_outside
	res := pipeline.at(job.runner_line, job.name, sprintf("The job %q runs on a self-hosted machine.", [job.name]))
}
