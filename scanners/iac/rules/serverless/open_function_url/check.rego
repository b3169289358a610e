# METADATA
# title: A function can be called by everybody
# description: |
#   The address of a function without an authorizer is open to the internet, beside all gateways and their protection.
# related_resources:
#   - https://www.serverless.com/framework/docs/providers/aws/guide/functions
# custom:
#   id: SLS-0005
#   long_id: serverless-open-function-url
#   aliases:
#     - CKV_AWS_258
#   controls:
#     - CWE-306
#   severity: MEDIUM
#   recommended_action: Set authorizer to aws_iam, or put the function behind a gateway
#   input:
#     selector:
#       - type: serverless
package gatehouse.checks.serverless.open_function_url

import rego.v1

import data.lib.rules

deny contains res if {
	some u in input.urls
	u.authorizer != "aws_iam"
	res := rules.at(u.line, u.owner, sprintf("The address of the function %q asks nobody who calls.", [u.owner]))
}
