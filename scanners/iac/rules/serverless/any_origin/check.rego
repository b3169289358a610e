# METADATA
# title: Every site may call an interface
# description: |
#   With the origin *, a page of anybody can call the interface from the browser of a user.
# related_resources:
#   - https://www.serverless.com/framework/docs/providers/aws/events/apigateway
# custom:
#   id: SLS-0004
#   long_id: serverless-any-origin
#   controls:
#     - CWE-942
#   severity: LOW
#   recommended_action: Name the sites that call it
#   input:
#     selector:
#       - type: serverless
package gatehouse.checks.serverless.any_origin

import rego.v1

import data.lib.rules

deny contains res if {
	some o in input.origins
	o.text == "*"
	res := rules.at(o.line, o.owner, sprintf("Every site may call %q%s.", [o.owner, with_cookies(o)]))
}

with_cookies(o) := ", with cookies" if o.credentials

else := ""
