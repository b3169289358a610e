# METADATA
# title: Updates are taken as soon as they are out
# description: |
#   Malicious releases are mostly found within days. Without a cooldown, Dependabot proposes them before.
# related_resources:
#   - https://docs.github.com/en/code-security/dependabot/working-with-dependabot/dependabot-options-reference#cooldown-
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0031
#   long_id: pipeline-update-cooldown
#   aliases:
#     - dependabot-cooldown
#   controls:
#     - CICD-SEC-3
#   severity: LOW
#   recommended_action: Give the update a cooldown with default-days of 7
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.update_cooldown

import rego.v1

import data.lib.pipeline

deny contains res if {
	some u in input.updates
	u.insecure == 0
	not u.ecosystem in {"opentofu-none"}
	u.cooldown == 0
	res := pipeline.at(u.line, u.ecosystem, sprintf("Updates of %s have no cooldown.", [u.ecosystem]))
}

deny contains res if {
	some u in input.updates
	u.cooldown > 0
	u.days < 7
	res := pipeline.at(u.cooldown, u.ecosystem, sprintf("The cooldown of %s is shorter than seven days, or not said.", [u.ecosystem]))
}
