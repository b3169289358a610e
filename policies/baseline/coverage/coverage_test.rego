package gatehouse.baseline.coverage_test

import data.gatehouse.baseline.coverage

report(status) := {"coverage": {"scanners": [{"name": "secrets", "status": status}], "skipped": []}}

require(names) := {"required_scanners": names, "warn_excluded": true}

test_allow_without_requirement if {
	count(coverage.deny) == 0 with input as report("failed")
}

test_allow_required_that_ran if {
	count(coverage.deny) == 0 with input as report("complete") with data.gatehouse.settings.coverage as require(["secrets"])
}

test_deny_required_that_failed if {
	some r in coverage.deny with input as report("failed") with data.gatehouse.settings.coverage as require(["secrets"])
	contains(r.msg, "secrets failed")
}

test_deny_required_that_had_nothing_to_do if {
	some r in coverage.deny with input as report("not-applicable") with data.gatehouse.settings.coverage as require(["secrets"])
	contains(r.msg, "found no file")
}

test_deny_required_that_was_not_asked_for if {
	some r in coverage.deny with input as report("complete") with data.gatehouse.settings.coverage as require(["sca"])
	r.msg == "The required scanner sca did not run"
}

skipped := [
	{"path": ".git/", "reason": "excluded by default"},
	{"path": "vendor/", "reason": "excluded by gatehouse.yaml: vendor/**"},
	{"path": "link", "reason": "symbolic link"},
]

test_warn_excluded if {
	some r in coverage.warn_excluded with input as {"coverage": {"scanners": [], "skipped": skipped}}
	r.msg == "1 path is excluded from the scan: vendor/"
}

test_warn_excluded_is_silent_if_off if {
	count(coverage.warn_excluded) == 0 with input as {"coverage": {"scanners": [], "skipped": skipped}}
		with data.gatehouse.settings.coverage.warn_excluded as false
}

test_warn_excluded_is_silent_without_exclusion if {
	count(coverage.warn_excluded) == 0 with input as report("complete")
}
