# METADATA
# title: A part of a secret is not masked in logs
# description: |
#   Only the whole value of a secret is masked. fromJSON(secrets.X).y is another text, which the log shows.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0017
#   long_id: pipeline-parsed-secret
#   aliases:
#     - unredacted-secrets
#   controls:
#     - CICD-SEC-6
#   severity: MEDIUM
#   recommended_action: Keep each value in a secret of its own
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.parsed_secret

import rego.v1

import data.lib.pipeline

deny contains res if {
	some e in input.expressions
	"parsed-secret" in e.facts
	res := pipeline.at(e.line, "secrets", sprintf("%q takes a secret apart, and logs show the parts.", [e.text]))
}
