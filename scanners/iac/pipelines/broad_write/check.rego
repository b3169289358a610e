# METADATA
# title: All jobs of a workflow get a permission to write
# description: |
#   A permission at the top of the workflow goes to each job, also to those that only build or test, and to jobs
#   that are added later.
# related_resources:
#   - https://docs.github.com/en/actions/reference/security/secure-use
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-05-Insufficient-PBAC
# custom:
#   id: PIPE-0012
#   long_id: pipeline-broad-write
#   aliases:
#     - excessive-permissions
#   controls:
#     - CICD-SEC-5
#   severity: MEDIUM
#   recommended_action: Give the permission to the one job that needs it
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.broad_write

import rego.v1

import data.lib.pipeline

deny contains res if {
	shared
	some s in input.permissions.scopes
	s.access == "write"
	res := pipeline.at(s.line, "permissions", sprintf("Each job may write %s.", [s.name]))
}

shared if input.strict

# For one job it is the same where the permission stands.
shared if count(input.jobs) > 1
