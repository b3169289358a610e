# METADATA
# title: A feature is used that is known to go wrong
# description: |
#   The shell cmd has no way to quote safely, and pip-install of actions/setup-python installs into the global
#   environment.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-07-Insecure-System-Configuration
# custom:
#   id: PIPE-0038
#   long_id: pipeline-misfeature
#   aliases:
#     - misfeature
#   controls:
#     - CICD-SEC-7
#   severity: LOW
#   recommended_action: Use pwsh or bash as the shell, and install into a virtual environment
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.misfeature

import rego.v1

import data.lib.pipeline

deny contains res if {
	some line in {step.shell_line |
		some job in input.jobs
		some step in job.steps
		step.run_line > 0
		step.shell_line > 0
		lower(step.shell) == "cmd"
	}
	res := pipeline.at(line, "shell", "Scripts run in cmd, which cannot quote safely.")
}

deny contains res if {
	some job in input.jobs
	some step in job.steps
	step.action == "actions/setup-python"
	some v in step.with
	v.name == "pip-install"
	res := pipeline.at(v.line, pipeline.place(job, step), "pip-install installs into the global environment.")
}
