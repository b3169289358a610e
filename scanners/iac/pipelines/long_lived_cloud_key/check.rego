# METADATA
# title: A pipeline logs in to a cloud with a key that does not expire
# description: |
#   Keys that are stored work from everywhere until somebody revokes them. The cloud accepts the identity of the
#   run instead, for an hour and for one role.
# related_resources:
#   - https://docs.github.com/en/actions/concepts/security/openid-connect
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0042
#   long_id: pipeline-long-lived-cloud-key
#   aliases:
#     - missing-oidc
#   controls:
#     - CICD-SEC-6
#   severity: MEDIUM
#   recommended_action: Let the cloud trust the identity of the pipeline (OpenID Connect) and delete the key
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.long_lived_cloud_key

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	some name in keys[step.action]
	some v in step.with
	v.name == name
	v.value != ""
	not own(step, v)
	res := pipeline.at(v.line, pipeline.place(job, step), sprintf("%s gets a stored key.", [step.action]))
}

keys := {
	"aws-actions/configure-aws-credentials": ["aws-secret-access-key"],
	"google-github-actions/auth": ["credentials_json"],
	"google-github-actions/setup-gcloud": ["service_account_key"],
	"azure/login": ["creds"],
	"azure/docker-login": [], "azure/webapps-deploy": ["publish-profile"],
}

# Keys that were got for this run.
own(_, v) if regex.match(`\$\{\{\s*(steps|needs|env)\.`, v.value)

deny contains res if {
	input.system == "github-actions"
	some v in variables
	v.name in {"AWS_SECRET_ACCESS_KEY", "AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET", "GOOGLE_CREDENTIALS"}
	regex.match(`\$\{\{\s*secrets\.`, v.value)
	res := pipeline.at(v.line, "env", sprintf("%s is a stored key.", [v.name]))
}

variables contains v if some v in input.env

variables contains v if {
	some job in input.jobs
	some v in job.env
}

variables contains v if {
	some job in input.jobs
	some step in job.steps
	some v in step.env
}
