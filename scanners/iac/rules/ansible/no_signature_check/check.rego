# METADATA
# title: Packages are installed without a check of their signatures
# description: |
#   The signature is what tells a package of the distribution from one that somebody put in its place.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/collections/ansible/builtin/apt_module.html
# custom:
#   id: ANS-0005
#   long_id: ansible-no-signature-check
#   aliases:
#     - CKV_ANSIBLE_3
#     - CKV_ANSIBLE_4
#     - CKV_ANSIBLE_5
#     - CKV_ANSIBLE_6
#   controls:
#     - CWE-347
#   severity: HIGH
#   recommended_action: Remove the setting and add the key of the repository
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.no_signature_check

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	some a in t.args
	unchecked(t.module, a)
	res := rules.at(a.line, t.name, sprintf("The task %q does not check signatures (%s).", [t.name, a.name]))
}

unchecked(module, a) if {
	module in {"apt", "yum", "dnf", "dnf5", "zypper", "package", "yum_repository", "zypper_repository"}
	a.name in {"allow_unauthenticated", "disable_gpg_check", "disable_gpg_checks"}
	a.bool
}

unchecked("apt", a) if {
	a.name == "force"
	a.bool
}

unchecked(module, a) if {
	module in {"yum_repository", "dnf_repository"}
	a.name in {"gpgcheck"}
	a.off
}

unchecked("apt_repository", a) if {
	a.name == "repo"
	regex.match(`\[[^\]]*trusted=yes`, a.value)
}
