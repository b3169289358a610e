# METADATA
# title: A task runs a script from the network as it comes
# description: |
#   Whoever controls the server, or the name, decides what the host runs, and nothing is left to look at afterwards.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/collections/ansible/builtin/get_url_module.html
# custom:
#   id: ANS-0001
#   long_id: ansible-piped-download
#   controls:
#     - CWE-494
#   severity: HIGH
#   recommended_action: Download a fixed version with get_url and a checksum, then run it
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.piped_download

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	regex.match(`\b(curl|wget)\b[^|;]*\|\s*(sudo\s+(-\S+\s+)*)?(/\S*/)?((ba|z|k|da)?sh|python[0-9.]*|perl)\b|\b(ba|z)?sh\s+(-\S+\s+)*<\(\s*(curl|wget)\b|\b(ba|z)?sh\s+-\S*c\s+["']?\$\(\s*(curl|wget)\b`, t.free)
	not regex.match(`\|\s*python[0-9.]*\s+-m\b`, t.free)
	res := rules.at(t.free_line, t.name, sprintf("The task %q runs a download without a look at it.", [t.name]))
}
