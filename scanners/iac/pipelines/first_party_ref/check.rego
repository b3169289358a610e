# METADATA
# title: An action of GitHub itself is used by tag or branch
# description: |
#   Even actions of GitHub itself can be changed under a tag. The risk is smaller, as whoever can do that runs the
#   pipeline already.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0003
#   long_id: pipeline-first-party-ref
#   aliases:
#     - unpinned-uses
#   controls:
#     - CICD-SEC-3
#   severity: LOW
#   recommended_action: Pin it to the full hash of the commit with the tag in a comment behind it
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.first_party_ref

import rego.v1

import data.lib.pipeline

deny contains res if {
	some u in input.uses
	u.first_party
	u.sort in {"action", "workflow"}
	moves(u)
	res := pipeline.at(u.line, u.name, sprintf("%s %q is not pinned to a commit.", [pipeline.sort_name(u.sort), u.text]))
}

moves(u) if u.pin in {"branch", "none"}

# Who makes the runner can change what runs on it in any case.
moves(u) if {
	input.strict
	u.pin == "tag"
}
