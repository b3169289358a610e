package gatehouse.baseline.database_age_test

import data.gatehouse.baseline.database_age

report(updated_at, age) := {
	"time": "2026-11-25T00:00:00Z",
	"databases": [{"name": "sca", "updated_at": updated_at, "age_hours": age}],
}

test_deny_old if {
	some r in database_age.deny with input as report("2026-11-01T00:00:00Z", 576)
	startswith(r.msg, "The database of sca is 24 days old, and 7 days are allowed")
}

test_allow_recent if {
	count(database_age.deny) == 0 with input as report("2026-11-20T00:00:00Z", 120)
}

test_deny_unknown_age if {
	some r in database_age.deny with input as report("", -1)
	contains(r.msg, "does not say how old it is")
}

test_deny_future if {
	some r in database_age.deny with input as report("2027-11-25T00:00:00Z", -8760)
	contains(r.msg, "in the future")
}

test_allow_clock_skew if {
	count(database_age.deny) == 0 with input as report("2026-11-25T01:00:00Z", -1)
}

test_allow_no_database if {
	count(database_age.deny) == 0 with input as {"time": "2026-11-25T00:00:00Z", "databases": []}
}

test_deny_old_by_hours if {
	some r in database_age.deny with input as report("2026-11-17T12:00:00Z", 180.5)
	contains(r.msg, "is 7.5 days old")
}

test_allow_old_of_nothing if {
	old := object.union(report("2026-11-01T00:00:00Z", 576), {"coverage": {"scanners": [{"name": "sca", "status": "not-applicable"}]}})
	count(database_age.deny) == 0 with input as old
}

test_deny_old_of_something if {
	old := object.union(report("2026-11-01T00:00:00Z", 576), {"coverage": {"scanners": [{"name": "sca", "status": "complete"}]}})
	count(database_age.deny) == 1 with input as old
}
