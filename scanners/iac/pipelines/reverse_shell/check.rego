# METADATA
# title: A script opens a shell to another machine, or sends its environment there
# description: |
#   Nothing that builds or delivers software needs that; it is how stolen pipelines are used.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
# custom:
#   id: PIPE-0048
#   long_id: pipeline-reverse-shell
#   aliases:
#     - CKV_GHA_3
#     - CKV_GHA_4
#     - reverse-shell
#   controls:
#     - CICD-SEC-4
#     - CICD-SEC-6
#   severity: CRITICAL
#   recommended_action: Remove the command, find out who added it, and replace all secrets of the pipeline
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.reverse_shell

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	some l in step.lines
	hostile(l.text)
	res := pipeline.at(l.line, pipeline.place(job, step), "A shell, or the environment, is given to another machine.")
}

hostile(text) if regex.match(`(ba|z|k)?sh\s+-i\b.*/dev/(tcp|udp)/|/dev/(tcp|udp)/\S+.*\b(ba|z|k)?sh\b|\b(nc|ncat|netcat)\b[^|;]*\s-\w*[ec]\s*\S*\b(ba|z|k)?sh\b|\bmkfifo\b.*\b(nc|ncat|netcat)\b`, text)

hostile(text) if regex.match(`\b(printenv|env|set)\s*(\|\s*base64[^|]*)?\|\s*(curl|wget|nc|ncat)\b`, text)

hostile(text) if regex.match(`\b(curl|wget)\b.*(-d|--data\S*|--post-data|-F|--form)[ =]*\S*(\$\(\s*(printenv|env|set|cat\s+\S*(\.ssh|\.aws|\.git/config|/etc/passwd))|.{0,2}toJSON\(\s*secrets\s*\)|\$\{\{\s*toJSON\(\s*secrets)`, text)
