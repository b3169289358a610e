# METADATA
# title: An operation that changes something is open to everybody
# description: |
#   The interface asks for a proof of who calls, but not for this operation: it requires nothing, or accepts that nothing is
#   given.
# related_resources:
#   - https://spec.openapis.org/oas/latest.html#security-requirement-object
#   - https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/
# custom:
#   id: OAPI-0002
#   long_id: openapi-open-operation
#   controls:
#     - API2:2023
#   severity: MEDIUM
#   recommended_action: Require a security scheme for the operation
#   input:
#     selector:
#       - type: openapi
package gatehouse.checks.openapi.open_operation

import rego.v1

import data.lib.rules

deny contains res if {
	some o in input.operations
	o.method in {"post", "put", "patch", "delete"}
	open(o)
	count(asks) > 0
	not regex.match(`(?i)(login|logout|signin|sign-in|signup|sign-up|register|oauth|token|auth|session|password|webhook|callback|health|public)`, o.path)
	res := rules.at(o.line, sprintf("%s %s", [upper(o.method), o.path]), sprintf("%s %s asks nobody who calls.", [upper(o.method), o.path]))
}

# asks has something if the interface asks somewhere.
asks contains "all" if {
	input.security.given
	not input.security.optional
}

asks contains o.path if {
	some o in input.operations
	o.security.given
	not o.security.optional
}

open(o) if o.security.optional

open(o) if {
	not o.security.given
	not input.security.given
}

open(o) if {
	not o.security.given
	input.security.optional
}
