# METADATA
# title: The keys of hosts are not checked
# description: |
#   Whoever answers under the address of a host gets what the playbook sends, secrets too.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/inventory_guide/connection_details.html
# custom:
#   id: ANS-0013
#   long_id: ansible-no-host-key-check
#   controls:
#     - CWE-322
#   severity: MEDIUM
#   recommended_action: Remove the setting and keep the keys in known_hosts
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.no_host_key_check

import rego.v1

import data.lib.rules

deny contains res if {
	some a in input.vars
	off(a)
	res := rules.at(a.line, a.name, sprintf("%s switches the check of host keys off.", [a.name]))
}

deny contains res if {
	some t in input.tasks
	some a in t.args
	off(a)
	res := rules.at(a.line, t.name, sprintf("The task %q does not check the key of a host (%s).", [t.name, a.name]))
}

off(a) if {
	a.name in {"ansible_host_key_checking", "ansible_ssh_host_key_checking"}
	a.off
}

off(a) if regex.match(`(?i)StrictHostKeyChecking[= ](no|off)\b`, a.value)

off(a) if {
	a.name in {"accept_hostkey"}
	a.bool
}
