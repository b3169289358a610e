# METADATA
# title: Functions may do everything
# description: |
#   Whoever finds a hole in a function has the whole account.
# related_resources:
#   - https://www.serverless.com/framework/docs/providers/aws/guide/iam
# custom:
#   id: SLS-0001
#   long_id: serverless-all-actions
#   controls:
#     - CWE-250
#   severity: HIGH
#   recommended_action: Name the actions and the resources that are needed
#   input:
#     selector:
#       - type: serverless
package gatehouse.checks.serverless.all_actions

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.statements
	s.effect == "Allow"
	some a in s.actions
	a in {"*", "*:*", "iam:*"}
	res := rules.at(s.line, s.owner, sprintf("A statement of %q allows %s.", [s.owner, a]))
}

deny contains res if {
	some s in input.statements
	s.effect == "Allow"
	s.not_action
	res := rules.at(s.line, s.owner, sprintf("A statement of %q allows everything but what it names.", [s.owner]))
}
