# METADATA
# title: A keyless signature of anybody is accepted
# description: |
#   Without a key, and without the issuer and subject of the signer, everybody with an account at the identity
#   provider can sign.
# related_resources:
#   - https://fluxcd.io/flux/components/source/ocirepositories/
# custom:
#   id: GITOPS-0011
#   long_id: gitops-any-signer
#   controls:
#     - CICD-SEC-9
#   severity: HIGH
#   recommended_action: Set matchOIDCIdentity with issuer and subject, or secretRef with a key
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.any_signer

import rego.v1

import data.lib.gitops

deny contains res if {
	gitops.flux
	some v in verifications
	object.get(v, "provider", "cosign") == "cosign"
	not v.secretRef
	count(object.get(v, "matchOIDCIdentity", [])) == 0
	res := result.new("The keyless signature of anybody is accepted: there is neither a key nor matchOIDCIdentity", v)
}

deny contains res if {
	gitops.flux
	some v in verifications
	some m in v.matchOIDCIdentity
	object.get(m, "subject", "") in {".*", "^.*$", "", ".+"}
	res := result.new("The keyless signature of anybody is accepted: the subject of matchOIDCIdentity matches everything", m)
}

verifications contains input.spec.verify if input.kind in {"OCIRepository", "HelmChart"}

verifications contains input.spec.chart.spec.verify if input.kind == "HelmRelease"
