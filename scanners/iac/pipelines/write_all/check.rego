# METADATA
# title: The token of a pipeline may do everything
# description: |
#   With write-all, any step, and any action that it uses, can push code, publish releases and change issues.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-05-Insufficient-PBAC
# custom:
#   id: PIPE-0011
#   long_id: pipeline-write-all
#   aliases:
#     - excessive-permissions
#     - CKV2_GHA_1
#   controls:
#     - CICD-SEC-5
#   severity: HIGH
#   recommended_action: Give each job only the permissions that it needs
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.write_all

import rego.v1

import data.lib.pipeline

deny contains res if {
	input.permissions.all == "write-all"
	res := pipeline.at(input.permissions.line, "permissions", "The workflow has the permissions write-all.")
}

deny contains res if {
	some job in input.jobs
	job.permissions.all == "write-all"
	res := pipeline.at(job.permissions.line, job.name, sprintf("The job %q has the permissions write-all.", [job.name]))
}
