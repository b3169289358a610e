# METADATA
# title: A task starts a container that is not kept apart from its host
# description: |
#   A privileged container, or one with the socket of the runtime, controls the host.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/collections/community/docker/docker_container_module.html
# custom:
#   id: ANS-0014
#   long_id: ansible-container-escape
#   controls:
#     - CWE-250
#   severity: HIGH
#   recommended_action: Remove the setting and give the one right that is needed
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.container_escape

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	t.module in {"docker_container", "podman_container", "docker_swarm_service"}
	some a in t.args
	what := escape(a)
	res := rules.at(a.line, t.name, sprintf("The container of the task %q has %s.", [t.name, what]))
}

escape(a) := "all privileges" if {
	a.name == "privileged"
	a.bool
}

escape(a) := sprintf("%s of the host", [a.name]) if {
	a.name in {"network_mode", "pid_mode", "ipc_mode", "userns_mode", "network", "pid", "ipc"}
	a.value == "host"
}

escape(a) := "the socket of the runtime" if {
	a.name in {"volumes", "volume", "mounts.source"}
	rules.runtime_socket(split(a.value, ":")[0])
}
