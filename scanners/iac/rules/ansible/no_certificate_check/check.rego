# METADATA
# title: A task does not check certificates
# description: |
#   Without the check, encryption protects from nobody who is on the way.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/collections/ansible/builtin/uri_module.html
# custom:
#   id: ANS-0004
#   long_id: ansible-no-certificate-check
#   aliases:
#     - CKV_ANSIBLE_1
#     - CKV_ANSIBLE_2
#   controls:
#     - CWE-295
#   severity: HIGH
#   recommended_action: Remove the setting; install the authority of your own servers instead
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.no_certificate_check

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	some a in t.args
	a.name in {"validate_certs", "sslverify", "verify_ssl", "ssl_verify", "validate_certificate", "tls_verify", "validate_ssl"}
	a.off
	res := rules.at(a.line, t.name, sprintf("The task %q does not check certificates (%s).", [t.name, a.name]))
}

deny contains res if {
	some t in input.tasks
	regex.match(`\bcurl\b[^|;&]*\s(-[a-zA-Z]*k[a-zA-Z]*|--insecure)(\s|$)|\bwget\b[^|;&]*--no-check-certificate|http\.sslVerify[= ]false|--trusted-host|NODE_TLS_REJECT_UNAUTHORIZED=0|GIT_SSL_NO_VERIFY=`, t.free)
	res := rules.at(t.free_line, t.name, sprintf("The command of the task %q does not check certificates.", [t.name]))
}
