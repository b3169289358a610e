# A policy of your own. Packages below "gatehouse" see the report of a scan;
# `gatehouse schema input` prints its shape, and a misspelt field is an error
# when the policy is loaded.

# METADATA
# title: No package is pinned to a pre-release
# description: A version such as 1.0.0-beta.2 may change without notice.
# custom:
#   id: TEAM-001
#   severity: MEDIUM
#   solution: depend on a released version
package gatehouse.team

deny contains violation if {
	some component in input.components
	regex.match(`[0-9]-(alpha|beta|rc)[.0-9]*$`, component.version)
	violation := {
		"msg": sprintf("%s %s is a pre-release", [component.name, component.version]),
		"_loc": {"file": component.location.path, "line": component.location.line},
	}
}
