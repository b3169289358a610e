# METADATA
# title: An action or workflow of others is used by tag
# description: |
#   A tag can be moved to other code by whoever controls the repository, as happened to widely used actions. A
#   full commit hash cannot.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0002
#   long_id: pipeline-tag-ref
#   aliases:
#     - unpinned-uses
#   controls:
#     - CICD-SEC-3
#   severity: MEDIUM
#   recommended_action: Pin it to the full hash of the commit with the tag in a comment behind it
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.tag_ref

import rego.v1

import data.lib.pipeline

deny contains res if {
	some u in input.uses
	u.sort in {"action", "workflow"}
	u.pin == "tag"
	not u.first_party
	res := pipeline.at(u.line, u.name, sprintf("%s %q is pinned to a tag, which can be moved.", [pipeline.sort_name(u.sort), u.text]))
}
