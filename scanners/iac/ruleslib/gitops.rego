# Package lib.gitops has what checks of Argo CD and Flux share.
package lib.gitops

import rego.v1

argo if startswith(input.apiVersion, "argoproj.io/")

flux if regex.match(`^[a-z]+\.toolkit\.fluxcd\.io/`, input.apiVersion)

flux_source if {
	startswith(input.apiVersion, "source.toolkit.fluxcd.io/")
	is_object(input.spec)
}

# repository_secret is true for a Secret by which Argo CD knows a repository.
repository_secret if {
	input.kind == "Secret"
	input.metadata.labels["argocd.argoproj.io/secret-type"] in {"repository", "repo-creds"}
}

# specs are those of applications, also of those that a set makes.
specs contains input.spec if {
	argo
	input.kind == "Application"
	is_object(input.spec)
}

specs contains input.spec.template.spec if {
	argo
	input.kind == "ApplicationSet"
	is_object(input.spec.template.spec)
}

# sources are those of applications.
sources contains s.source if {
	some s in specs
	is_object(s.source)
}

sources contains source if {
	some s in specs
	some source in s.sources
	is_object(source)
}

is_git(source) if {
	not source.chart
	not startswith(object.get(source, "repoURL", ""), "oci://")
}

# called is a revision in words.
called(revision) := "the default branch" if revision in {"", "HEAD"}

else := sprintf("the branch %v", [revision])

called_version(version) := "the newest version there is" if version in {"", "*"}

else := sprintf("the range %q", [version])

# branch is true for a revision that moves. Numbers are taken for tags.
branch(revision) if {
	is_string(revision)
	not templated(revision)
	not regex.match(`^([0-9a-f]{7,64}|(refs/tags/.+)|([A-Za-z][A-Za-z0-9]*[-_/])*v?[0-9]+(\.[0-9]+)*([-+.][0-9A-Za-z.+-]+)?)$`, revision)
	not wild(revision)
}

# ranged is true for a version that more than one release can have.
ranged(version) if version == ""

ranged(version) if {
	is_string(version)
	not templated(version)
	wild(version)
}

ranged("HEAD")

ranged("latest")

wild(version) if regex.match(`[*^~<>|=,]|(^|\.)[xX](\.|$)|\s-\s`, version)

templated(s) if contains(s, "{{")

templated(s) if contains(s, "${")

# plain is true for an address that is read without encryption, but for those
# of the cluster and the machine.
plain(address) if {
	regex.match(`^(http|git)://`, address)
	not regex.match(`^[a-z]+://(localhost|127\.0\.0\.1|[^/:]+\.svc(\.cluster\.local)?)([:/]|$)`, address)
}

# url is the address of a source, without credentials.
url(source) := regex.replace(sprintf("%v", [object.get(source, "repoURL", object.get(source, "url", "that is not named"))]), `://[^/@]*@`, "://")
