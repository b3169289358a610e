# METADATA
# title: A role or collection of others has no version
# description: |
#   Each installation can bring other code, which runs with the rights of the playbook on every host.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/galaxy/user_guide.html
# custom:
#   id: ANS-0010
#   long_id: ansible-unpinned-role
#   controls:
#     - CWE-1357
#   severity: MEDIUM
#   recommended_action: Name a version
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.unpinned_role

import rego.v1

import data.lib.rules

deny contains res if {
	some r in input.requirements
	r.version in {"", "*", "main", "master", "HEAD", "devel", "latest"}
	res := rules.at(r.line, r.name, sprintf("%q has no version.", [r.name]))
}
