# METADATA
# title: Manifests come over a connection that is not protected
# description: |
#   Whoever is on the way between the cluster and the source can replace what is deployed.
# related_resources:
#   - https://fluxcd.io/flux/components/source/ocirepositories/
#   - https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/
# custom:
#   id: GITOPS-0009
#   long_id: gitops-plain-source
#   controls:
#     - CICD-SEC-3
#     - CICD-SEC-7
#   severity: HIGH
#   recommended_action: Use https, ssh or oci with TLS
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.plain_source

import rego.v1

import data.lib.gitops

deny contains res if {
	some s in gitops.sources
	gitops.plain(object.get(s, "repoURL", ""))
	res := result.new(sprintf("The source %v is read without encryption", [gitops.url(s)]), s)
}

deny contains res if {
	gitops.flux_source
	gitops.plain(object.get(input.spec, "url", ""))
	res := result.new(sprintf("The source %v is read without encryption", [gitops.url(input.spec)]), input.spec)
}

deny contains res if {
	gitops.flux_source
	input.spec.insecure == true
	res := result.new(sprintf("The source %v may be read without encryption (insecure is true)", [gitops.url(input.spec)]), input.spec)
}

deny contains res if {
	some key in ["insecure", "insecureIgnoreHostKey"]
	gitops.repository_secret
	some fields in [object.get(input, "stringData", {}), object.get(input, "data", {})]
	fields[key] in {"true", "dHJ1ZQ==", true}
	res := result.new(sprintf("The identity of the repository is not verified (%s is true)", [key]), fields)
}
