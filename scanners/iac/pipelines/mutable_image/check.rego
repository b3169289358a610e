# METADATA
# title: A job runs in an image without a version
# description: |
#   An image without a tag, or with the tag latest, is another one with each release, so nobody knows what a run
#   executed.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0004
#   long_id: pipeline-mutable-image
#   aliases:
#     - unpinned-images
#     - CKV_CIRCLECIPIPELINES_1
#     - CKV_GITLABCI_3
#     - CKV_BITBUCKETPIPELINES_1
#     - CKV_AZUREPIPELINES_1
#   controls:
#     - CICD-SEC-3
#   severity: MEDIUM
#   recommended_action: Name a version and pin the image by digest
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.mutable_image

import rego.v1

import data.lib.pipeline

deny contains res if {
	some i in input.images
	i.pin == "none"
	res := pipeline.at(i.line, i.text, sprintf("The image %q of a %s has no version.", [i.text, i.role]))
}
