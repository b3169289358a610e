# METADATA
# title: A container of a pipeline has power over its host
# description: |
#   Code in it can become root of the machine: it reads what other jobs leave there, and their secrets.
# related_resources:
#   - https://docs.gitlab.com/runner/security/#usage-of-docker-executor
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-07-Insecure-System-Configuration
# custom:
#   id: PIPE-0051
#   long_id: pipeline-privileged-container
#   aliases:
#     - docker-in-docker
#   controls:
#     - CICD-SEC-7
#   severity: MEDIUM
#   recommended_action: Build images without a daemon (BuildKit rootless, Buildah, kaniko), or keep such jobs on machines that live for one job
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.privileged_container

import rego.v1

import data.lib.pipeline

deny contains res if {
	some p in input.privileged
	res := pipeline.at(p.line, "container", sprintf("A container has power over its host: %s.", [p.what]))
}

deny contains res if {
	some job in input.jobs
	some step in job.steps
	pipeline.runs(step)
	some l in step.lines
	regex.match(`\b(docker|podman)\s+(container\s+)?(run|create)\b[^|;&]*\s--privileged(=true)?(\s|$)`, l.text)
	not own_machine(job)
	res := pipeline.at(l.line, pipeline.place(job, step), "A container has power over its host: --privileged.")
}

# The machines of GitHub live for one job.
own_machine(job) if {
	input.system == "github-actions"
	not job.self_hosted
}
