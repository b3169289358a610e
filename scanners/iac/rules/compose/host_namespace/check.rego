# METADATA
# title: A service shares a namespace with the host
# description: |
#   With the network, the processes, the shared memory or the users of the host, a container sees and reaches what the
#   isolation is there to keep from it.
# related_resources:
#   - https://cheatsheetseries.owasp.org/cheatsheets/Docker_Security_Cheat_Sheet.html
# custom:
#   id: COMP-0002
#   long_id: compose-host-namespace
#   controls:
#     - CIS-Docker-1.6-5.10
#     - CIS-Docker-1.6-5.16
#     - CIS-Docker-1.6-5.17
#     - CIS-Docker-1.6-5.31
#   severity: HIGH
#   recommended_action: Remove the setting, and publish the ports that are needed
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.host_namespace

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	some m in s.modes
	m.text == "host"
	m.name != "cgroup"
	res := rules.at(m.line, s.name, sprintf("The service %q has %s of the host.", [s.name, m.name]))
}
