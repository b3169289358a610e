# METADATA
# title: A play logs in as root
# description: |
#   Nobody can say later who did what, and the key for it opens everything.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_privilege_escalation.html
# custom:
#   id: ANS-0012
#   long_id: ansible-root-login
#   controls:
#     - CWE-250
#   severity: MEDIUM
#   recommended_action: Log in as a user of its own and use become
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.root_login

import rego.v1

import data.lib.rules

deny contains res if {
	some p in input.plays
	p.remote_user.value == "root"
	res := rules.at(p.remote_user.line, p.name, sprintf("The play %q logs in as root.", [p.name]))
}

deny contains res if {
	some a in input.vars
	a.name in {"ansible_user", "ansible_ssh_user"}
	a.value == "root"
	res := rules.at(a.line, a.name, "The hosts are entered as root.")
}
