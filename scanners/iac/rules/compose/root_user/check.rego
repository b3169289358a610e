# METADATA
# title: A service is told to run as root
# description: |
#   Root in the container is root of the host for whoever finds a way out.
# related_resources:
#   - https://cheatsheetseries.owasp.org/cheatsheets/Docker_Security_Cheat_Sheet.html
# custom:
#   id: COMP-0006
#   long_id: compose-root-user
#   controls:
#     - CIS-Docker-1.6-4.1
#   severity: MEDIUM
#   recommended_action: Name another user, or leave it to an image that has one
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.root_user

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	regex.match(`^(root|0+)(:.*)?$`, s.user.text)
	res := rules.at(s.user.line, s.name, sprintf("The service %q runs as root.", [s.name]))
}
