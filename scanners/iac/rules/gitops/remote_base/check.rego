# METADATA
# title: A kustomization takes a part from elsewhere that can change
# description: |
#   What is behind a branch, a default branch or the newest release is different tomorrow. Whoever can push there
#   deploys to the cluster, and no review sees it.
# related_resources:
#   - https://github.com/kubernetes-sigs/kustomize/blob/master/examples/remoteBuild.md
# custom:
#   id: GITOPS-0015
#   long_id: gitops-remote-base
#   controls:
#     - CICD-SEC-3
#     - CICD-SEC-9
#   severity: MEDIUM
#   recommended_action: Name a commit or a release tag, as in ?ref=v1.2.3, or copy the part into the repository
#   input:
#     selector:
#       - type: gitops
package gatehouse.checks.gitops.remote_base

import rego.v1

import data.lib.gitops
import data.lib.rules

deny contains res if {
	some remote in input.remotes
	gitops.branch(remote.revision)
	res := rules.at(remote.line, gitops.url({"url": remote.text}), sprintf("%v comes from %s", [gitops.url({"url": remote.text}), called(remote.revision)]))
}

called("latest") := "the newest release"

called(revision) := gitops.called(revision) if revision != "latest"
