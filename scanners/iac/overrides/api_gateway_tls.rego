# METADATA
# title: Domain names of API Gateway should require TLS 1.2 or newer
# description: |
#   Older versions of TLS have known weaknesses. This check accepts what is newer than TLS 1.2 as well.
# related_resources:
#   - https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-custom-domain-tls-version.html
# custom:
#   id: AWS-0005
#   long_id: aws-apigateway-use-secure-tls-policy
#   aliases:
#     - AVD-AWS-0005
#     - use-secure-tls-policy
#   provider: aws
#   service: apigateway
#   severity: HIGH
#   recommended_action: Set a security policy of TLS 1.2 or newer
#   input:
#     selector:
#       - type: cloud
#         subtypes:
#           - provider: aws
#             service: apigateway
package gatehouse.checks.aws.apigateway.tls

import rego.v1

deny contains res if {
	some version in ["v1", "v2"]
	some domain in input.aws.apigateway[version].domainnames
	not modern(domain.securitypolicy.value)
	res := result.new("The domain name accepts TLS older than 1.2.", object.get(domain, "securitypolicy", domain))
}

modern("TLS_1_2")

# The newer policies name the oldest version that they accept, with 1.3 first.
modern(policy) if regex.match(`^SecurityPolicy_TLS1[23]_`, policy)
