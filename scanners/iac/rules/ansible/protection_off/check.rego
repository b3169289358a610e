# METADATA
# title: A task switches a protection of the host off
# description: |
#   SELinux and the firewall are what is left when a service has a hole.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/collections/ansible/posix/selinux_module.html
# custom:
#   id: ANS-0016
#   long_id: ansible-protection-off
#   controls:
#     - CWE-693
#   severity: MEDIUM
#   recommended_action: Leave it on and allow what the service needs
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.protection_off

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	what := off(t)
	res := rules.at(t.line, t.name, sprintf("The task %q switches %s off.", [t.name, what]))
}

has(t, names, values) if {
	some a in t.args
	a.name in names
	lower(a.value) in values
}

off(t) := "SELinux" if {
	t.module == "selinux"
	has(t, {"state"}, {"disabled", "permissive"})
}

else := "the firewall" if {
	t.module == "ufw"
	has(t, {"state"}, {"disabled", "reset"})
}

else := "the firewall" if {
	t.module in {"service", "systemd", "systemd_service"}
	has(t, {"name"}, {"firewalld", "ufw", "nftables", "iptables"})
	has(t, {"state"}, {"stopped"})
}

else := "a protection" if regex.match(`\bsetenforce\s+(0|[Pp]ermissive)|\bufw\s+(--force\s+)?disable|systemctl\s+(stop|disable|mask)\s+(--now\s+)?(firewalld|ufw|apparmor|auditd)\b`, t.free)
