package gatehouse.baseline.license_classes_test

import data.gatehouse.baseline.license_classes

component(choices, extra) := object.union(
	{
		"purl": "pkg:npm/a@1", "ecosystem": "npm", "name": "a", "version": "1", "location": {"path": "web/package-lock.json"},
		"direct": true, "dev": false, "license_choices": choices, "licenses_readable": true,
	},
	extra,
)

with_settings(overrides) := object.union(data.gatehouse.settings.license_classes, overrides)

denied(choices, settings) := found if {
	found := license_classes.deny with input as {"components": [component(choices, {})], "findings": []}
		with data.gatehouse.settings.license_classes as with_settings(settings)
}

classes := {
	"AGPL-3.0-only": "forbidden", "CC-BY-NC-4.0": "forbidden", "SSPL-1.0+": "forbidden",
	"GPL-2.0-only": "restricted", "LGPL-2.1-or-later": "restricted", "GPL-2.0-only WITH Linux-syscall-note": "restricted",
	"GPL-2.0-only WITH Classpath-exception-2.0": "reciprocal", "MPL-2.0": "reciprocal", "EPL-2.0": "reciprocal",
	"MIT": "notice", "apache-2.0": "notice", "Apache-2.0 WITH LLVM-exception": "notice", "BSD-3-Clause": "notice",
	"MIT-0": "permissive", "CC0-1.0": "unencumbered", "Unlicense": "unencumbered",
	"LicenseRef-Acme": "unknown", "see LICENSE file": "unknown", "GPL": "unknown",
}

test_deny_each_class if {
	every id, class in classes {
		some r in denied([[id]], {class: "deny"})
		r.class == class
		r.licenses == [id]
	}
}

test_allow_other_classes if {
	every id, class in classes {
		every other in [o | some o in license_classes.order; o != class] {
			count(denied([[id]], {other: "deny"})) == 0
		}
	}
}

test_allow_all_by_default if {
	every id, _ in classes {
		count(denied([[id]], {})) == 0
	}
	count(denied([], {})) == 0
}

test_mildest_choice_and_strictest_part if {
	settings := {"restricted": "deny", "unknown": "warn"}
	count(denied([["GPL-2.0-only"], ["MIT"]], settings)) == 0
	count(denied([["GPL-2.0-only"], ["LicenseRef-Acme"]], settings)) == 0
	count(denied([["GPL-2.0-only", "MIT"]], settings)) == 1
	some r in denied([["GPL-2.0-only"], ["MIT", "LGPL-3.0-only"]], settings)
	r.licenses == ["GPL-2.0-only", "LGPL-3.0-only"]
}

test_deny_package_without_licence if {
	some r in denied([], {"unknown": "deny"})
	contains(r.msg, "a 1 states no licence")
}

test_warn_is_a_summary if {
	some w in license_classes.warn with input as {"components": [component([["GPL-2.0-only"]], {}), component([["GPL-3.0-only"]], {"name": "b"})], "findings": []}
		with data.gatehouse.settings.license_classes as with_settings({"restricted": "warn"})
	w.msg == "2 packages under a licence of class restricted: a 1, b 1"
}

test_ids_say_what_a_licence_is if {
	settings := {"unknown": "deny", "ids": [{"id": "LicenseRef-Acme*", "class": "permissive"}]}
	count(denied([["LicenseRef-Acme-2"]], settings)) == 0
	count(denied([["LicenseRef-Other"]], settings)) == 1
}

test_first_override_that_fits if {
	settings := {
		"restricted": "deny",
		"overrides": [
			{"scopes": ["dev"], "classes": ["restricted"], "action": "ignore"},
			{"paths": ["tools/**"], "action": "warn"},
			{"paths": ["web/*"], "classes": ["notice"], "action": "deny"},
		],
	}
	cases := [
		[[["GPL-2.0-only"]], {}, 1],
		[[["GPL-2.0-only"]], {"dev": true}, 0],
		[[["GPL-2.0-only"]], {"scope": "dev"}, 0],
		[[["GPL-2.0-only"]], {"scope": "test", "dev": true}, 1],
		[[["GPL-2.0-only"]], {"location": {"path": "tools/x/go.mod"}}, 0],
		[[["MIT"]], {}, 1],
		[[["MIT"]], {"location": {"path": "web/x/package-lock.json"}}, 0],
	]
	every c in cases {
		[choices, extra, n] := c
		count(license_classes.deny) == n with input as {"components": [component(choices, extra)], "findings": []}
			with data.gatehouse.settings.license_classes as with_settings(settings)
	}
}

test_deny_finding_once if {
	finding := {
		"id": "f1", "kind": "license", "location": {"path": "vendor/a/LICENSE"},
		"license": {"package": {"purl": "pkg:npm/a@1", "name": "a", "version": "1"}, "choices": [["GPL-2.0-only"]], "readable": true},
	}
	found := license_classes.deny with input as {"components": [component([["GPL-2.0-only"]], {})], "findings": [finding]}
		with data.gatehouse.settings.license_classes as with_settings({"restricted": "deny"})
	count(found) == 1
	some r in found
	r.finding == "f1"
}
