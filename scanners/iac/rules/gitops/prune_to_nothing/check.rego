# METADATA
# title: All resources are deleted when the source gives none
# description: |
#   With automatic pruning and allowEmpty, a wrong path, a failed generator or an emptied directory deletes
#   everything that the application has deployed.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/
# custom:
#   id: GITOPS-0003
#   long_id: gitops-prune-to-nothing
#   controls:
#     - CICD-SEC-1
#   severity: HIGH
#   recommended_action: Remove allowEmpty, or prune by hand
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.prune_to_nothing

import rego.v1

import data.lib.gitops

deny contains res if {
	some s in gitops.specs
	a := s.syncPolicy.automated
	a.prune == true
	a.allowEmpty == true
	object.get(a, "enabled", true) == true
	res := result.new("The application deletes all that it has deployed if its source is empty (prune with allowEmpty)", a)
}
