# METADATA
# title: A task shows a secret in its output
# description: |
#   The command with the secret in it, or the secret itself, is printed and ends in the logs of whoever runs the playbook.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/reference_appendices/logging.html
# custom:
#   id: ANS-0008
#   long_id: ansible-secret-in-log
#   controls:
#     - CWE-532
#   severity: MEDIUM
#   recommended_action: Set no_log for the task
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.secret_in_log

import rego.v1

import data.lib.rules

secret := `(?i)\{\{\s*[^}]*(password|passwd|passphrase|secret|token|api_?key|private_?key|access_?key)s?\s*(\||\}\})`

deny contains res if {
	some t in input.tasks
	not t.no_log
	t.module in {"shell", "command", "raw", "win_shell", "win_command"}
	regex.match(secret, t.free)
	res := rules.at(t.free_line, t.name, sprintf("The command of the task %q has a secret in it and is printed.", [t.name]))
}

deny contains res if {
	some t in input.tasks
	not t.no_log
	t.module == "debug"
	some a in t.args
	a.name in {"msg", "var"}
	shown(a)
	res := rules.at(a.line, t.name, sprintf("The task %q prints a secret.", [t.name]))
}

shown(a) if regex.match(secret, a.value)

shown(a) if {
	a.name == "var"
	regex.match(`(?i)^[a-z0-9_]*(password|passwd|passphrase|secret|api_?key|private_?key)$`, a.value)
}
