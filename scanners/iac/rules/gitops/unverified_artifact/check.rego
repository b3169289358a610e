# METADATA
# title: An OCI artifact is deployed without verifying its signature
# description: |
#   Whoever can push to the registry decides what runs in the cluster.
# related_resources:
#   - https://fluxcd.io/flux/components/source/ocirepositories/
# custom:
#   id: GITOPS-0010
#   long_id: gitops-unverified-artifact
#   controls:
#     - CICD-SEC-9
#   severity: MEDIUM
#   recommended_action: Set spec.verify with the provider cosign and a key, or the issuer and subject of the signer
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.unverified_artifact

import rego.v1

import data.lib.gitops

deny contains res if {
	gitops.flux
	input.kind == "OCIRepository"
	not input.spec.verify
	res := result.new(sprintf("The signature of the artifact %v is not verified", [gitops.url(input.spec)]), input.spec)
}
