# METADATA
# custom:
#   controls: [NIST-800-53:RA-5, NIST-800-53:SI-2, PCI-DSS-4.0:6.3.3, SSDF:RV.1]
package gatehouse.baseline.vulnerabilities

import data.gatehouse.baseline.lib

settings := data.gatehouse.settings.vulnerabilities

denied_levels := lib.levels(settings.severity, settings.unknown_severity)

unfixed_levels := lib.levels(settings.warn_unfixed_severity, settings.unknown_severity)

# METADATA
# title: Packages have no serious known vulnerability
# description: |
#   A package that the target uses has a published vulnerability at or above
#   the severity threshold.
# custom:
#   id: GH-VULN-001
#   severity: HIGH
#   solution: Upgrade the package to a fixed version; if it comes with another package, upgrade that one.
deny contains violation(f) if {
	some f in considered
	denied_levels[f.severity]
	in_scope(f)
}

# METADATA
# title: Packages have no known vulnerability without a fix
# description: |
#   With only_fixable, a serious vulnerability without a fixed version does not
#   deny; it is still worth knowing.
# custom:
#   id: GH-VULN-002
#   severity: MEDIUM
#   solution: Replace the package, or check whether the vulnerable part is used and waive it for a while.
warn_unfixed contains violation(f) if {
	settings.only_fixable
	some f in considered
	unfixed_levels[f.severity]
	not fixable(f)
	not f.vulnerability.exploited
}

# METADATA
# title: Packages have no vulnerability below the threshold
# description: A summary of the vulnerabilities that do not deny.
# custom:
#   id: GH-VULN-003
#   severity: LOW
#   solution: Upgrade these packages with the next maintenance; lower vulnerabilities.severity to make them deny.
warn_below contains {"msg": msg, "severity": "LOW"} if {
	settings.warn_below
	below := [f | some f in considered; not denied_levels[f.severity]]
	count(below) > 0
	names := {f.vulnerability.package.name | some f in below}
	msg := sprintf("%s below %s in %s: %s", [
		lib.count_text(count(below), "vulnerability", "vulnerabilities"), settings.severity,
		lib.count_text(count(names), "package", "packages"),
		concat(", ", array.slice(sort(names), 0, 10)),
	])
}

# METADATA
# title: Packages have no vulnerability that is being exploited
# description: |
#   A vulnerability is in CISA's catalogue of known exploited vulnerabilities:
#   its severity, and whether there is a fix, do not matter any more.
# custom:
#   id: GH-VULN-004
#   severity: CRITICAL
#   solution: Upgrade or remove the package now, and look for signs of an attack.
#   controls: [NIST-800-53:RA-5, NIST-800-53:SI-2, CISA:BOD-22-01, SSDF:RV.2]
deny_exploited contains object.union(violation(f), {"msg": msg, "severity": "CRITICAL"}) if {
	settings.exploited == "deny"
	some f in considered
	exploited(f)
	not denied_levels[f.severity]
	msg := sprintf("%s has %s, which is known to be exploited since %s: %s. %s", [
		lib.package_text(f.vulnerability.package), f.rule, f.vulnerability.exploited,
		trim_suffix(f.title, "."), fix(f),
	])
}

# METADATA
# title: No vulnerability is talked away unseen
# description: A summary of the vulnerabilities that do not count because a VEX statement says so.
# custom:
#   id: GH-VULN-005
#   severity: LOW
#   solution: Check that the statements are true of what is scanned, and who makes them; take statuses out of vulnerabilities.vex that you do not trust.
warn_vex contains {"msg": msg, "severity": "LOW"} if {
	lifted := [f | some f in all_vulnerabilities; excused(f)]
	count(lifted) > 0
	said := {text |
		some f in lifted
		text := sprintf("%s %s", [f.rule, replace(f.vulnerability.vex.status, "_", " ")])
	}
	documents := {f.vulnerability.vex.document | some f in lifted}
	msg := sprintf("%s by VEX in %s: %s", [
		lib.count_text(count(lifted), "vulnerability is excused", "vulnerabilities are excused"),
		concat(", ", sort(documents)),
		concat(", ", array.slice(sort(said), 0, 10)),
	])
}

# METADATA
# title: No vulnerability is passed over unseen because its code is not used
# description: |
#   A summary of the vulnerabilities that do not count because no package of
#   the program imports the vulnerable code.
# custom:
#   id: GH-VULN-006
#   severity: LOW
#   solution: Upgrade these packages with the next maintenance; the analysis holds for the platform and the build tags that it was made for.
warn_unreachable contains {"msg": msg, "severity": "LOW"} if {
	settings.unreachable == "warn"
	lifted := [f | some f in all_vulnerabilities; not excused(f); unreachable(f)]
	count(lifted) > 0
	names := {text |
		some f in lifted
		text := sprintf("%s in %s", [f.rule, f.vulnerability.package.name])
	}
	msg := sprintf("%s not reached by the program: %s", [
		lib.count_text(count(lifted), "vulnerability is", "vulnerabilities are"),
		concat(", ", array.slice(sort(names), 0, 10)),
	])
}

# METADATA
# title: No vulnerability of a base image is passed over unseen
# description: |
#   A summary of the vulnerabilities that do not count because they are in a
#   layer that belongs to the base of the image.
# custom:
#   id: GH-VULN-007
#   severity: LOW
#   solution: Build the image on a newer base, or ask who makes the base for one.
warn_base contains {"msg": msg, "severity": "LOW"} if {
	settings.base == "warn"
	lifted := [f | some f in all_vulnerabilities; not excused(f); not unreachable(f); of_base(f)]
	count(lifted) > 0
	names := {f.vulnerability.package.name | some f in lifted}
	msg := sprintf("%s in %s of the base image: %s", [
		lib.count_text(count(lifted), "vulnerability is", "vulnerabilities are"),
		lib.count_text(count(names), "package", "packages"),
		concat(", ", array.slice(sort(names), 0, 10)),
	])
}

all_vulnerabilities := [f |
	some f in input.findings
	f.kind == "vulnerability"
	not malicious(f)
	not ignored_dev(f)
]

considered := [f |
	some f in all_vulnerabilities
	not excused(f)
	not unreachable(f)
	not of_base(f)
	not lib.ignored(f)
]

# excused are those that a VEX statement lifts.
excused(f) if f.vulnerability.vex.status in settings.vex

# unreachable are those that do not count because the program does not use the
# code. What is being exploited counts all the same.
unreachable(f) if {
	settings.unreachable in {"warn", "ignore"}
	f.vulnerability.reachability.state == "unreachable"
	not exploited(f)
}

# of_base are those that do not count because they come with the base. What is being
# exploited counts all the same.
of_base(f) if {
	settings.base in {"warn", "ignore"}
	f.layer.base
	not exploited(f)
}

exploited(f) if object.get(f.vulnerability, "exploited", "") != ""

# Malicious packages have a rule of their own.
malicious(f) if f.vulnerability.malicious

malicious(f) if startswith(f.rule, "MAL-")

malicious(f) if {
	some alias in f.vulnerability.aliases
	startswith(alias, "MAL-")
}

ignored_dev(f) if {
	settings.ignore_dev
	lib.dev_purls[f.vulnerability.package.purl]
}

effective(f) := lib.effective_severity(f.severity, settings.unknown_severity)

fixed_versions(f) := object.get(f.vulnerability, "fixed_versions", [])

fixable(f) if count(fixed_versions(f)) > 0

in_scope(f) if fixable(f)

in_scope(_) if not settings.only_fixable

violation(f) := {
	"msg": sprintf("%s has %s (%s): %s. %s", [
		lib.package_text(f.vulnerability.package), f.rule,
		lib.severity_text(f.severity, settings.unknown_severity),
		trim_suffix(f.title, "."), fix(f),
	]),
	"finding": f.id,
	"severity": effective(f),
	"purl": f.vulnerability.package.purl,
	"fixed_versions": fixed_versions(f),
}

fix(f) := sprintf("Fixed in %s", [concat(", ", fixed_versions(f))]) if fixable(f)

fix(f) := "No fixed version is known" if not fixable(f)
