# METADATA
# title: A service runs an image without a version
# description: |
#   An image without a tag, or with the tag latest, is another one with each release, so nobody knows what runs.
# related_resources:
#   - https://github.com/compose-spec/compose-spec/blob/main/05-services.md
# custom:
#   id: COMP-0007
#   long_id: compose-mutable-image
#   controls:
#     - CIS-Docker-1.6-5.28
#   severity: MEDIUM
#   recommended_action: Name a version, and pin the image by digest
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.mutable_image

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	s.image.text != ""
	s.image.pin == "none"
	not s.image.built
	res := rules.at(s.image.line, s.name, sprintf("The image %q of the service %q has no version.", [s.image.text, s.name]))
}
