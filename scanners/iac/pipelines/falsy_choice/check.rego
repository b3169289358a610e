# METADATA
# title: A choice between two values always takes the second
# description: |
#   In a && b || c the result is c whenever b is empty, false or zero, whatever a says.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-01-Insufficient-Flow-Control-Mechanisms
# custom:
#   id: PIPE-0028
#   long_id: pipeline-falsy-choice
#   aliases:
#     - unsound-ternary
#   controls:
#     - CICD-SEC-1
#   severity: LOW
#   recommended_action: Turn the condition round, as in !a && c || b
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.falsy_choice

import rego.v1

import data.lib.pipeline

deny contains res if {
	some e in input.expressions
	"ternary" in e.facts
	res := pipeline.at(e.line, "expression", sprintf("%q can only give its last part.", [e.text]))
}
