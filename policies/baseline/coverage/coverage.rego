# METADATA
# custom:
#   controls: [NIST-800-53:RA-5.3, SSDF:PW.7]
package gatehouse.baseline.coverage

import data.gatehouse.baseline.lib

settings := data.gatehouse.settings.coverage

# METADATA
# title: Required scanners ran
# description: A scanner that coverage.required_scanners names was not asked for, failed, or found no file that it reads.
# custom:
#   id: GH-COVERAGE-001
#   severity: HIGH
#   solution: Turn the scanner on and correct what made it fail; or take it off coverage.required_scanners.
deny contains {"msg": msg, "severity": "HIGH", "scanner": name} if {
	some name in settings.required_scanners
	not ran[name]
	msg := sprintf("The required scanner %s %s", [name, problem(name)])
}

# METADATA
# title: Exclusions are known
# description: A summary of what was excluded from the scan. A gap, which nobody decided on, is not part of it and makes the verdict INCOMPLETE.
# custom:
#   id: GH-COVERAGE-002
#   severity: LOW
#   solution: Check that each exclusion is meant; set coverage.warn_excluded to false to be quiet about it.
warn_excluded contains {"msg": msg, "severity": "LOW"} if {
	settings.warn_excluded
	excluded := [s.path | some s in input.coverage.skipped; contains(s.reason, "excluded"); not builtin_exclude(s)]
	count(excluded) > 0
	msg := sprintf("%s excluded from the scan: %s", [
		lib.count_text(count(excluded), "path is", "paths are"),
		concat(", ", array.slice(excluded, 0, 10)),
	])
}

# The version control directory is always excluded.
builtin_exclude(s) if s.path in {".git", ".git/"}

ran contains s.name if {
	some s in input.coverage.scanners
	s.status in {"complete", "partial"}
}

known contains s.name if some s in input.coverage.scanners

problem(name) := "did not run" if not known[name]

problem(name) := "failed, so nothing it says can be relied on" if {
	some s in input.coverage.scanners
	s.name == name
	s.status == "failed"
}

problem(name) := "found no file that it reads" if {
	some s in input.coverage.scanners
	s.name == name
	s.status == "not-applicable"
}
