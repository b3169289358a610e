# METADATA
# title: CloudFront distributions should require TLS 1.2 or newer with current ciphers
# description: |
#   Older versions of TLS have known weaknesses. This check accepts what is newer than TLS 1.2 as well.
# related_resources:
#   - https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html
# custom:
#   id: AWS-0013
#   long_id: aws-cloudfront-use-secure-tls-policy
#   aliases:
#     - AVD-AWS-0013
#     - use-secure-tls-policy
#   provider: aws
#   service: cloudfront
#   severity: HIGH
#   recommended_action: Set the minimum protocol version to TLSv1.2_2021 or newer
#   input:
#     selector:
#       - type: cloud
#         subtypes:
#           - provider: aws
#             service: cloudfront
package gatehouse.checks.aws.cloudfront.tls

import rego.v1

deny contains res if {
	some distribution in input.aws.cloudfront.distributions
	certificate := object.get(distribution, "viewercertificate", {})
	not certificate.cloudfrontdefaultcertificate.value
	not modern(certificate.minimumprotocolversion.value)
	res := result.new("The distribution accepts outdated TLS.", object.get(certificate, "minimumprotocolversion", distribution))
}

modern(version) if startswith(version, "TLSv1.3")

modern(version) if {
	year := trim_prefix(version, "TLSv1.2_")
	year != version
	to_number(year) >= 2021
}
