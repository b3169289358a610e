# METADATA
# title: Dependabot may run code of dependencies
# description: |
#   With insecure-external-code-execution, manifests of dependencies can run code while versions are looked up,
#   with access to private registries.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0032
#   long_id: pipeline-update-execution
#   aliases:
#     - dependabot-execution
#   controls:
#     - CICD-SEC-3
#   severity: HIGH
#   recommended_action: Remove insecure-external-code-execution
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.update_execution

import rego.v1

import data.lib.pipeline

deny contains res if {
	some u in input.updates
	u.execution > 0
	res := pipeline.at(u.execution, u.ecosystem, sprintf("Updates of %s may run code of others.", [u.ecosystem]))
}
