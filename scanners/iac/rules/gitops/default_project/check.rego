# METADATA
# title: An application is in the default project
# description: |
#   Unless somebody narrowed it, the default project takes any repository and deploys anything anywhere.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/user-guide/projects/
# custom:
#   id: GITOPS-0008
#   long_id: gitops-default-project
#   controls:
#     - CICD-SEC-5
#   severity: LOW
#   recommended_action: Make a project with the repositories, namespaces and kinds that the application needs
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.default_project

import rego.v1

import data.lib.gitops

deny contains res if {
	some s in gitops.specs
	object.get(s, "project", "default") in {"default", ""}
	res := result.new("The application is in the project default, which takes any repository and deploys anything anywhere unless it was narrowed", s)
}
