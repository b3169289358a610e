# METADATA
# title: A service has a capability that breaks the isolation
# description: |
#   Capabilities such as SYS_ADMIN and SYS_MODULE are as good as root on the host.
# related_resources:
#   - https://cheatsheetseries.owasp.org/cheatsheets/Docker_Security_Cheat_Sheet.html
#   - https://man7.org/linux/man-pages/man7/capabilities.7.html
# custom:
#   id: COMP-0004
#   long_id: compose-dangerous-capability
#   controls:
#     - CIS-Docker-1.6-5.4
#   severity: HIGH
#   recommended_action: Remove the capability, or narrow it to the one that is needed
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.dangerous_capability

import rego.v1

import data.lib.rules

dangerous := {"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_BOOT", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "BPF", "PERFMON", "NET_ADMIN", "SYSLOG"}

deny contains res if {
	some s in input.services
	some c in s.cap_add
	name := trim_prefix(upper(c.text), "CAP_")
	name in dangerous
	res := rules.at(c.line, s.name, sprintf("The service %q has the capability %s.", [s.name, name]))
}
