# METADATA
# title: A task goes on whatever happens
# description: |
#   A step that failed, which may be the one that protects, is not noticed.
# related_resources:
#   - https://docs.ansible.com/projects/lint/rules/ignore-errors/
# custom:
#   id: ANS-0011
#   long_id: ansible-ignored-errors
#   aliases:
#     - ignore-errors
#   controls:
#     - CWE-390
#   severity: LOW
#   recommended_action: Say with failed_when what is no failure, or use a rescue
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.ignored_errors

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	t.ignore > 0
	not t.registered
	res := rules.at(t.ignore, t.name, sprintf("The task %q ignores all errors.", [t.name]))
}
