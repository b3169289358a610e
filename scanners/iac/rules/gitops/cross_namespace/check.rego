# METADATA
# title: A source of another namespace is deployed
# description: |
#   A tenant who can change either namespace reaches into the other; Flux forbids it with --no-cross-namespace-
#   refs.
# related_resources:
#   - https://fluxcd.io/flux/installation/configuration/multitenancy/
# custom:
#   id: GITOPS-0012
#   long_id: gitops-cross-namespace
#   controls:
#     - CICD-SEC-5
#   severity: MEDIUM
#   recommended_action: Keep the source in the namespace of what deploys it
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.cross_namespace

import rego.v1

import data.lib.gitops

deny contains res if {
	gitops.flux
	own := input.metadata.namespace
	some ref in refs
	ref.namespace != own
	res := result.new(sprintf("%s of the namespace %s uses the source %v of the namespace %s", [input.kind, own, object.get(ref, "name", ""), ref.namespace]), ref)
}

refs contains input.spec.sourceRef

refs contains input.spec.chartRef

refs contains input.spec.chart.spec.sourceRef
