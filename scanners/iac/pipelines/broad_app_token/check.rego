# METADATA
# title: The token of a GitHub App is wider than the job needs
# description: |
#   It is valid for all repositories of the owner, has all permissions of the app, or outlives the job.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-05-Insufficient-PBAC
# custom:
#   id: PIPE-0034
#   long_id: pipeline-broad-app-token
#   aliases:
#     - github-app
#   controls:
#     - CICD-SEC-5
#   severity: MEDIUM
#   recommended_action: Name repositories and permission-… inputs, and leave skip-token-revoke out
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.broad_app_token

import rego.v1

import data.lib.pipeline

deny contains res if {
	some x in tokens
	pipeline.given(x.step, "skip-token-revoke")
	not lower(pipeline.value_of(x.step, "skip-token-revoke")) in {"false", ""}
	some v in x.step.with
	v.name == "skip-token-revoke"
	res := pipeline.at(v.line, pipeline.place(x.job, x.step), "The token is not revoked when the job ends.")
}

deny contains res if {
	some x in tokens
	pipeline.given(x.step, "owner")
	not pipeline.given(x.step, "repositories")
	not only_organisation(x.step)
	some v in x.step.with
	v.name == "owner"
	res := pipeline.at(v.line, pipeline.place(x.job, x.step), "The token is valid for all repositories of the owner.")
}

deny contains res if {
	some x in tokens
	count(wanted(x.step)) == 0
	res := pipeline.at(x.step.uses_line, pipeline.place(x.job, x.step), "The token has all permissions of the app.")
}

tokens contains {"job": job, "step": step} if {
	some job in input.jobs
	some step in job.steps
	step.action in {"actions/create-github-app-token", "tibdex/github-app-token"}
}

wanted(step) := {v.name | some v in step.with; startswith(v.name, "permission")}

only_organisation(step) if {
	count(wanted(step)) > 0
	every n in wanted(step) {
		regex.match(`^permission-(members|organization-.*)$`, n)
	}
}
