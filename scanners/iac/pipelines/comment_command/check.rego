# METADATA
# title: A comment by anybody starts a job with rights
# description: |
#   Whoever can comment starts the job, which deploys, has secrets, or can write. A condition on the text of the comment
#   stops nobody.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0050
#   long_id: pipeline-comment-command
#   controls:
#     - CICD-SEC-1
#     - CICD-SEC-4
#   severity: HIGH
#   recommended_action: Ask for the author_association of the comment, or for the permission of its author, before anything else runs
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.comment_command

import rego.v1

import data.lib.pipeline

deny contains res if {
	input.kind == "workflow"
	some t in input.triggers
	t.name in {"issue_comment", "discussion_comment"}
	every other in input.triggers {
		other.name in {"issue_comment", "discussion_comment", "workflow_call"}
	}
	not somebody_asked
	some i, job in input.jobs
	powerful(i, job)
	res := pipeline.at(job.line, job.name, sprintf("Anybody who comments starts the job %q, which %s.", [job.name, why(i, job)]))
}

powerful(i, job) if why(i, job)

why(_, job) := "has an environment" if job.environment != ""

else := "can write code or packages" if writes(job)

why(i, job) := "uses secrets" if {
	job.environment == ""
	not writes(job)
	some e in input.expressions
	e.job == i
	some c in e.contexts
	startswith(c, "secrets.")
	c != "secrets.github_token"
}

writes(job) if {
	some name in {"contents", "packages", "deployments", "id-token", "actions"}
	pipeline.may_write(job, name)
}

# Any test of who comments, wherever it is, is believed.
somebody_asked if {
	some c in input.conditions
	person(c.text)
}

somebody_asked if {
	some job in input.jobs
	some step in job.steps
	asks(step)
}

asks(step) if {
	some l in step.lines
	person(l.text)
}

asks(step) if {
	some v in step.env
	person(v.value)
}

asks(step) if {
	some v in step.with
	person(v.value)
}

asks(step) if regex.match(`permission|membership|team|allowlist|command`, step.action)

person(text) if regex.match(`(?i)author_association|comment\.user\.(login|id)|github\.actor|sender\.(login|id)|triggering_actor|collaborators/|getCollaboratorPermissionLevel|checkCollaborator|/permission\b|getMembershipForUser`, text)
