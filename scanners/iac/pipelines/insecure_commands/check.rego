# METADATA
# title: Commands that were removed for their danger are allowed again
# description: |
#   ACTIONS_ALLOW_UNSECURE_COMMANDS lets any text that a step prints set variables and paths of later steps.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-07-Insecure-System-Configuration
# custom:
#   id: PIPE-0024
#   long_id: pipeline-insecure-commands
#   aliases:
#     - insecure-commands
#     - CKV_GHA_1
#   controls:
#     - CICD-SEC-4
#     - CICD-SEC-7
#   severity: HIGH
#   recommended_action: Remove ACTIONS_ALLOW_UNSECURE_COMMANDS and write to the file $GITHUB_ENV
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.insecure_commands

import rego.v1

import data.lib.pipeline

name := "ACTIONS_ALLOW_UNSECURE_COMMANDS"

deny contains res if {
	some v in all
	upper(v.name) == name
	not lower(v.value) in {"false", "0", ""}
	res := pipeline.at(v.line, "env", sprintf("%s is set.", [name]))
}

all contains v if some v in input.env

all contains v if {
	some job in input.jobs
	some v in job.env
}

all contains v if {
	some job in input.jobs
	some step in job.steps
	some v in step.env
}
