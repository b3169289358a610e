# METADATA
# title: The checkout leaves its token on disk
# description: |
#   Unless persist-credentials is false, actions/checkout keeps the token where each later step, and each tool
#   that they run, can read it.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0020
#   long_id: pipeline-persisted-credentials
#   aliases:
#     - artipacked
#   controls:
#     - CICD-SEC-6
#   severity: LOW
#   recommended_action: Set persist-credentials to false where nothing is pushed
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.persisted_credentials

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some i, step in job.steps
	pipeline.persists(step)
	not explicit(step)
	matters(job)
	not pushes(job)
	res := pipeline.at(step.line, pipeline.place(job, step), "actions/checkout keeps its token in .git for the steps that follow.")
}

explicit(step) if {
	some v in step.with
	v.name == "persist-credentials"
}

matters(_) if input.strict

# With a token that can only read what is public anyway, there is little to take.
matters(job) if pipeline.may_write(job, "contents")

# It is needed to push.
pushes(job) if {
	some step in job.steps
	some l in step.lines
	regex.match(`\bgit\b.*\b(push|fetch|pull|submodule)\b`, l.text)
}

pushes(job) if {
	some step in job.steps
	step.action in {
		"peter-evans/create-pull-request", "stefanzweifel/git-auto-commit-action", "ad-m/github-push-action", "endbug/add-and-commit",
		"changesets/action", "googleapis/release-please-action", "cycjimmy/semantic-release-action", "peaceiris/actions-gh-pages",
		"jamesives/github-pages-deploy-action", "helm/chart-releaser-action", "tj-actions/verify-changed-files",
	}
}

# Azure Pipelines takes the token away unless told to leave it.
deny contains res if {
	input.system == "azure-pipelines"
	some job in input.jobs
	some step in job.steps
	step.action == "checkout"
	lower(pipeline.value_of(step, "persistcredentials")) == "true"
	not pushes(job)
	res := pipeline.at(step.line, pipeline.place(job, step), "The checkout keeps its token in .git for the steps that follow.")
}
