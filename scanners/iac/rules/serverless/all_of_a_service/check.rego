# METADATA
# title: Functions may do everything with all that a service has
# description: |
#   All actions of a service on all its resources are more than a function needs.
# related_resources:
#   - https://www.serverless.com/framework/docs/providers/aws/guide/iam
# custom:
#   id: SLS-0002
#   long_id: serverless-all-of-a-service
#   controls:
#     - CWE-250
#   severity: MEDIUM
#   recommended_action: Name the actions and the resources that are needed
#   input:
#     selector:
#       - type: serverless
package gatehouse.checks.serverless.all_of_a_service

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.statements
	s.effect == "Allow"
	"*" in s.resources
	some a in s.actions
	regex.match(`^[a-z0-9-]+:\*$`, a)
	not a in {"iam:*", "xray:*", "logs:*"}
	res := rules.at(s.line, s.owner, sprintf("A statement of %q allows %s on everything.", [s.owner, a]))
}
