# METADATA
# title: SSL policies should require TLS 1.2 or newer
# description: |
#   Older versions of TLS have known weaknesses. This check accepts what is newer than TLS 1.2 as well.
# related_resources:
#   - https://cloud.google.com/load-balancing/docs/ssl-policies-concepts
# custom:
#   id: GCP-0039
#   long_id: google-compute-use-secure-tls-policy
#   aliases:
#     - AVD-GCP-0039
#     - use-secure-tls-policy
#   provider: google
#   service: compute
#   severity: CRITICAL
#   recommended_action: Set the minimum TLS version to TLS_1_2 or newer
#   input:
#     selector:
#       - type: cloud
#         subtypes:
#           - provider: google
#             service: compute
package gatehouse.checks.google.compute.tls

import rego.v1

deny contains res if {
	some policy in input.google.compute.sslpolicies
	not modern(policy)
	res := result.new("The SSL policy accepts TLS older than 1.2.", object.get(policy, "minimumtlsversion", policy))
}

modern(policy) if policy.minimumtlsversion.value in {"TLS_1_2", "TLS_1_3"}
