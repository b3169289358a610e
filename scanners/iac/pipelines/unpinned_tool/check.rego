# METADATA
# title: An action installs the newest release of a security tool or secret loader
# description: |
#   The action is pinned, but what it downloads and runs is not, so a bad release of the tool runs with the
#   secrets of the job.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0037
#   long_id: pipeline-unpinned-tool
#   aliases:
#     - unpinned-tools
#   controls:
#     - CICD-SEC-3
#   severity: MEDIUM
#   recommended_action: Set the version input to a fixed release
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.unpinned_tool

import rego.v1

import data.lib.pipeline

tools := {
	"aquasecurity/setup-trivy": "version", "1password/load-secrets-action": "version", "aquasecurity/trivy-action": "version", "1password/install-cli-action": "version",
	"sigstore/cosign-installer": "cosign-release", "anchore/sbom-action": "syft-version",
}

must := {"aquasecurity/setup-trivy", "1password/load-secrets-action", "1password/install-cli-action"}

deny contains res if {
	some job in input.jobs
	some step in job.steps
	pipeline.runs(step)
	name := tools[step.action]
	loose(step, name)
	res := pipeline.at(step.line, pipeline.place(job, step), sprintf("%s installs a version that is not fixed.", [step.action]))
}

loose(step, name) if pipeline.value_of(step, name) in {"latest", "main", "master"}

loose(step, name) if {
	step.action in must
	not pipeline.given(step, name)
}

loose(step, name) if {
	step.action in must
	regex.match(`\$\{\{\s*(inputs|vars|env|github\.event)\b`, pipeline.value_of(step, name))
}
