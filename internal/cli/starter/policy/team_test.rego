package gatehouse.team_test

import data.gatehouse.team

component(version) := {
	"name": "left-pad", "version": version,
	"location": {"path": "package-lock.json", "line": 7},
}

test_deny_pre_release if {
	count(team.deny) == 1 with input.components as [component("2.0.0-beta.1")]
}

test_allow_release if {
	count(team.deny) == 0 with input.components as [component("2.0.0")]
}
