# METADATA
# title: App services should require TLS 1.2 or newer
# description: |
#   Older versions of TLS have known weaknesses. This check accepts what is newer than TLS 1.2 as well.
# related_resources:
#   - https://learn.microsoft.com/en-us/azure/app-service/overview-tls
# custom:
#   id: AZU-0006
#   long_id: azure-appservice-use-secure-tls-policy
#   aliases:
#     - AVD-AZU-0006
#     - use-secure-tls-policy
#   provider: azure
#   service: appservice
#   severity: HIGH
#   recommended_action: Set the minimum TLS version to 1.2 or newer
#   input:
#     selector:
#       - type: cloud
#         subtypes:
#           - provider: azure
#             service: appservice
package gatehouse.checks.azure.appservice.tls

import rego.v1

deny contains res if {
	some service in input.azure.appservice.services
	isManaged(service)
	site := object.get(service, "site", {})
	not modern(site)
	res := result.new("The app service accepts TLS older than 1.2.", object.get(site, "minimumtlsversion", service))
}

modern(site) if site.minimumtlsversion.value in {"1.2", "1.3"}
