# METADATA
# title: A reference or expression hides what it means
# description: |
#   Paths with dots and doubled slashes, and expressions that always have the same value, are read over in reviews
#   and by tools.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0029
#   long_id: pipeline-obfuscation
#   aliases:
#     - obfuscation
#   controls:
#     - CICD-SEC-4
#   severity: LOW
#   recommended_action: Write the path or the value plainly
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.obfuscation

import rego.v1

import data.lib.pipeline

deny contains res if {
	some o in input.oddities
	res := pipeline.at(o.line, "uses", sprintf("In disguise: %s.", [o.what]))
}

deny contains res if {
	some e in input.expressions
	not e.text in {"true", "false", "always()"}
	some f in e.facts
	f in {"constant", "computed-index"}
	res := pipeline.at(e.line, "expression", sprintf("A part of %q always has the same value.", [e.text]))
}

# A literal in braces hides nothing, but has no use either.
deny contains res if {
	input.strict
	some e in input.expressions
	not e.text in {"true", "false"}
	"literal" in e.facts
	res := pipeline.at(e.line, "expression", sprintf("%q is a literal in braces.", [e.text]))
}
