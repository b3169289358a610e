# METADATA
# title: An expression takes all secrets at once
# description: |
#   toJSON(secrets), or a secret whose name is computed, puts each secret of the repository into the memory of the
#   runner, and masks none of the parts.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0015
#   long_id: pipeline-all-secrets
#   aliases:
#     - overprovisioned-secrets
#   controls:
#     - CICD-SEC-6
#   severity: MEDIUM
#   recommended_action: Name each secret that is needed
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.all_secrets

import rego.v1

import data.lib.pipeline

deny contains res if {
	some e in input.expressions
	"all-secrets" in e.facts
	res := pipeline.at(e.line, "secrets", sprintf("%q takes all secrets.", [e.text]))
}
