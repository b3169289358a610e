# METADATA
# title: A script from the network runs as it comes
# description: |
#   Whoever controls the server, or the name, decides what the pipeline runs, and nothing is left to look at
#   afterwards.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-09-Improper-Artifact-Integrity-Validation
# custom:
#   id: PIPE-0040
#   long_id: pipeline-piped-download
#   aliases:
#     - curl-pipe-shell
#   controls:
#     - CICD-SEC-3
#     - CICD-SEC-9
#   severity: MEDIUM
#   recommended_action: Download a fixed version, check its hash or signature, then run it
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.piped_download

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	pipeline.runs(step)
	some l in step.lines
	piped(l.text)
	res := pipeline.at(l.line, pipeline.place(job, step), "A download is run without a look at it.")
}

piped(text) if regex.match(`\b(curl|wget)\b[^|;]*\|\s*(sudo\s+(-\S+\s+)*)?(env\s+(\S+=\S*\s+)*)?(/\S*/)?(ba|z|k|da)?sh\b`, text)

piped(text) if regex.match(`\b(curl|wget)\b[^|;]*\|\s*(sudo\s+(-\S+\s+)*)?(/\S*/)?(python[0-9.]*|perl|ruby|node)(\s+-)?\s*($|[;&|)"'])`, text)

piped(text) if regex.match(`\b(ba|z)?sh\s+(-\S+\s+)*<\(\s*(curl|wget)\b|\b(ba|z)?sh\s+-\S*c\s+["']?\$\(\s*(curl|wget)\b|\beval\s+["']?\$\(\s*(curl|wget)\b|\bsource\s+<\(\s*curl\b`, text)

piped(text) if regex.match(`(?i)\b(iex|invoke-expression)\b.*(downloadstring|\birm\b|\biwr\b|invoke-webrequest|invoke-restmethod)|(downloadstring\(|\birm\b|\biwr\b|invoke-webrequest|invoke-restmethod).*\|\s*(iex|invoke-expression)\b`, text)
