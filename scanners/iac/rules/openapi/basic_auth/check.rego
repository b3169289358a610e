# METADATA
# title: An interface takes the password with each request
# description: |
#   With basic authentication the password goes along with each request and cannot be narrowed or taken back like a token.
# related_resources:
#   - https://spec.openapis.org/oas/latest.html#security-scheme-object
#   - https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/
# custom:
#   id: OAPI-0005
#   long_id: openapi-basic-auth
#   aliases:
#     - CKV_OPENAPI_1
#   controls:
#     - API2:2023
#   severity: LOW
#   recommended_action: Use tokens, with OAuth or OpenID Connect
#   input:
#     selector:
#       - type: openapi
package gatehouse.checks.openapi.basic_auth

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.schemes
	s.type == "http"
	s.scheme in {"basic", "digest"}
	res := rules.at(s.line, s.name, sprintf("The scheme %q is %s authentication.", [s.name, s.scheme]))
}
