# METADATA
# title: A download is not checked
# description: |
#   Without a checksum the task takes whatever the server sends: the file that was looked at once, or another.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/collections/ansible/builtin/get_url_module.html
# custom:
#   id: ANS-0002
#   long_id: ansible-unverified-download
#   controls:
#     - CWE-494
#   severity: MEDIUM
#   recommended_action: Give the checksum of the version that is wanted
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.unverified_download

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	t.module == "get_url"
	some a in t.args
	a.name == "url"
	regex.match(`\.(tar|tgz|gz|xz|bz2|zip|deb|rpm|apk|jar|sh|py|bin|exe|run|AppImage)(\?.*)?$|/download/`, a.value)
	not rules.has_arg(t, {"checksum", "sha256sum"})
	res := rules.at(a.line, t.name, sprintf("The task %q downloads a program without a checksum.", [t.name]))
}

deny contains res if {
	some t in input.tasks
	t.module == "unarchive"
	some a in t.args
	a.name == "src"
	regex.match(`^https?://`, a.value)
	res := rules.at(a.line, t.name, sprintf("The task %q unpacks a download, which cannot be checked there.", [t.name]))
}
