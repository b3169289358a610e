# METADATA
# title: Software or keys come over a connection without encryption
# description: |
#   Anybody on the way can replace what the task installs.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/collections/ansible/builtin/get_url_module.html
# custom:
#   id: ANS-0003
#   long_id: ansible-plain-http
#   controls:
#     - CWE-319
#   severity: MEDIUM
#   recommended_action: Use https
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.plain_http

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	t.module in {"get_url", "unarchive", "apt_repository", "apt_key", "rpm_key", "yum_repository", "git", "pip", "yum", "dnf", "apt", "deb822_repository", "zypper_repository", "win_get_url", "maven_artifact", "helm_repository"}
	some a in t.args
	a.name in {"url", "src", "repo", "baseurl", "mirrorlist", "metalink", "gpgkey", "key", "name", "deb", "uris", "extra_args", "repository_url", "repo_url"}
	regex.match(`(^|[\s=])http://[^/\s{]`, a.value)
	not regex.match(`http://(localhost|127\.|\[::1\]|10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.)`, a.value)
	not signed(t)
	res := rules.at(a.line, t.name, sprintf("The task %q uses http.", [t.name]))
}

# Packages of a repository are signed, whatever they come over.
signed(t) if t.module in {"apt_repository", "deb822_repository"}

signed(t) if {
	t.module == "yum_repository"
	some a in t.args
	a.name == "gpgcheck"
	a.bool
}
