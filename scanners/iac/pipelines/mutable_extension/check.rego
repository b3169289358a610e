# METADATA
# title: An extension of the pipeline is used without a fixed version
# description: |
#   An orb, pipe or task that is named without a version, or by a moving one, is other code with each release.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0045
#   long_id: pipeline-mutable-extension
#   aliases:
#     - mutable-orb
#     - CKV_CIRCLECIPIPELINES_3
#     - CKV_CIRCLECIPIPELINES_4
#   controls:
#     - CICD-SEC-3
#   severity: MEDIUM
#   recommended_action: Name the full version
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.mutable_extension

import rego.v1

import data.lib.pipeline

deny contains res if {
	some u in input.uses
	u.sort in {"orb", "pipe"}
	u.pin in {"none", "branch"}
	res := pipeline.at(u.line, u.name, sprintf("%q has no fixed version.", [u.text]))
}
