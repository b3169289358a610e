# METADATA
# title: A service can control the container runtime of the host
# description: |
#   Whoever can talk to the socket of Docker, containerd or Podman can start a container with the whole host in it. That
#   the mount is read-only changes nothing: a socket is still written to.
# related_resources:
#   - https://cheatsheetseries.owasp.org/cheatsheets/Docker_Security_Cheat_Sheet.html
# custom:
#   id: COMP-0003
#   long_id: compose-runtime-socket
#   controls:
#     - CIS-Docker-1.6-5.32
#   severity: CRITICAL
#   recommended_action: Put a proxy that allows only the needed calls in between, or use rootless containers
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.runtime_socket

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	some m in s.mounts
	rules.runtime_socket(m.source)
	res := rules.at(m.line, s.name, sprintf("The service %q has %s of the host.", [s.name, m.source]))
}

deny contains res if {
	some m in input.volumes
	rules.runtime_socket(m.source)
	res := rules.at(m.line, "volumes", sprintf("A volume is %s of the host.", [m.source]))
}
