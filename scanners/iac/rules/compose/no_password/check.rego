# METADATA
# title: A database lets everybody in
# description: |
#   The service is told to do without a password, so whoever reaches it over the network owns the data.
# related_resources:
#   - https://github.com/compose-spec/compose-spec/blob/main/05-services.md
# custom:
#   id: COMP-0009
#   long_id: compose-no-password
#   controls:
#     - CWE-306
#   severity: HIGH
#   recommended_action: Set a password and remove the setting
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.no_password

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	some v in s.env
	v.literal
	open(v.name, lower(v.value))
	res := rules.at(v.line, s.name, sprintf("%s lets everybody into the service %q.", [v.name, s.name]))
}

open("POSTGRES_HOST_AUTH_METHOD", "trust")

open(name, value) if {
	name in {"MYSQL_ALLOW_EMPTY_PASSWORD", "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD", "MARIADB_ALLOW_EMPTY_PASSWORD", "ALLOW_EMPTY_PASSWORD", "ALLOW_ANONYMOUS_LOGIN", "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED"}
	value in {"yes", "true", "1", "on"}
}

open(name, "false") if name in {"xpack.security.enabled", "XPACK_SECURITY_ENABLED"}

open("DISABLE_SECURITY_PLUGIN", "true")

open("NEO4J_AUTH", "none")

open("GF_AUTH_ANONYMOUS_ORG_ROLE", "admin")
