# METADATA
# custom:
#   controls: [NIST-800-53:CM-6, PCI-DSS-4.0:2.2.1, SSDF:PW.9]
package gatehouse.baseline.misconfiguration

import data.gatehouse.baseline.lib

settings := data.gatehouse.settings.misconfiguration

denied_levels := lib.levels(settings.severity, settings.unknown_severity)

# METADATA
# title: Configuration breaks no serious rule
# description: Infrastructure is configured in a way that breaks a rule at or above the severity threshold.
# custom:
#   id: GH-CONFIG-001
#   severity: HIGH
#   solution: Change the configuration as the finding says.
deny contains result if {
	some f in input.findings
	f.kind == "misconfiguration"
	denied_levels[f.severity]
	not lib.ignored(f)
	result := {
		"msg": sprintf("%s%s (%s, %s): %s", [
			subject(f), trim_suffix(f.title, "."), f.rule,
			lib.severity_text(f.severity, settings.unknown_severity), advice(f),
		]),
		"finding": f.id,
		"severity": effective(f),
		"resource": object.get(f.misconfiguration, "resource", ""),
	}
}

# METADATA
# title: Configuration breaks no rule below the threshold
# description: A summary of the findings that do not deny.
# custom:
#   id: GH-CONFIG-002
#   severity: LOW
#   solution: Correct them with the next change; lower misconfiguration.severity to make them deny.
warn_below contains {"msg": msg, "severity": "LOW"} if {
	settings.warn_below
	below := [f |
		some f in input.findings
		f.kind == "misconfiguration"
		not denied_levels[f.severity]
		not lib.ignored(f)
	]
	count(below) > 0
	files := {f.location.path | some f in below}
	msg := sprintf("%s below %s in %s: %s", [
		lib.count_text(count(below), "misconfiguration", "misconfigurations"), settings.severity,
		lib.count_text(count(files), "file", "files"),
		concat(", ", array.slice(sort(files), 0, 10)),
	])
}

effective(f) := lib.effective_severity(f.severity, settings.unknown_severity)

subject(f) := sprintf("%s: ", [f.misconfiguration.resource]) if f.misconfiguration.resource != ""

subject(f) := "" if object.get(f.misconfiguration, "resource", "") == ""

# advice is the fix, or else what was found.
advice(f) := f.fix if f.fix != ""

advice(f) := f.message if object.get(f, "fix", "") == ""
