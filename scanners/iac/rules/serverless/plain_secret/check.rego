# METADATA
# title: A secret of a function stands in the file
# description: |
#   Whoever can read the file has the secret, and so has everyone who can look at the function.
# related_resources:
#   - https://www.serverless.com/framework/docs/providers/aws/guide/variables
# custom:
#   id: SLS-0003
#   long_id: serverless-plain-secret
#   aliases:
#     - CKV_AWS_45
#   controls:
#     - CWE-798
#   severity: HIGH
#   recommended_action: Take it from the parameter store or the secrets manager, as in ${ssm:/path}
#   input:
#     selector:
#       - type: serverless
package gatehouse.checks.serverless.plain_secret

import rego.v1

import data.lib.rules

deny contains res if {
	some v in input.env
	rules.secret_name(v.name)
	rules.secret_value(v.value)
	not contains(v.value, "${")
	res := rules.at(v.line, v.owner, sprintf("The value of %s of %q stands in the file.", [v.name, v.owner]))
}

deny contains res if {
	some v in input.env
	rules.credentials_in_url(v.value)
	res := rules.at(v.line, v.owner, sprintf("The address in %s of %q has a password in it.", [v.name, v.owner]))
}
