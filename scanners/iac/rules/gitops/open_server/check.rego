# METADATA
# title: Argo CD lets everybody in
# description: |
#   Anonymous users, a server without authentication, or admin as the default role give the clusters to whoever
#   reaches the server.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/operator-manual/rbac/
# custom:
#   id: GITOPS-0014
#   long_id: gitops-open-server
#   controls:
#     - CICD-SEC-2
#     - CICD-SEC-5
#   severity: CRITICAL
#   recommended_action: Turn anonymous access off, and give roles to groups
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.open_server

import rego.v1

deny contains res if {
	input.kind == "ConfigMap"
	some name, keys in {
		"argocd-cm": {"users.anonymous.enabled": {"true"}},
		"argocd-cmd-params-cm": {"server.disable.auth": {"true"}},
		"argocd-rbac-cm": {"policy.default": {"role:admin"}},
	}
	input.metadata.name == name
	some key, values in keys
	input.data[key] in values
	res := result.new(sprintf("%s is %s", [key, input.data[key]]), input.data)
}
