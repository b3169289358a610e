# METADATA
# title: A secret is used without an environment
# description: |
#   Secrets of a repository are there for each workflow on each branch. Those of an environment can be bound to
#   branches and to the approval of reviewers.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-01-Insufficient-Flow-Control-Mechanisms
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0016
#   long_id: pipeline-secrets-outside-environment
#   aliases:
#     - secrets-outside-env
#   controls:
#     - CICD-SEC-1
#     - CICD-SEC-6
#   severity: LOW
#   recommended_action: Keep the secret in an environment and name that in the job
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.secrets_outside_environment

import rego.v1

import data.lib.pipeline

deny contains res if {
	input.strict
	input.kind == "workflow"
	some e in input.expressions
	e.job >= 0
	job := input.jobs[e.job]
	job.environment == ""
	job.uses == ""
	some c in e.contexts
	startswith(c, "secrets.")
	not c in {"secrets.github_token", "secrets.*"}
	res := pipeline.at(e.line, job.name, sprintf("The job %q uses %s outside of an environment.", [job.name, c]))
}
