# METADATA
# title: A cluster follows a branch
# description: |
#   Whoever can push to the branch changes the cluster at once, and what was deployed cannot be told from the
#   manifest.
# related_resources:
#   - https://argo-cd.readthedocs.io/en/stable/user-guide/tracking_strategies/
#   - https://fluxcd.io/flux/components/source/gitrepositories/
# custom:
#   id: GITOPS-0001
#   long_id: gitops-mutable-revision
#   controls:
#     - CICD-SEC-3
#     - CICD-SEC-9
#   severity: MEDIUM
#   recommended_action: Name a commit or a release tag, and change it by review
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.mutable_revision

import rego.v1

import data.lib.gitops

deny contains res if {
	some s in gitops.sources
	gitops.is_git(s)
	revision := object.get(s, "targetRevision", "")
	gitops.branch(revision)
	res := result.new(sprintf("The source %v follows %s", [gitops.url(s), gitops.called(revision)]), s)
}

deny contains res if {
	gitops.flux
	input.kind == "GitRepository"
	ref := object.get(input.spec, "ref", {})
	not ref.commit
	not ref.tag
	not ref.semver
	not startswith(object.get(ref, "name", ""), "refs/tags/")
	res := result.new(sprintf("The repository %v follows %s", [gitops.url(input.spec), gitops.called(object.get(ref, "branch", object.get(ref, "name", "")))]), input.spec)
}

deny contains res if {
	gitops.flux
	input.kind == "OCIRepository"
	ref := object.get(input.spec, "ref", {})
	not ref.digest
	not ref.semver
	object.get(ref, "tag", "latest") == "latest"
	res := result.new(sprintf("The artifact %v is taken by the tag latest", [gitops.url(input.spec)]), input.spec)
}
