# METADATA
# title: A required security scheme is not defined
# description: |
#   What is made from the description cannot check a scheme that it does not know, and most tools then check nothing.
# related_resources:
#   - https://spec.openapis.org/oas/latest.html#security-requirement-object
# custom:
#   id: OAPI-0007
#   long_id: openapi-undefined-scheme
#   aliases:
#     - CKV_OPENAPI_6
#   controls:
#     - API8:2023
#   severity: MEDIUM
#   recommended_action: Define the scheme, or correct its name
#   input:
#     selector:
#       - type: openapi
package gatehouse.checks.openapi.undefined_scheme

import rego.v1

import data.lib.rules

defined := {s.name | some s in input.schemes}

required contains name if some name in input.security.names

required contains name if {
	some o in input.operations
	some name in o.security.names
}

deny contains res if {
	some name in required
	not name.text in defined
	res := rules.at(name.line, name.text, sprintf("The security scheme %q is not defined.", [name.text]))
}
