package gatehouse.baseline.malicious_packages_test

import data.gatehouse.baseline.malicious_packages

finding(rule, aliases) := {
	"id": "f1", "rule": rule, "kind": "vulnerability", "severity": "UNKNOWN", "title": "Malicious code",
	"location": {"path": "package-lock.json"},
	"vulnerability": {"aliases": aliases, "package": {"purl": "pkg:npm/evil@1.0.0", "name": "evil", "version": "1.0.0"}},
}

test_deny_by_id if {
	some r in malicious_packages.deny with input as {"findings": [finding("MAL-2025-1", [])]}
	startswith(r.msg, "evil 1.0.0 is malicious (MAL-2025-1)")
	r.severity == "CRITICAL"
}

test_deny_by_alias_once if {
	count(malicious_packages.deny) == 1 with input as {"findings": [finding("GHSA-1", ["MAL-2025-1", "MAL-2025-2"])]}
}

test_allow_plain_vulnerability if {
	count(malicious_packages.deny) == 0 with input as {"findings": [finding("CVE-2025-1", ["GHSA-1"])]}
}

test_allow_finding_without_aliases if {
	f := json.remove(finding("CVE-2025-1", []), ["vulnerability/aliases"])
	count(malicious_packages.deny) == 0 with input as {"findings": [f]}
}

test_deny_by_flag if {
	f := json.patch(finding("SNYK-1", []), [{"op": "add", "path": "/vulnerability/malicious", "value": true}])
	some r in malicious_packages.deny with input as {"findings": [f]}
	startswith(r.msg, "evil 1.0.0 is malicious (SNYK-1)")
}
