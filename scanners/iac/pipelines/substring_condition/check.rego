# METADATA
# title: A condition looks for a name within a text
# description: |
#   contains() of a text accepts any part of it: a branch called "ma" is within "main develop".
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-01-Insufficient-Flow-Control-Mechanisms
# custom:
#   id: PIPE-0026
#   long_id: pipeline-substring-condition
#   aliases:
#     - unsound-contains
#   controls:
#     - CICD-SEC-1
#   severity: MEDIUM
#   recommended_action: Compare with ==, or use contains(fromJSON(…), …) over a list
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.substring_condition

import rego.v1

import data.lib.pipeline

deny contains res if {
	some e in input.expressions
	"contains" in e.facts
	res := pipeline.at(e.line, "if", sprintf("%q accepts any part of the text.", [e.text]))
}
