# METADATA
# title: A project takes manifests from any repository
# description: |
#   Whoever may make an application in the project can deploy what they like from a repository of their own.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/user-guide/projects/
# custom:
#   id: GITOPS-0005
#   long_id: gitops-any-source
#   controls:
#     - CICD-SEC-2
#   severity: HIGH
#   recommended_action: List the repositories of the project
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.any_source

import rego.v1

import data.lib.gitops

deny contains res if {
	gitops.argo
	input.kind == "AppProject"
	some r in input.spec.sourceRepos
	r in {"*", "**", "https://*", "https://**"}
	res := result.new(sprintf("The project takes manifests from any repository (sourceRepos has %q)", [r]), input.spec)
}
