# METADATA
# title: A task runs an image without a version
# description: |
#   An image without a tag, or with the tag latest, is another one with each release, so nobody knows what runs.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/collections/community/docker/docker_container_module.html
# custom:
#   id: ANS-0017
#   long_id: ansible-mutable-image
#   controls:
#     - CWE-1357
#   severity: MEDIUM
#   recommended_action: Name a version, and pin the image by digest
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.mutable_image

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	t.module in {"docker_container", "podman_container", "docker_swarm_service"}
	some a in t.args
	a.name == "image"
	not a.template
	not contains(a.value, "@")
	not regex.match(`:[^/:]+$`, replace(a.value, ":latest", ""))
	res := rules.at(a.line, t.name, sprintf("The image %q of the task %q has no version.", [a.value, t.name]))
}
