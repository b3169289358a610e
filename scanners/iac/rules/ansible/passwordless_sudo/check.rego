# METADATA
# title: Everything is allowed with sudo, without a password
# description: |
#   Whoever gets hold of the account, or of a process that runs as it, is root.
# related_resources:
#   - https://www.sudo.ws/docs/man/sudoers.man/
# custom:
#   id: ANS-0015
#   long_id: ansible-passwordless-sudo
#   controls:
#     - CWE-250
#   severity: HIGH
#   recommended_action: Name the commands that are needed
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.passwordless_sudo

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	some a in t.args
	a.name in {"line", "content", "block", "insertafter", "replace", "commands"}
	regex.match(`NOPASSWD:\s*ALL\b`, a.value)
	res := rules.at(a.line, t.name, sprintf("The task %q allows everything with sudo, without a password.", [t.name]))
}

deny contains res if {
	some t in input.tasks
	t.module == "sudoers"
	some a in t.args
	a.name == "commands"
	a.value == "ALL"
	not password(t)
	res := rules.at(a.line, t.name, sprintf("The task %q allows everything with sudo, without a password.", [t.name]))
}

password(t) if {
	some a in t.args
	a.name == "nopassword"
	a.off
}
