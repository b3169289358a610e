# METADATA
# title: A service is privileged
# description: |
#   A privileged container has every capability and every device of the host: whoever controls it controls the host.
# related_resources:
#   - https://cheatsheetseries.owasp.org/cheatsheets/Docker_Security_Cheat_Sheet.html
# custom:
#   id: COMP-0001
#   long_id: compose-privileged
#   aliases:
#     - KICS ae5b6871
#   controls:
#     - CIS-Docker-1.6-5.5
#   severity: CRITICAL
#   recommended_action: Remove privileged, and add the one capability or device that is needed
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.privileged

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	s.privileged > 0
	res := rules.at(s.privileged, s.name, sprintf("The service %q is privileged.", [s.name]))
}
