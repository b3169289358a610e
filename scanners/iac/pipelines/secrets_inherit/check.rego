# METADATA
# title: All secrets are handed to another workflow
# description: |
#   With "secrets: inherit" the called workflow, and all that it uses, gets each secret of the caller, needed or
#   not.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0014
#   long_id: pipeline-secrets-inherit
#   aliases:
#     - secrets-inherit
#   controls:
#     - CICD-SEC-6
#   severity: MEDIUM
#   recommended_action: Hand on the secrets that it needs by name
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.secrets_inherit

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	job.secrets_inherit > 0
	leaves(job.uses)
	res := pipeline.at(job.secrets_inherit, job.name, sprintf("The job %q hands all secrets to %q.", [job.name, job.uses]))
}

leaves(_) if input.strict

# A workflow of the same repository can name its secrets itself.
leaves(uses) if not startswith(uses, "./")
