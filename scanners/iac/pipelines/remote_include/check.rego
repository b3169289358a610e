# METADATA
# title: A part of the pipeline comes from an address that can change
# description: |
#   What the address returns at the time of the run becomes part of the pipeline, with its secrets.
# related_resources:
#   - https://docs.gitlab.com/ci/pipelines/security/
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-04-Poisoned-Pipeline-Execution
# custom:
#   id: PIPE-0044
#   long_id: pipeline-remote-include
#   aliases:
#     - mutable-include
#   controls:
#     - CICD-SEC-3
#     - CICD-SEC-4
#   severity: HIGH
#   recommended_action: Include it from a project with a ref that is a full commit hash, or check its integrity
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.remote_include

import rego.v1

import data.lib.pipeline

deny contains res if {
	some u in input.uses
	u.sort in {"include", "library", "template"}
	u.pin in {"none", "branch"}
	res := pipeline.at(u.line, u.name, sprintf("%q is not pinned: whoever can change it changes this pipeline.", [u.text]))
}
