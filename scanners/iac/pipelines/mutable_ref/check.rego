# METADATA
# title: An action or workflow of others is used by branch, or without a ref
# description: |
#   Whoever can push to that branch, or takes over the repository, runs code in this pipeline with its secrets,
#   and the next run picks it up.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0001
#   long_id: pipeline-mutable-ref
#   aliases:
#     - unpinned-uses
#   controls:
#     - CICD-SEC-3
#   severity: HIGH
#   recommended_action: Pin it to the full hash of a reviewed commit and let an update bot move the hash
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.mutable_ref

import rego.v1

import data.lib.pipeline

deny contains res if {
	some u in input.uses
	u.sort in {"action", "workflow", "docker"}
	u.pin in {"branch", "none"}
	not u.first_party
	res := pipeline.at(u.line, u.name, sprintf("%s %q is not pinned: %s", [pipeline.sort_name(u.sort), u.text, why(u)]))
}

why(u) := "there is no ref" if u.ref == ""

why(u) := sprintf("%q can move at any time", [u.ref]) if u.ref != ""
