# METADATA
# title: A package registry is reached without encryption
# description: |
#   Whoever is on the way can replace packages and read the password.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0033
#   long_id: pipeline-unencrypted-registry
#   aliases:
#     - insecure-url-scheme
#   controls:
#     - CICD-SEC-3
#   severity: HIGH
#   recommended_action: Use https
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.unencrypted_registry

import rego.v1

import data.lib.pipeline

deny contains res if {
	some u in input.updates
	u.insecure > 0
	res := pipeline.at(u.insecure, u.ecosystem, sprintf("The registry %q is reached by http.", [u.ecosystem]))
}
