# METADATA
# title: What leaves the source is deleted from the cluster without a safeguard
# description: |
#   Automatic pruning deletes volumes, namespaces and databases whose manifests were moved or lost by mistake,
#   before anybody looks.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/
#   - https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/
# custom:
#   id: GITOPS-0004
#   long_id: gitops-automatic-prune
#   controls:
#     - CICD-SEC-1
#   severity: LOW
#   recommended_action: Add the sync option PruneLast=true or Prune=confirm, or prune by hand
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.automatic_prune

import rego.v1

import data.lib.gitops

deny contains res if {
	some s in gitops.specs
	a := s.syncPolicy.automated
	a.prune == true
	object.get(a, "enabled", true) == true
	count({o | some o in s.syncPolicy.syncOptions; o in {"PruneLast=true", "Prune=confirm", "Prune=false"}}) == 0
	res := result.new("The application deletes what its source no longer has, without PruneLast or a confirmation", a)
}
