package gatehouse.baseline.ignores

import data.gatehouse.baseline.lib

# METADATA
# title: No finding is ignored unseen
# description: A summary of the findings that do not count because a comment or a file of ignores says so.
# custom:
#   id: GH-IGNORE-001
#   severity: LOW
#   solution: Check that each is meant; a waiver has an owner, a reason and an end. Set ignores.accept to explained or none to make them count.
#   controls: [NIST-800-53:CM-6, SSDF:PO.4]
warn_ignored contains {"msg": msg, "severity": "LOW"} if {
	lifted := [f | some f in input.findings; lib.ignored(f)]
	count(lifted) > 0
	by := {f.suppressed.by | some f in lifted}
	what := {text |
		some f in lifted
		text := sprintf("%s in %s", [f.rule, f.location.path])
	}
	msg := sprintf("%s by %s: %s", [
		lib.count_text(count(lifted), "finding is ignored", "findings are ignored"),
		concat(", ", array.slice(sort(by), 0, 5)),
		concat(", ", array.slice(sort(what), 0, 10)),
	])
}

# METADATA
# title: No ignore is without effect
# description: |
#   A comment or a file asks that a finding does not count, and does nothing:
#   it has expired, names no rule, stands where it does not count, or there is
#   no such finding any more.
# custom:
#   id: GH-IGNORE-002
#   severity: LOW
#   solution: Remove it, or correct the name of the rule, the place or the date.
#   controls: [NIST-800-53:CM-6, SSDF:PO.4]
warn_ineffective contains {"msg": msg, "severity": "LOW"} if {
	idle := [i | some i in input.ignores; i.state != "used"]
	count(idle) > 0
	what := {text |
		some i in idle
		text := sprintf("%s (%s) in %s", [i.rule, i.state, i.location.path])
	}
	msg := sprintf("%s: %s", [
		lib.count_text(count(idle), "ignore has no effect", "ignores have no effect"),
		concat(", ", array.slice(sort(what), 0, 10)),
	])
}
