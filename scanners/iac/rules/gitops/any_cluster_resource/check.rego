# METADATA
# title: A project deploys every kind of cluster resource
# description: |
#   ClusterRoleBindings, webhooks and CustomResourceDefinitions are among them: an application of the project can
#   give itself the cluster.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/user-guide/projects/
# custom:
#   id: GITOPS-0007
#   long_id: gitops-any-cluster-resource
#   controls:
#     - CICD-SEC-5
#   severity: HIGH
#   recommended_action: List the kinds that the project needs, or none
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.any_cluster_resource

import rego.v1

import data.lib.gitops

deny contains res if {
	gitops.argo
	input.kind == "AppProject"
	some r in input.spec.clusterResourceWhitelist
	r.kind == "*"
	object.get(r, "group", "") in {"*", "rbac.authorization.k8s.io"}
	res := result.new(sprintf("The project may deploy every kind of cluster resource of the group %q", [r.group]), r)
}
