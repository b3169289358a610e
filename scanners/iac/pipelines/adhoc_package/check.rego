# METADATA
# title: A package is installed that no lockfile holds
# description: |
#   It comes, with all that it depends on, in whatever version is newest during the run.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
# custom:
#   id: PIPE-0036
#   long_id: pipeline-adhoc-package
#   aliases:
#     - adhoc-packages
#   controls:
#     - CICD-SEC-3
#   severity: LOW
#   recommended_action: Put the package into a manifest with a lockfile and install that (npm ci, bundle install)
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.adhoc_package

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	pipeline.runs(step)
	some l in step.lines
	installs(l.text)
	res := pipeline.at(l.line, pipeline.place(job, step), "A package is installed outside of a lockfile.")
}

installs(text) if regex.match(`(^|[;&|]\s*)(sudo\s+)?gem\s+(install|i)\s+((-\S+|\S+=\S+)\s+)*[a-z0-9]`, text)

installs(text) if regex.match(`(^|[;&|]\s*)(sudo\s+)?npm\s+(install|i|add)\s+(-\S+\s+)*@?[a-z][a-z0-9._/-]*(@\S+)?(\s|$)`, text)
