package gatehouse.baseline.misconfiguration_test

import data.gatehouse.baseline.misconfiguration

finding(severity) := {
	"id": "f1", "rule": "AWS-0086", "kind": "misconfiguration", "severity": severity, "title": "Public bucket",
	"message": "The bucket is public.", "fix": "Block public access", "location": {"path": "main.tf", "line": 3},
	"misconfiguration": {"type": "terraform", "resource": "aws_s3_bucket.logs"},
}

bare := json.remove(finding("UNKNOWN"), ["fix", "misconfiguration/resource"])

test_deny_high if {
	some r in misconfiguration.deny with input as {"findings": [finding("HIGH")]}
	r.msg == "aws_s3_bucket.logs: Public bucket (AWS-0086, HIGH): Block public access"
	r.finding == "f1"
}

test_allow_ignored if {
	hidden := object.union(finding("HIGH"), {"suppressed": {"by": "the comment trivy:ignore"}})
	count(misconfiguration.deny) == 0 with input as {"findings": [hidden]}
	count(misconfiguration.deny) == 1 with input as {"findings": [hidden]} with data.gatehouse.settings.ignores.accept as "none"
}

test_deny_unknown_severity if {
	some r in misconfiguration.deny with input as {"findings": [bare]}
	r.msg == "Public bucket (AWS-0086, severity not stated, counted as HIGH): The bucket is public."
}

test_allow_medium if {
	count(misconfiguration.deny) == 0 with input as {"findings": [finding("MEDIUM")]}
}

test_warn_below_summarises if {
	some r in misconfiguration.warn_below with input as {"findings": [finding("MEDIUM"), finding("LOW"), finding("HIGH")]}
	r.msg == "2 misconfigurations below HIGH in 1 file: main.tf"
}

test_warn_below_is_silent_if_off if {
	count(misconfiguration.warn_below) == 0 with input as {"findings": [finding("MEDIUM")]}
		with data.gatehouse.settings.misconfiguration.warn_below as false
}

test_allow_other_kinds if {
	count(misconfiguration.deny) == 0 with input as {"findings": [object.union(finding("HIGH"), {"kind": "secret"})]}
}
