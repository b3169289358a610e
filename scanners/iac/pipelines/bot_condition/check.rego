# METADATA
# title: A condition trusts the name of a bot that others can borrow
# description: |
#   github.actor is whoever caused the last event, not the author of the change: an outsider can make a bot act
#   last on their own pull request.
# related_resources:
#   - https://www.synacktiv.com/publications/github-actions-exploitation-dependabot
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0025
#   long_id: pipeline-bot-condition
#   aliases:
#     - bot-conditions
#   controls:
#     - CICD-SEC-4
#   severity: HIGH
#   recommended_action: Compare github.event.pull_request.user.login, and the repository of the head
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.bot_condition

import rego.v1

import data.lib.pipeline

deny contains res if {
	exposed
	some c in input.conditions
	some b in c.bots
	res := pipeline.at(c.line, "if", sprintf("The condition trusts %s to be a bot.", [b.context]))
}

exposed if {
	some t in input.triggers
	t.name in {"pull_request_target", "workflow_run", "issue_comment", "pull_request"}
}
