# METADATA
# title: Storage accounts should require HTTPS and TLS 1.2 or newer
# description: |
#   Older versions of TLS have known weaknesses. This check accepts what is newer than TLS 1.2 as well.
# related_resources:
#   - https://learn.microsoft.com/en-us/azure/storage/common/storage-require-secure-transfer
# custom:
#   id: AZU-0059
#   long_id: azure-storage-log-storage-encryption
#   aliases:
#     - AVD-AZU-0059
#     - log-storage-encryption
#   provider: azure
#   service: storage
#   severity: HIGH
#   recommended_action: Require HTTPS and set the minimum TLS version to TLS1_2 or newer
#   input:
#     selector:
#       - type: cloud
#         subtypes:
#           - provider: azure
#             service: storage
package gatehouse.checks.azure.storage.tls

import rego.v1

deny contains res if {
	some account in input.azure.storage.accounts
	isManaged(account)
	not https(account)
	res := result.new("The storage account accepts requests without HTTPS.", object.get(account, "enforcehttps", account))
}

deny contains res if {
	some account in input.azure.storage.accounts
	isManaged(account)
	not modern(account)
	res := result.new("The storage account accepts TLS older than 1.2.", object.get(account, "minimumtlsversion", account))
}

# A value that is not known before an apply is not held against the account.
https(account) if account.enforcehttps.value

https(account) if account.enforcehttps.unresolvable

modern(account) if account.minimumtlsversion.value in {"TLS1_2", "TLS1_3"}

modern(account) if account.minimumtlsversion.unresolvable
