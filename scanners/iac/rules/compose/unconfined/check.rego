# METADATA
# title: A service has its confinement switched off
# description: |
#   Seccomp, AppArmor and SELinux keep a container from the rarely used parts of the kernel, which is where most escapes
#   begin.
# related_resources:
#   - https://cheatsheetseries.owasp.org/cheatsheets/Docker_Security_Cheat_Sheet.html
# custom:
#   id: COMP-0005
#   long_id: compose-unconfined
#   controls:
#     - CIS-Docker-1.6-5.2
#     - CIS-Docker-1.6-5.3
#     - CIS-Docker-1.6-5.22
#   severity: HIGH
#   recommended_action: Remove the option, or name a profile of your own
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.unconfined

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	some o in s.security_opt
	regex.match(`^(?i)((seccomp|apparmor)[:=]unconfined|label[:=]disable|systempaths[:=]unconfined|no-new-privileges[:=]false)$`, o.text)
	res := rules.at(o.line, s.name, sprintf("The service %q runs with %s.", [s.name, o.text]))
}
