# METADATA
# title: A password for a registry stands in the pipeline
# description: |
#   Whoever can read the file can pull, and often push, images.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0018
#   long_id: pipeline-literal-credentials
#   aliases:
#     - hardcoded-container-credentials
#   controls:
#     - CICD-SEC-6
#   severity: HIGH
#   recommended_action: Keep it in a secret and revoke the password that was in the file
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.literal_credentials

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some c in job.credentials
	c.literal
	res := pipeline.at(c.line, job.name, sprintf("The password for an image of the job %q stands in the file.", [job.name]))
}
