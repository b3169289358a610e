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

# In other systems a secret is a variable like any other.
deny contains res if {
	not input.system in {"github-actions", "drone"} # Drone gives runs no identity
	some v in variables
	v.name in {"AWS_SECRET_ACCESS_KEY", "AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET", "GOOGLE_CREDENTIALS"}
	regex.match(`^\$[{(]?[A-Za-z_][A-Za-z0-9_.]*[})]?$`, v.value)
	res := pipeline.at(v.line, "env", sprintf("%s is a stored key.", [v.name]))
}

deny contains res if {
	input.system != "drone"
	some job in input.jobs
	some step in job.steps
	not temporary(step)
	some l in step.lines
	some what, pattern in logins
	regex.match(pattern, l.text)
	res := pipeline.at(l.line, pipeline.place(job, step), sprintf("A script logs in to %s with a stored key.", [what]))
}

# logins are commands that take a key.
logins := {
	"AWS": `^[^#]*(\baws\s+configure\s+set\s+(\S+\s+)*aws_secret_access_key\s|\bexport\s+AWS_SECRET_ACCESS_KEY=["']?\$\{?[A-Za-z_])`,
	"Azure": `^[^#]*\baz\s+login\s.*(\s-p[\s=]|\s--password[\s=])`,
	"Google Cloud": `^[^#]*\bgcloud\s+auth\s+activate-service-account\s`,
}

# temporary is true for scripts that get keys for this run.
temporary(step) if {
	some l in step.lines
	regex.match(`\bsts\s+(assume-role|get-session-token|get-federation-token)|\bsts\.amazonaws|\bvault\s+(read|write)\s`, l.text)
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
