package gatehouse.baseline.secrets_test

import data.gatehouse.baseline.secrets

finding(kind) := {"id": "f1", "kind": kind, "title": "AWS access key.", "severity": "LOW", "location": {"path": ".env", "line": 3}}

secret(about) := object.union(finding("secret"), {"secret": about})

settings(low) := {"low_confidence": low}

test_deny_secret_at_any_severity if {
	some r in secrets.deny with input as {"findings": [finding("secret")]}
	r.msg == "AWS access key in .env. Revoke it, then remove it from the file"
	r.finding == "f1"
}

test_deny_counts_places if {
	f := object.union(finding("secret"), {"also": [{"path": "b"}, {"path": "c"}]})
	some r in secrets.deny with input as {"findings": [f]}
	r.msg == "AWS access key in .env and 2 other places. Revoke it, then remove it from the file"
}

test_deny_medium_confidence if {
	count(secrets.deny) == 1 with input as {"findings": [secret({"confidence": "medium"})]}
}

test_allow_other_findings if {
	count(secrets.deny) == 0 with input as {"findings": [finding("misconfiguration")]}
}

test_allow_low_confidence if {
	doubtful := secret({"confidence": "low", "why": "it counts up"})
	count(secrets.deny) == 0 with input as {"findings": [doubtful]} with data.gatehouse.settings.secrets as settings("warn")
	some r in secrets.warn_doubtful with input as {"findings": [doubtful]} with data.gatehouse.settings.secrets as settings("warn")
	r.msg == "AWS access key in .env is doubtful: it counts up"
}

test_deny_low_confidence_if_set if {
	doubtful := secret({"confidence": "low"})
	count(secrets.deny) == 1 with input as {"findings": [doubtful]} with data.gatehouse.settings.secrets as settings("deny")
	count(secrets.warn_doubtful) == 0 with input as {"findings": [doubtful]} with data.gatehouse.settings.secrets as settings("deny")
}

test_allow_suppressed if {
	hidden := object.union(secret({}), {"suppressed": {"by": "comment gitleaks:allow"}})
	count(secrets.deny) == 0 with input as {"findings": [hidden]}
	some r in secrets.warn_suppressed with input as {"findings": [hidden, hidden]}
	r.msg == "2 secrets are suppressed by comment gitleaks:allow in 1 file: .env"
}
