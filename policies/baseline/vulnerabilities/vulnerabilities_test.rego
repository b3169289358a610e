package gatehouse.baseline.vulnerabilities_test

import data.gatehouse.baseline.vulnerabilities

pkg := {"purl": "pkg:npm/lodash@4.17.15", "ecosystem": "npm", "name": "lodash", "version": "4.17.15"}

finding(severity, fixed) := {
	"id": "f1", "rule": "CVE-2020-8203", "kind": "vulnerability", "scanner": "sca", "severity": severity,
	"title": "Prototype pollution", "message": "", "location": {"path": "package-lock.json"}, "fingerprint": "f1",
	"vulnerability": {"package": pkg, "fixed_versions": fixed, "source": "osv"},
}

report(findings) := {"findings": findings, "components": []}

with_settings(overrides) := object.union(data.gatehouse.settings.vulnerabilities, overrides)

test_deny_high_with_fix if {
	some r in vulnerabilities.deny with input as report([finding("HIGH", ["4.17.19"])])
	r.finding == "f1"
	r.severity == "HIGH"
	r.msg == "lodash 4.17.15 has CVE-2020-8203 (HIGH): Prototype pollution. Fixed in 4.17.19"
}

test_deny_high_without_fix if {
	some r in vulnerabilities.deny with input as report([finding("HIGH", [])])
	endswith(r.msg, "No fixed version is known")
}

test_deny_fixed_versions_may_be_missing if {
	f := json.remove(finding("CRITICAL", []), ["vulnerability/fixed_versions"])
	count(vulnerabilities.deny) == 1 with input as report([f])
}

test_deny_unknown_severity_counts_as_high if {
	some r in vulnerabilities.deny with input as report([finding("UNKNOWN", [])])
	contains(r.msg, "severity not stated, counted as HIGH")
	r.severity == "HIGH"
}

test_allow_unknown_severity_if_set_low if {
	count(vulnerabilities.deny) == 0 with input as report([finding("UNKNOWN", [])])
		with data.gatehouse.settings.vulnerabilities as with_settings({"unknown_severity": "LOW"})
}

test_allow_medium if {
	count(vulnerabilities.deny) == 0 with input as report([finding("MEDIUM", ["4.17.19"])])
}

test_warn_below_summarises if {
	some r in vulnerabilities.warn_below with input as report([finding("MEDIUM", ["4.17.19"])])
	r.msg == "1 vulnerability below HIGH in 1 package: lodash"
}

test_warn_below_is_silent_if_off if {
	count(vulnerabilities.warn_below) == 0 with input as report([finding("MEDIUM", [])])
		with data.gatehouse.settings.vulnerabilities as with_settings({"warn_below": false})
}

test_allow_unfixed_with_only_fixable if {
	count(vulnerabilities.deny) == 0 with input as report([finding("CRITICAL", [])])
		with data.gatehouse.settings.vulnerabilities as with_settings({"only_fixable": true})
}

test_warn_unfixed_with_only_fixable if {
	count(vulnerabilities.warn_unfixed) == 1 with input as report([finding("MEDIUM", [])])
		with data.gatehouse.settings.vulnerabilities as with_settings({"only_fixable": true})
}

test_warn_unfixed_is_silent_without_only_fixable if {
	count(vulnerabilities.warn_unfixed) == 0 with input as report([finding("CRITICAL", [])])
}

test_warn_unfixed_has_its_own_threshold if {
	count(vulnerabilities.warn_unfixed) == 0 with input as report([finding("LOW", [])])
		with data.gatehouse.settings.vulnerabilities as with_settings({"only_fixable": true})
}

dev_only := [{"purl": pkg.purl, "dev": true}]

dev_and_shipped := [{"purl": pkg.purl, "dev": true}, {"purl": pkg.purl, "dev": false}]

test_deny_dev_by_default if {
	count(vulnerabilities.deny) == 1 with input as {"findings": [finding("HIGH", [])], "components": dev_only}
}

test_allow_dev_if_ignored if {
	count(vulnerabilities.deny) == 0 with input as {"findings": [finding("HIGH", [])], "components": dev_only}
		with data.gatehouse.settings.vulnerabilities as with_settings({"ignore_dev": true})
}

test_deny_what_is_shipped_too if {
	count(vulnerabilities.deny) == 1 with input as {"findings": [finding("HIGH", [])], "components": dev_and_shipped}
		with data.gatehouse.settings.vulnerabilities as with_settings({"ignore_dev": true})
}

test_allow_malicious_which_has_its_own_rule if {
	f := object.union(finding("CRITICAL", []), {"rule": "MAL-2025-1"})
	g := object.union(finding("CRITICAL", []), {"vulnerability": {"aliases": ["MAL-2025-1"], "package": pkg}})
	count(vulnerabilities.deny) == 0 with input as report([f, g])
}

exploited(severity) := json.patch(finding(severity, ["4.17.19"]), [{"op": "add", "path": "/vulnerability/exploited", "value": "2026-01-02"}])

test_deny_exploited_at_any_severity if {
	some r in vulnerabilities.deny_exploited with input as report([exploited("LOW")])
	r.severity == "CRITICAL"
	contains(r.msg, "known to be exploited since 2026-01-02")
}

test_deny_exploited_only_once if {
	count(vulnerabilities.deny) == 1 with input as report([exploited("HIGH")])
	count(vulnerabilities.deny_exploited) == 0 with input as report([exploited("HIGH")])
}

test_allow_exploited_if_set_so if {
	count(vulnerabilities.deny_exploited) == 0 with input as report([exploited("LOW")])
		with data.gatehouse.settings.vulnerabilities as with_settings({"exploited": "ignore"})
}

test_deny_exploited_nothing_if_not_exploited if {
	count(vulnerabilities.deny_exploited) == 0 with input as report([finding("LOW", [])])
}

stated(severity, status) := json.patch(finding(severity, []), [{"op": "add", "path": "/vulnerability/vex", "value": {"status": status, "document": "vex.json"}}])

test_allow_excused_by_vex if {
	some status in ["not_affected", "fixed"]
	count(vulnerabilities.deny) == 0 with input as report([stated("CRITICAL", status)])
}

test_deny_if_vex_confirms if {
	count(vulnerabilities.deny) == 1 with input as report([stated("CRITICAL", "affected")])
	count(vulnerabilities.deny) == 1 with input as report([stated("CRITICAL", "under_investigation")])
}

test_deny_if_vex_is_not_trusted if {
	count(vulnerabilities.deny) == 1 with input as report([stated("CRITICAL", "not_affected")])
		with data.gatehouse.settings.vulnerabilities as with_settings({"vex": []})
}

test_warn_vex_names_what_is_excused if {
	some r in vulnerabilities.warn_vex with input as report([stated("CRITICAL", "not_affected")])
	r.msg == "1 vulnerability is excused by VEX in vex.json: CVE-2020-8203 not affected"
}

test_warn_vex_is_silent_without_vex if {
	count(vulnerabilities.warn_vex) == 0 with input as report([finding("CRITICAL", [])])
}

test_allow_malicious_has_a_rule_of_its_own if {
	f := json.patch(finding("CRITICAL", []), [{"op": "add", "path": "/vulnerability/malicious", "value": true}])
	count(vulnerabilities.deny) == 0 with input as report([f])
}

in_state(f, state) := json.patch(f, [{"op": "add", "path": "/vulnerability/reachability", "value": {"state": state, "why": "by call graph"}}])

test_deny_unreachable_by_default if {
	count(vulnerabilities.deny) == 1 with input as report([in_state(finding("HIGH", []), "unreachable")])
	count(vulnerabilities.warn_unreachable) == 0 with input as report([in_state(finding("HIGH", []), "unreachable")])
}

test_allow_unreachable_if_set_so if {
	some action in ["warn", "ignore"]
	count(vulnerabilities.deny) == 0 with input as report([in_state(finding("CRITICAL", []), "unreachable")])
		with data.gatehouse.settings.vulnerabilities as with_settings({"unreachable": action})
}

test_warn_unreachable_names_what_it_is if {
	some r in vulnerabilities.warn_unreachable with input as report([in_state(finding("CRITICAL", []), "unreachable")])
		with data.gatehouse.settings.vulnerabilities as with_settings({"unreachable": "warn"})
	r.msg == "1 vulnerability is not reached by the program: CVE-2020-8203 in lodash"
}

test_warn_unreachable_is_silent_if_ignored if {
	count(vulnerabilities.warn_unreachable) == 0 with input as report([in_state(finding("CRITICAL", []), "unreachable")])
		with data.gatehouse.settings.vulnerabilities as with_settings({"unreachable": "ignore"})
}

test_deny_what_is_reached_or_undecided if {
	every action in ["warn", "ignore"] {
		every f in [finding("HIGH", []), in_state(finding("HIGH", []), "called"), in_state(finding("HIGH", []), "imported"), in_state(finding("HIGH", []), "present")] {
			count(vulnerabilities.deny) == 1 with input as report([f])
				with data.gatehouse.settings.vulnerabilities as with_settings({"unreachable": action})
		}
	}
}

test_deny_exploited_though_unreachable if {
	count(vulnerabilities.deny_exploited) == 1 with input as report([in_state(exploited("LOW"), "unreachable")])
		with data.gatehouse.settings.vulnerabilities as with_settings({"unreachable": "ignore"})
}

in_base(f) := object.union(f, {"layer": {"index": 1, "base": true}})

base_setting(action) := with_settings({"base": action})

test_deny_base_by_default if {
	count(vulnerabilities.deny) == 1 with input as report([in_base(finding("HIGH", []))])
	count(vulnerabilities.warn_base) == 0 with input as report([in_base(finding("HIGH", []))])
}

test_warn_base_names_the_packages if {
	some r in vulnerabilities.warn_base with input as report([in_base(finding("HIGH", []))])
		with data.gatehouse.settings.vulnerabilities as base_setting("warn")
	r.msg == "1 vulnerability is in 1 package of the base image: lodash"
}

test_allow_base_if_set_so if {
	some action in ["warn", "ignore"]
	count(vulnerabilities.deny) == 0 with input as report([in_base(finding("HIGH", []))])
		with data.gatehouse.settings.vulnerabilities as base_setting(action)
}

test_deny_of_the_application_whatever_the_base if {
	f := object.union(finding("HIGH", []), {"layer": {"index": 2}})
	count(vulnerabilities.deny) == 1 with input as report([f, in_base(finding("LOW", []))])
		with data.gatehouse.settings.vulnerabilities as base_setting("ignore")
}

test_deny_exploited_though_of_the_base if {
	count(vulnerabilities.deny_exploited) == 1 with input as report([in_base(exploited("LOW"))])
		with data.gatehouse.settings.vulnerabilities as base_setting("ignore")
}
