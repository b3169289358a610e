# METADATA
# title: A job runs in an image by tag
# description: |
#   A tag of an image can be pushed again. A digest cannot.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0005
#   long_id: pipeline-tagged-image
#   aliases:
#     - unpinned-images
#     - CKV_CIRCLECIPIPELINES_2
#     - CKV_AZUREPIPELINES_2
#   controls:
#     - CICD-SEC-3
#   severity: LOW
#   recommended_action: Pin the image by digest (name:tag@sha256:…)
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.tagged_image

import rego.v1

import data.lib.pipeline

deny contains res if {
	input.strict
	some i in input.images
	i.pin == "tag"
	res := pipeline.at(i.line, i.text, sprintf("The image %q of a %s is not pinned by digest.", [i.text, i.role]))
}
