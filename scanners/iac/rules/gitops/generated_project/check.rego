# METADATA
# title: The project of generated applications comes from a repository that is found
# description: |
#   Whoever can make a repository or a pull request that the generator finds chooses the project, and with it what
#   may be deployed where.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Security/
# custom:
#   id: GITOPS-0013
#   long_id: gitops-generated-project
#   controls:
#     - CICD-SEC-5
#     - CICD-SEC-1
#   severity: HIGH
#   recommended_action: Write the project into the template
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.generated_project

import rego.v1

import data.lib.gitops

deny contains res if {
	gitops.argo
	input.kind == "ApplicationSet"
	contains(input.spec.template.spec.project, "{{")
	some path, value
	walk(input.spec.generators, [path, value])
	path[count(path) - 1] in {"scmProvider", "pullRequest", "git"}
	is_object(value)
	res := result.new("The project of the applications is a value of the generator, which reads it from repositories", input.spec.template.spec)
}
