# METADATA
# title: Pull requests of outsiders run on a machine of the owner
# description: |
#   In a public repository the code of a pull request runs there, and what it leaves behind is there for the next
#   job, with its secrets.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-07-Insecure-System-Configuration
# custom:
#   id: PIPE-0049
#   long_id: pipeline-outsiders-on-own-machine
#   aliases:
#     - self-hosted-runner
#   controls:
#     - CICD-SEC-4
#     - CICD-SEC-7
#   severity: MEDIUM
#   recommended_action: Run pull requests on hosted machines, or on ones that live for one job only
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.outsiders_on_own_machine

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	job.self_hosted
	pipeline.from_outside
	res := pipeline.at(job.runner_line, job.name, sprintf("The job %q runs on a self-hosted machine, on events that outsiders cause.", [job.name]))
}
