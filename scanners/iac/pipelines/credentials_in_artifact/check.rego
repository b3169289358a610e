# METADATA
# title: An artifact may contain the token of the checkout
# description: |
#   actions/checkout leaves the token in .git/config, and a later step uploads the directory that holds it.
#   Whoever can read the artifact gets the token.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0019
#   long_id: pipeline-credentials-in-artifact
#   aliases:
#     - artipacked
#   controls:
#     - CICD-SEC-6
#   severity: HIGH
#   recommended_action: Set persist-credentials to false in actions/checkout, or upload only what was built
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.credentials_in_artifact

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some i, step in job.steps
	pipeline.persists(step)
	some j, upload in job.steps
	j > i
	upload.action == "actions/upload-artifact"
	takes_hidden(upload)
	some v in upload.with
	v.name == "path"
	whole(v.value)
	res := pipeline.at(step.line, pipeline.place(job, step), "The checkout keeps its token in .git, and a later step uploads that directory.")
}

# Since version 4.4 hidden files are left out unless asked for.
takes_hidden(step) if pipeline.value_of(step, "include-hidden-files") == "true"

takes_hidden(step) if {
	not pipeline.given(step, "include-hidden-files")
	not recent(step)
}

recent(step) if regex.match(`^v?(4|[5-9]|[1-9][0-9])$|^v?4\.([4-9]|[1-9][0-9])|^v?([5-9]|[1-9][0-9])\.`, pipeline.version(step))

whole(text) if {
	some line in split(text, "\n")
	trim_space(line) in {".", "./", "..", "../", "*", "./*", "**", ".git", "./.git", "${{ github.workspace }}", "${{github.workspace}}", "$GITHUB_WORKSPACE"}
}
