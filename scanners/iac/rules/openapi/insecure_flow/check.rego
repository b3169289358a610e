# METADATA
# title: Tokens are given out by a flow that is given up
# description: |
#   The implicit flow leaks tokens through addresses, and the password flow gives the password to the client. OAuth 2.1
#   has neither.
# related_resources:
#   - https://datatracker.ietf.org/doc/html/rfc9700
# custom:
#   id: OAPI-0006
#   long_id: openapi-insecure-flow
#   aliases:
#     - CKV_OPENAPI_2
#     - CKV_OPENAPI_3
#   controls:
#     - API2:2023
#   severity: MEDIUM
#   recommended_action: Use the authorization code flow with PKCE, or client credentials
#   input:
#     selector:
#       - type: openapi
package gatehouse.checks.openapi.insecure_flow

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.schemes
	some flow in s.flows
	flow in {"implicit", "password"}
	res := rules.at(s.line, s.name, sprintf("The scheme %q has the %s flow.", [s.name, flow]))
}
