# METADATA
# title: An interface does not say who may call it
# description: |
#   Neither the interface nor any operation asks for a proof of who calls, so servers and gateways that are made from the
#   description let everybody in.
# related_resources:
#   - https://spec.openapis.org/oas/latest.html#security-requirement-object
#   - https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/
# custom:
#   id: OAPI-0001
#   long_id: openapi-no-security
#   aliases:
#     - CKV_OPENAPI_4
#     - CKV_OPENAPI_5
#   controls:
#     - API2:2023
#   severity: MEDIUM
#   recommended_action: Define security schemes and require them with security
#   input:
#     selector:
#       - type: openapi
package gatehouse.checks.openapi.no_security

import rego.v1

import data.lib.rules

deny contains res if {
	count(input.operations) > 0
	not input.security.given
	every o in input.operations {
		not o.security.given
	}
	res := rules.at(input.paths_line, "paths", "No operation asks who calls.")
}
