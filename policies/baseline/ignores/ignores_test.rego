package gatehouse.baseline.ignores_test

import data.gatehouse.baseline.ignores

finding(reason) := {
	"id": "f1", "rule": "AWS-0086", "kind": "misconfiguration", "location": {"path": "main.tf"},
	"suppressed": {"by": "the comment trivy:ignore", "reason": reason},
}

accept(which) := {"accept": which}

test_warn_ignored if {
	some r in ignores.warn_ignored with input as {"findings": [finding(""), finding("")]}
		with data.gatehouse.settings.ignores as accept("all")
	r.msg == "2 findings are ignored by the comment trivy:ignore: AWS-0086 in main.tf"
}

test_only_with_a_reason if {
	count(ignores.warn_ignored) == 0 with input as {"findings": [finding("")]}
		with data.gatehouse.settings.ignores as accept("explained")
	count(ignores.warn_ignored) == 1 with input as {"findings": [finding("it is a test")]}
		with data.gatehouse.settings.ignores as accept("explained")
}

test_none if {
	count(ignores.warn_ignored) == 0 with input as {"findings": [finding("it is a test")]}
		with data.gatehouse.settings.ignores as accept("none")
}

test_silent_about_others if {
	count(ignores.warn_ignored) == 0 with input as {"findings": [json.remove(finding(""), ["suppressed"])]}
	count(ignores.warn_ignored) == 0 with input as {"findings": [object.union(finding(""), {"kind": "secret"})]}
}

test_warn_ineffective if {
	used := {"rule": "AWS-0001", "state": "used", "location": {"path": "a.tf"}}
	expired := {"rule": "AWS-0002", "state": "expired", "location": {"path": "b.tf"}}
	some r in ignores.warn_ineffective with input as {"ignores": [used, expired]}
	r.msg == "1 ignore has no effect: AWS-0002 (expired) in b.tf"
	count(ignores.warn_ineffective) == 0 with input as {"ignores": [used]}
}
