# METADATA
# title: A package is published with a token that does not expire
# description: |
#   The registry accepts a token of the run itself (trusted publishing), which lives for minutes and works nowhere
#   else. A stored token works for whoever finds it.
# related_resources:
#   - https://docs.pypi.org/trusted-publishers/
#   - https://docs.npmjs.com/trusted-publishers
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0030
#   long_id: pipeline-long-lived-publish-token
#   aliases:
#     - use-trusted-publishing
#   controls:
#     - CICD-SEC-6
#   severity: LOW
#   recommended_action: Register the workflow as a trusted publisher, give the job the permission id-token and remove the token
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.long_lived_publish_token

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	with_token(step)
	res := pipeline.at(step.line, pipeline.place(job, step), sprintf("%s publishes with a stored token.", [step.action]))
}

deny contains res if {
	some job in input.jobs
	not oidc(job)
	some step in job.steps
	some l in step.lines
	input.system == "github-actions"
	publish(l.text)
	not elsewhere(job, l.text)
	res := pipeline.at(step.line, pipeline.place(job, step), "A package is published without the identity of the run.")
}

# Another registry is set, which may know no trusted publishers.
elsewhere(job, text) if {
	regex.match(`\b(npm|pnpm|yarn|bun)\b`, text)
	some step in job.steps
	step.action == "actions/setup-node"
	registry := pipeline.value_of(step, "registry-url")
	registry != ""
	not regex.match(`registry\.(npmjs\.org|yarnpkg\.com)`, registry)
}

with_token(step) if {
	step.action == "pypa/gh-action-pypi-publish"
	pipeline.given(step, "password")
	known(step, ["repository-url", "repository_url"])
}

with_token(step) if {
	step.action == "rubygems/release-gem"
	lower(pipeline.value_of(step, "setup-trusted-publisher")) == "false"
}

with_token(step) if {
	step.action == "rubygems/configure-rubygems-credentials"
	pipeline.given(step, "api-token")
	known(step, ["gem-server"])
}

with_token(step) if {
	step.action == "actions/setup-node"
	pipeline.value_of(step, "always-auth") == "true"
	regex.match(`^https://registry\.npmjs\.org/?$`, pipeline.value_of(step, "registry-url"))
}

with_token(step) if {
	step.action == "js-devtools/npm-publish"
	pipeline.given(step, "token")
}

known(step, names) if {
	every n in names {
		regex.match(`^$|://([a-z.]*\.)?(pypi|rubygems)\.org(/|$)`, pipeline.value_of(step, n))
	}
}

oidc(job) if {
	some s in scopes(job)
	s.name == "id-token"
	s.access == "write"
}

oidc(job) if permissions(job).all == "write-all"

scopes(job) := permissions(job).scopes

permissions(job) := job.permissions

permissions(job) := input.permissions if not job.permissions

publish(text) if {
	regex.match(`^(.*[;&|]\s*)?(sudo\s+|bunx\s+|npx\s+)?((npm|pnpm)\s+publish|yarn\s+npm\s+publish|bun\s+publish|cargo\s+(\+\S+\s+)?publish|(python[0-9.]*\s+-m\s+|pipx\s+run\s+|uvx\s+)?twine(==\S+)?\s+upload|uv\s+publish|gem\s+push|(dotnet\s+)?nuget(\.exe)?\s+push)\b`, regex.replace(text, `\s+`, " "))
	not regex.match(`\s(--dry-run|-n|--help)(\s|$)`, text)
	not regex.match(`(--source|-s|--registry|--repository-url|--index-url|--host)[ =]\S*(?:pkg\.github\.com|localhost|pkg\.dev|jfrog|codeartifact|example)`, text)
}
