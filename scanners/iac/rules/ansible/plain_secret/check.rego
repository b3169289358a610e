# METADATA
# title: A secret stands in the file
# description: |
#   Whoever can read the repository has the password.
# related_resources:
#   - https://docs.ansible.com/ansible/latest/vault_guide/index.html
# custom:
#   id: ANS-0007
#   long_id: ansible-plain-secret
#   controls:
#     - CWE-798
#   severity: HIGH
#   recommended_action: Encrypt it with ansible-vault, or look it up where secrets are kept
#   input:
#     selector:
#       - type: ansible
package gatehouse.checks.ansible.plain_secret

import rego.v1

import data.lib.rules

deny contains res if {
	some t in input.tasks
	some a in t.args
	plain(a)
	res := rules.at(a.line, t.name, sprintf("The value of %s of the task %q stands in the file.", [a.name, t.name]))
}

deny contains res if {
	some a in input.vars
	plain(a)
	res := rules.at(a.line, a.name, sprintf("The value of the variable %s stands in the file.", [a.name]))
}

plain(a) if {
	not a.template
	not a.encrypted
	parts := split(a.name, ".")
	name := parts[count(parts) - 1]
	name != "update_password"
	rules.secret_name(name)
	rules.secret_value(a.value)
	not regex.match(`(?i)^(present|absent|always|on_create|default|omit|required|changeme_placeholder|https?://.*)$`, a.value)
}

plain(a) if {
	not a.template
	rules.credentials_in_url(a.value)
}
