package gatehouse.baseline.secrets_test

import data.gatehouse.baseline.secrets

finding(kind) := {"id": "f1", "kind": kind, "title": "AWS access key.", "severity": "LOW", "location": {"path": ".env", "line": 3}}

test_deny_secret_at_any_severity if {
	some r in secrets.deny with input as {"findings": [finding("secret")]}
	r.msg == "AWS access key in .env. Revoke it, then remove it from the file"
	r.finding == "f1"
}

test_allow_other_findings if {
	count(secrets.deny) == 0 with input as {"findings": [finding("misconfiguration")]}
}
