# METADATA
# title: A service has a sensitive directory of the host
# description: |
#   With the root, the configuration or the devices of the host, or with the keys of a user, a container can take over the
#   host, or whatever the keys open.
# related_resources:
#   - https://cheatsheetseries.owasp.org/cheatsheets/Docker_Security_Cheat_Sheet.html
# custom:
#   id: COMP-0011
#   long_id: compose-sensitive-mount
#   controls:
#     - CIS-Docker-1.6-5.6
#   severity: HIGH
#   recommended_action: Mount only the directory that is needed, or use a named volume
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.sensitive_mount

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	some m in s.mounts
	rules.sensitive_path(m.source)
	res := rules.at(m.line, s.name, sprintf("The service %q has %s of the host%s.", [s.name, m.source, rules.mode(m)]))
}

deny contains res if {
	some m in input.volumes
	rules.sensitive_path(m.source)
	res := rules.at(m.line, "volumes", sprintf("A volume is %s of the host.", [m.source]))
}
