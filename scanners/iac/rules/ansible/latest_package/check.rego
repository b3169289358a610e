# METADATA
# title: A task installs whatever version is the newest
# description: |
#   Each run can install another version, also one that was taken over, and no run can be repeated.
# related_resources:
#   - https://docs.ansible.com/projects/lint/rules/package-latest/
# custom:
#   id: ANS-0009
#   long_id: ansible-latest-package
#   aliases:
#     - package-latest
#     - latest[git]
#   controls:
#     - CWE-1357
#   severity: LOW
#   recommended_action: Name a version, or set state to present
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.latest_package

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	t.module in {"apt", "yum", "dnf", "dnf5", "package", "pip", "npm", "gem", "zypper", "apk", "pacman", "homebrew", "snap"}
	some a in t.args
	a.name == "state"
	a.value == "latest"
	not only_upgrade(t)
	res := rules.at(a.line, t.name, sprintf("The task %q installs the newest version.", [t.name]))
}

deny contains res if {
	some t in input.tasks
	t.module == "git"
	not pinned(t)
	res := rules.at(t.line, t.name, sprintf("The task %q takes the newest state of a repository.", [t.name]))
}

pinned(t) if {
	some a in t.args
	a.name == "version"
	not a.value in {"HEAD", "main", "master", "develop", "devel", "trunk", ""}
}

only_upgrade(t) if {
	some a in t.args
	a.name in {"only_upgrade", "upgrade", "update_only", "security"}
	a.bool
}
