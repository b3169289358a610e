# METADATA
# title: A workflow starts on an event that gives outsiders a token that can write
# description: |
#   pull_request_target and workflow_run run with the secrets of the repository on events that anybody can cause.
#   It takes one step that reads text or files of the pull request to lose them.
# related_resources:
#   - https://securitylab.github.com/resources/github-actions-preventing-pwn-requests/
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0010
#   long_id: pipeline-dangerous-trigger
#   aliases:
#     - dangerous-triggers
#   controls:
#     - CICD-SEC-4
#   severity: MEDIUM
#   recommended_action: Use pull_request; or keep the job free of anything that the pull request contains and say so in a comment
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.dangerous_trigger

import rego.v1

import data.lib.pipeline

deny contains res if {
	some t in input.triggers
	t.name in {"pull_request_target", "workflow_run"}
	not only_labels
	res := pipeline.at(t.line, t.name, sprintf("The workflow starts on %s, with secrets, for what outsiders do.", [t.name]))
}

# Labelling reads nothing but the names of files.
only_labels if {
	every job in input.jobs {
		count(job.steps) > 0
		every step in job.steps {
			step.action == "actions/labeler"
		}
	}
}
