# METADATA
# title: An interface is reached without encryption
# description: |
#   Everybody on the way reads the keys and the data, and can change them.
# related_resources:
#   - https://spec.openapis.org/oas/latest.html#server-object
# custom:
#   id: OAPI-0003
#   long_id: openapi-plain-http
#   aliases:
#     - CKV_OPENAPI_18
#     - CKV_OPENAPI_20
#   controls:
#     - API8:2023
#     - CWE-319
#   severity: MEDIUM
#   recommended_action: Use https, and leave http out of the schemes
#   input:
#     selector:
#       - type: openapi
package gatehouse.checks.openapi.plain_http

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.servers
	regex.match(`(?i)^(http|ws)://`, s.text)
	not regex.match(`(?i)^(http|ws)://(localhost|127\.|\[::1\]|0\.0\.0\.0|[^/]*\.(local|localhost|test|internal)([:/]|$))`, s.text)
	res := rules.at(s.line, s.text, sprintf("The interface is reached by %s.", [s.text]))
}

deny contains res if {
	some s in input.schemes
	some u in s.urls
	regex.match(`(?i)^http://`, u.text)
	not regex.match(`(?i)^http://(localhost|127\.|\[::1\])`, u.text)
	res := rules.at(u.line, s.name, sprintf("Tokens of the scheme %q come from %s.", [s.name, u.text]))
}
