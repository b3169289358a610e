# METADATA
# title: A chart or source is taken by a range of versions
# description: |
#   A release that nobody here has seen is deployed as soon as it is published, by its authors or by whoever took
#   their account.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/user-guide/tracking_strategies/
#   - https://fluxcd.io/flux/components/helm/helmreleases/
# custom:
#   id: GITOPS-0002
#   long_id: gitops-version-range
#   controls:
#     - CICD-SEC-3
#   severity: MEDIUM
#   recommended_action: Name one version, and let an update bot change it by review
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.version_range

import rego.v1

import data.lib.gitops

deny contains res if {
	some s in gitops.sources
	s.chart
	version := object.get(s, "targetRevision", "")
	gitops.ranged(version)
	res := result.new(sprintf("The chart %v is taken by %s", [s.chart, gitops.called_version(version)]), s)
}

deny contains res if {
	some s in gitops.sources
	gitops.is_git(s)
	version := object.get(s, "targetRevision", "")
	not version in {"", "HEAD", "latest"} # these are no range, but a branch
	gitops.ranged(version)
	res := result.new(sprintf("The source %v is taken by %s", [gitops.url(s), gitops.called_version(version)]), s)
}

deny contains res if {
	gitops.flux
	input.kind == "HelmRelease"
	c := input.spec.chart.spec
	not object.get(c, ["sourceRef", "kind"], "HelmRepository") in {"GitRepository", "Bucket"}
	version := object.get(c, "version", "")
	gitops.ranged(version)
	res := result.new(sprintf("The chart %v is taken by %s", [object.get(c, "chart", ""), gitops.called_version(version)]), c)
}

deny contains res if {
	gitops.flux
	input.kind in {"GitRepository", "OCIRepository"}
	version := input.spec.ref.semver
	gitops.ranged(version)
	not input.spec.ref.commit
	not input.spec.ref.digest
	res := result.new(sprintf("The source %v is taken by %s", [gitops.url(input.spec), gitops.called_version(version)]), input.spec.ref)
}
