# METADATA
# title: A project deploys to any namespace of a cluster
# description: |
#   An application of the project can replace the delivery system itself, or what other teams run.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/user-guide/projects/
# custom:
#   id: GITOPS-0006
#   long_id: gitops-any-destination
#   controls:
#     - CICD-SEC-5
#   severity: HIGH
#   recommended_action: List the namespaces of the project
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.any_destination

import rego.v1

import data.lib.gitops

deny contains res if {
	gitops.argo
	input.kind == "AppProject"
	denied := {d.namespace | some d in input.spec.destinations; startswith(object.get(d, "namespace", ""), "!")}
	count(denied) == 0
	some d in input.spec.destinations
	d.namespace in {"*", "**"}
	res := result.new(sprintf("The project deploys to any namespace of %s", [where(d)]), d)
}

where(d) := "any cluster" if {
	some k in ["server", "name"]
	d[k] in {"*", "**"}
}

else := sprintf("the cluster %v", [object.get(d, "server", object.get(d, "name", ""))])
