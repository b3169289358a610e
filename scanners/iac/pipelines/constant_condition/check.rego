# METADATA
# title: A condition is always true
# description: |
#   With text beside the ${{ }}, even if it is only the end of the line, the value is a text that is not empty,
#   which counts as true.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-01-Insufficient-Flow-Control-Mechanisms
# custom:
#   id: PIPE-0027
#   long_id: pipeline-constant-condition
#   aliases:
#     - unsound-condition
#   controls:
#     - CICD-SEC-1
#   severity: HIGH
#   recommended_action: Write the condition without ${{ }}, or end the block with |- or >-
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.constant_condition

import rego.v1

import data.lib.pipeline

deny contains res if {
	some c in input.conditions
	c.always
	res := pipeline.at(c.line, "if", "The condition is always true, as there is text beside the expression.")
}
