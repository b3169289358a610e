# METADATA
# title: A job has the default permissions, or may read everything
# description: |
#   Without permissions in the workflow or the job, the token has what the repository or organisation grants by
#   default, which can be everything.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-05-Insufficient-PBAC
# custom:
#   id: PIPE-0013
#   long_id: pipeline-default-permissions
#   aliases:
#     - excessive-permissions
#   controls:
#     - CICD-SEC-5
#   severity: MEDIUM
#   recommended_action: Write permissions at the top of the workflow, such as to read contents, and add to them in jobs
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.default_permissions

import rego.v1

import data.lib.pipeline

deny contains res if {
	input.kind == "workflow"
	not input.permissions
	open := [job | some job in input.jobs; not job.permissions; not left_to_caller(job)]
	count(open) > 0
	names := concat(", ", [job.name | some job in open])
	res := pipeline.at(open[0].line, open[0].name, sprintf("Nothing limits the permissions of the token for: %s.", [names]))
}

deny contains res if {
	input.strict
	input.permissions.all == "read-all"
	res := pipeline.at(input.permissions.line, "permissions", "The workflow may read everything.")
}

deny contains res if {
	input.strict
	some job in input.jobs
	job.permissions.all == "read-all"
	res := pipeline.at(job.permissions.line, job.name, sprintf("The job %q may read everything.", [job.name]))
}

# The caller of a reusable workflow decides.
left_to_caller(job) if {
	job.uses == ""
	count(input.triggers) > 0
	every t in input.triggers {
		by_call(t)
	}
}

by_call(t) if t.name == "workflow_call"

by_call(t) if t.inherited
