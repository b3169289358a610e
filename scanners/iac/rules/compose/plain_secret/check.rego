# METADATA
# title: A secret of a service stands in the file
# description: |
#   Whoever can read the file has the password, and so has everyone who can inspect the container.
# related_resources:
#   - https://cheatsheetseries.owasp.org/cheatsheets/Docker_Security_Cheat_Sheet.html
#   - https://docs.docker.com/compose/how-tos/use-secrets/
# custom:
#   id: COMP-0008
#   long_id: compose-plain-secret
#   aliases:
#     - CKV_SECRET
#   controls:
#     - CWE-798
#   severity: HIGH
#   recommended_action: Use secrets of Compose and the _FILE form of the variable, or take the value from the environment
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.plain_secret

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	some v in s.env
	v.literal
	rules.secret_name(v.name)
	rules.secret_value(v.value)
	res := rules.at(v.line, s.name, sprintf("The value of %s of the service %q stands in the file.", [v.name, s.name]))
}

deny contains res if {
	some s in input.services
	some v in s.env
	v.literal
	rules.credentials_in_url(v.value)
	res := rules.at(v.line, s.name, sprintf("The address in %s of the service %q has a password in it.", [v.name, s.name]))
}
