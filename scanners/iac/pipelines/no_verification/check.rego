# METADATA
# title: A pipeline does not check whom it talks to
# description: |
#   With the check of certificates, host keys or signatures turned off, whoever is on the way can replace what is
#   downloaded.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-09-Improper-Artifact-Integrity-Validation
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-07-Insecure-System-Configuration
# custom:
#   id: PIPE-0041
#   long_id: pipeline-no-verification
#   aliases:
#     - tls-verification-disabled
#   controls:
#     - CICD-SEC-9
#     - CICD-SEC-7
#   severity: MEDIUM
#   recommended_action: Remove the option; add the missing certificate or host key to those that are trusted
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.no_verification

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	pipeline.runs(step)
	some l in step.lines
	unchecked(l.text)
	res := pipeline.at(l.line, pipeline.place(job, step), "A check of certificates, host keys or signatures is turned off.")
}

deny contains res if {
	some v in variables
	lower(v.value) in names[v.name]
	res := pipeline.at(v.line, "env", sprintf("%s turns the check of certificates off.", [v.name]))
}

names := {
	"NODE_TLS_REJECT_UNAUTHORIZED": {"0"}, "GIT_SSL_NO_VERIFY": {"1", "true"}, "PYTHONHTTPSVERIFY": {"0"},
	"GONOSUMCHECK": {"1", "true"}, "GONOSUMDB": {"*"}, "GOINSECURE": {"*"}, "GOFLAGS": {"-insecure"}, "GOSUMDB": {"off"},
	"NPM_CONFIG_STRICT_SSL": {"false"}, "npm_config_strict_ssl": {"false"}, "DOCKER_CONTENT_TRUST_NEVER": {"1"},
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

unchecked(text) if {
	some pattern in [
		`\bcurl\b[^|;&]*\s(-[a-zA-Z]*k[a-zA-Z]*|--insecure)(\s|$)`,
		`\bwget\b[^|;&]*\s--no-check-certificate\b`,
		`http\.sslVerify[= ]"?(false|0)\b`,
		`\bGIT_SSL_NO_VERIFY=["']?(1|true)\b`,
		`\bNODE_TLS_REJECT_UNAUTHORIZED=["']?0\b`,
		`\bPYTHONHTTPSVERIFY=["']?0\b`,
		`\b(npm|yarn|pnpm)\s+config\s+set\s+"?strict-ssl"?[= ]\s*false`,
		`\bStrictHostKeyChecking[= ]"?no\b`,
		`\bpip[0-9.]*\s+.*--trusted-host\b`,
		`\bapt(-get)?\b.*(--allow-unauthenticated|--force-yes|AllowInsecureRepositories=true)`,
		`\b(helm|kubectl|argocd|oc)\b.*\s--insecure-skip-tls-verify(=true)?(\s|$)`,
		`\byum\b.*\s--nogpgcheck\b|\bdnf\b.*\s--nogpgcheck\b`,
		`\bGOSUMDB=off\b|\bGONOSUMCHECK=1\b`,
		`\b(skopeo|podman|buildah)\b.*--(src-|dest-)?tls-verify=false`,
		`\bcomposer\b.*disable-tls.*true`,
	]
	regex.match(pattern, text)
}
