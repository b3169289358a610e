# METADATA
# title: A file can be written by everybody on the host
# description: |
#   Any user, and any process that was taken over, can replace what others read or run.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/collections/ansible/builtin/file_module.html
#   - https://docs.ansible.com/projects/lint/rules/risky-file-permissions/
# custom:
#   id: ANS-0006
#   long_id: ansible-world-writable
#   controls:
#     - CWE-732
#   severity: MEDIUM
#   recommended_action: Take the right to write from the others, as in 0644 or 0755
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.world_writable

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	some a in t.args
	a.name in {"mode", "directory_mode"}
	regex.match(`^0?o?0?[0-7]?[0-7]{2}[2367]$|(^|,)[augo]*(a|o)[ugo]*[+=][rXxst]*w`, a.value)
	not regex.match(`^0?o?[1357][0-7]{3}$`, a.value)
	not a.value in {"2", "3", "6", "7"}
	res := rules.at(a.line, t.name, sprintf("The task %q sets the mode %s.", [t.name, a.value]))
}

deny contains res if {
	some t in input.tasks
	regex.match(`\bchmod\s+(-R\s+)?(0?777|0?666|a\+rwx|o\+w|a\+w|ugo\+rwx)\s`, t.free)
	res := rules.at(t.free_line, t.name, sprintf("The command of the task %q makes a file writable for everybody.", [t.name]))
}
