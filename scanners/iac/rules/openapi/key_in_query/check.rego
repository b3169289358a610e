# METADATA
# title: A key stands in the address of a request
# description: |
#   Addresses end in the logs of servers and proxies, and in the history of browsers, and the key with them.
# related_resources:
#   - https://spec.openapis.org/oas/latest.html#security-scheme-object
#   - https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/
# custom:
#   id: OAPI-0004
#   long_id: openapi-key-in-query
#   aliases:
#     - CKV_OPENAPI_21
#   controls:
#     - API2:2023
#     - CWE-598
#   severity: MEDIUM
#   recommended_action: Take the key from a header
#   input:
#     selector:
#       - type: openapi
package gatehouse.checks.openapi.key_in_query

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.schemes
	s.type == "apiKey"
	s.in == "query"
	res := rules.at(s.line, s.name, sprintf("The key of the scheme %q stands in the address.", [s.name]))
}
