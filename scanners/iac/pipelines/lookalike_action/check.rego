# METADATA
# title: An action has nearly the name of a well-known one
# description: |
#   Names that differ in one letter are registered to be used by mistake.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0039
#   long_id: pipeline-lookalike-action
#   aliases:
#     - typosquat-uses
#   controls:
#     - CICD-SEC-3
#   severity: HIGH
#   recommended_action: Correct the name
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.lookalike_action

import rego.v1

import data.lib.pipeline

deny contains res if {
	some u in input.uses
	u.resembles != ""
	res := pipeline.at(u.line, u.name, sprintf("%q is nearly %q.", [u.name, u.resembles]))
}
