# METADATA
# title: A script may print a secret
# description: |
#   The value is pasted into a command that prints, or commands are shown with their values. Masking misses values
#   that are changed on the way.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-06-Insufficient-Credential-Hygiene
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-10-Insufficient-Logging-And-Visibility
# custom:
#   id: PIPE-0043
#   long_id: pipeline-secret-in-log
#   aliases:
#     - secret-in-log
#   controls:
#     - CICD-SEC-6
#     - CICD-SEC-10
#   severity: MEDIUM
#   recommended_action: Do not print it; hand it on in an environment variable or on standard input
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.secret_in_log

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	some l in step.lines
	regex.match(`^\s*(echo|printf|Write-Host|Write-Output)\b[^|>&;]*\$\{\{\s*secrets\.[A-Za-z_]`, l.text)
	not regex.match(`::add-mask::`, l.text)
	not regex.match(`\|\s*\S+|>>?`, regex.replace(l.text, `\$\{\{[^}]*\}\}`, ""))
	res := pipeline.at(l.line, pipeline.place(job, step), "A secret is printed.")
}

deny contains res if {
	some job in input.jobs
	some step in job.steps
	not defines_functions(step)
	some l in step.lines
	some name in printed(l.text)
	res := pipeline.at(l.line, pipeline.place(job, step), sprintf("The value of %s is printed.", [name]))
}

# printed are the variables with the names of secrets whose values a line
# prints, and does not hand on to another command or a file.
printed(text) := {m[1] |
	regex.match(`^\s*(echo|printf|Write-Host|Write-Output)\s`, text)
	not regex.match(`[|>]|\\\s*$|::add-mask::`, text)
	some m in array.concat(
		regex.find_all_string_submatch_n(`(?:^|[^\\$A-Za-z0-9])\$(?:\{|env:)?([A-Za-z_][A-Za-z0-9_]*)(?:\}|[^A-Za-z0-9_:+#/%\[.-]|$)`, shown(text), -1),
		macros(text),
	)
	regex.match(`(?i:(^|_)(password|passwd|passphrase|secret|token|api_?key|access_?key|secret_?key|private_?key|credentials))$|[a-z](Password|Passphrase|Secret|Token|ApiKey|AccessKey|PrivateKey)$`, m[1])
}

# shown is a line without what the shell does not replace.
shown(text) := text if contains(text, `"`)

else := regex.replace(text, `'[^']*'`, "")

macros(text) := regex.find_all_string_submatch_n(`\$\(([A-Za-z_][A-Za-z0-9_.]*)\)`, text, -1) if input.system == "azure-pipelines"

else := []

# defines_functions is true for scripts in which printing may be how a function
# returns its value.
defines_functions(step) if {
	some l in step.lines
	regex.match(`^\s*(function\s|[A-Za-z_][A-Za-z0-9_-]*\s*\(\))`, l.text)
}

deny contains res if {
	some v in variables
	lower(v.name) in {"ci_debug_trace", "ci_debug_services", "actions_step_debug", "system.debug"}
	lower(v.value) in {"true", "1"}
	res := pipeline.at(v.line, "env", sprintf("%s shows commands with the values of secrets.", [v.name]))
}

variables contains v if some v in input.env

variables contains v if {
	some job in input.jobs
	some v in job.env
}
