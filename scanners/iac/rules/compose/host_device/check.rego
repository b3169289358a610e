# METADATA
# title: A service has the memory or a disk of the host
# description: |
#   Whoever reads or writes the memory or a disk of the host directly needs no permission for any file on it.
# related_resources:
#   - https://cheatsheetseries.owasp.org/cheatsheets/Docker_Security_Cheat_Sheet.html
# custom:
#   id: COMP-0012
#   long_id: compose-host-device
#   controls:
#     - CIS-Docker-1.6-5.18
#   severity: HIGH
#   recommended_action: Remove the device, or name the one that is needed
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.host_device

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	some d in s.devices
	regex.match(`^/dev(/?|/(mem|kmem|port|kmsg|sd[a-z]+[0-9]*|vd[a-z]+[0-9]*|xvd[a-z]+[0-9]*|nvme[0-9]+n[0-9]+(p[0-9]+)?|mapper(/.*)?|dm-[0-9]+))(:|$)`, d.text)
	res := rules.at(d.line, s.name, sprintf("The service %q has the device %s.", [s.name, d.text]))
}

deny contains res if {
	some s in input.services
	some d in s.device_rules
	regex.match(`^(a|b) \*:\* `, d.text)
	res := rules.at(d.line, s.name, sprintf("The service %q may use every device (%s).", [s.name, d.text]))
}
