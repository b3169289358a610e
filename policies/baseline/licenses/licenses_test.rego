package gatehouse.baseline.licenses_test

import data.gatehouse.baseline.licenses

component(choices) := {
	"purl": "pkg:npm/a@1", "name": "a", "version": "1", "dev": false, "location": {"path": "package-lock.json"},
	"license_choices": choices, "licenses_readable": true,
}

report(choices) := {"findings": [], "components": [component(choices)]}

with_settings(overrides) := object.union(data.gatehouse.settings.licenses, overrides)

test_deny_denied if {
	some r in licenses.deny with input as report([["AGPL-3.0-only"]])
	r.msg == "a 1 may only be used under a denied licence: AGPL-3.0-only"
	r.licenses == ["AGPL-3.0-only"]
	r.path == "package-lock.json"
}

test_deny_in_any_case if {
	count(licenses.deny) == 1 with input as report([["agpl-3.0-or-later"]])
}

test_deny_conjunction if {
	count(licenses.deny) == 1 with input as report([["MIT", "SSPL-1.0"]])
}

test_deny_if_each_choice_is_denied if {
	count(licenses.deny) == 1 with input as report([["AGPL-3.0-only"], ["SSPL-1.0", "MIT"]])
}

test_allow_choice if {
	count(licenses.deny) == 0 with input as report([["AGPL-3.0-only"], ["MIT"]])
}

test_allow_permissive if {
	count(licenses.deny) == 0 with input as report([["MIT"]])
}

test_allow_without_licence if {
	count(licenses.deny) == 0 with input as report([])
}

test_deny_with_exception_that_lifts_nothing if {
	count(licenses.deny) == 1 with input as report([["AGPL-3.0-only WITH Acme-note"]])
}

test_allow_exception if {
	count(licenses.deny) == 0 with input as report([["GPL-2.0-only WITH Classpath-exception-2.0"]])
		with data.gatehouse.settings.licenses as with_settings({"denied": ["GPL-*"], "exceptions": ["Classpath-exception-*"]})
}

test_deny_exception_by_name if {
	count(licenses.deny) == 1 with input as report([["MIT WITH Bad-exception"]])
		with data.gatehouse.settings.licenses as with_settings({"denied": ["* WITH Bad-exception"]})
}

finding := {
	"id": "f1", "kind": "license", "location": {"path": "go.mod"},
	"license": {
		"expression": "SSPL-1.0", "readable": true, "choices": [["SSPL-1.0"]],
		"package": {"purl": "pkg:npm/a@1", "name": "a", "version": "1"},
	},
}

test_deny_finding_once if {
	results := licenses.deny with input as {"findings": [finding], "components": [component([["SSPL-1.0"]])]}
	{r.finding | some r in results} == {"f1"}
	count(results) == 1
}

test_allow_dev_if_ignored if {
	count(licenses.deny) == 0 with input as {"findings": [finding], "components": [object.union(component([["SSPL-1.0"]]), {"dev": true})]}
		with data.gatehouse.settings.licenses as with_settings({"ignore_dev": true})
}

unreadable := {"findings": [], "components": [object.union(component([["see LICENSE"]]), {"licenses_readable": false})]}

test_warn_unreadable if {
	some r in licenses.warn_unreadable with input as unreadable
	r.msg == "a 1 has a licence that is no SPDX expression: see LICENSE"
	count(licenses.deny_unreadable) == 0 with input as unreadable
}

test_deny_unreadable_if_set if {
	count(licenses.deny_unreadable) == 1 with input as unreadable
		with data.gatehouse.settings.licenses as with_settings({"unreadable": "deny"})
	count(licenses.warn_unreadable) == 0 with input as unreadable
		with data.gatehouse.settings.licenses as with_settings({"unreadable": "deny"})
}

test_allow_unlicensed_by_default if {
	count(licenses.warn_unlicensed) == 0 with input as report([])
	count(licenses.deny_unlicensed) == 0 with input as report([])
}

test_warn_unlicensed_if_set if {
	some r in licenses.warn_unlicensed with input as report([])
		with data.gatehouse.settings.licenses as with_settings({"unlicensed": "warn"})
	r.msg == "a 1 states no licence"
}

test_deny_unlicensed_if_set if {
	count(licenses.deny_unlicensed) == 1 with input as report([])
		with data.gatehouse.settings.licenses as with_settings({"unlicensed": "deny"})
}

# The licences of all components are listed once, and then the components are
# looked at only if one can be objected to.
test_deny_listed if {
	some r in licenses.deny with input as object.union(report([["AGPL-3.0-only"]]), {"licenses": [{"choices": [["AGPL-3.0-only"]], "readable": true}]})
	r.licenses == ["AGPL-3.0-only"]
}

test_allow_listed if {
	count(licenses.deny) == 0 with input as object.union(report([["MIT"]]), {"licenses": [{"choices": [["MIT"]], "readable": true}]})
}

test_warn_listed_unreadable if {
	unreadable := object.union(component([["see LICENSE"]]), {"licenses_readable": false})
	count(licenses.warn_unreadable) == 1 with input as {"findings": [], "components": [unreadable], "licenses": [{"choices": [["see LICENSE"]], "readable": false}]}
}

test_deny_denied_or_later if {
	count(licenses.deny) == 1 with input as report([["MPL-1.1+"]])
		with data.gatehouse.settings.licenses as with_settings({"denied": ["MPL-1.1"]})
}

detected := object.union(component([["AGPL-3.0-only"]]), {
	"licenses_detected": true,
	"detected_licenses": [{"license": "AGPL-3.0-only", "location": {"path": "node_modules/a/LICENSE", "line": 1}, "confidence": 1}],
})

test_deny_detected if {
	some r in licenses.deny with input as {"findings": [], "components": [detected]}
	r.msg == "a 1 may only be used under a denied licence: AGPL-3.0-only (declares none; found in node_modules/a/LICENSE)"
}

text(owner, ids) := object.union(
	{"path": "x/LICENSE", "licenses": [{"license": id, "location": {"path": "x/LICENSE"}, "confidence": 1} | some id in ids]},
	owner,
)

package_a := {"package": {"purl": "pkg:npm/a@1", "ecosystem": "npm", "name": "a", "version": "1"}}

package_b := {"package": {"purl": "", "ecosystem": "npm", "name": "b", "version": ""}}

texts(list) := {"findings": [], "components": [], "license_texts": list}

test_warn_unknown_text if {
	some r in licenses.warn_unknown_text with input as texts([text(package_a, ["MIT", ""]), text(package_a, ["MIT"]), text({}, [""])])
	r.msg == "1 package with a text that no known licence has: a 1"
}

test_allow_known_text if {
	count(licenses.warn_unknown_text) == 0 with input as texts([text(package_a, ["MIT"]), text({}, [""])])
}

test_deny_unknown_text_if_set if {
	results := licenses.deny_unknown_text with input as texts([text(package_a, [""]), text(package_b, ["MIT", ""])])
		with data.gatehouse.settings.licenses as with_settings({"unknown_text": "deny"})
	{r.path | some r in results} == {"x/LICENSE"}
	{object.get(r, "purl", "") | some r in results} == {"pkg:npm/a@1", ""}
}

disagreeing := {"findings": [], "components": [object.union(component([["MIT"]]), {"licenses": ["MIT"], "licenses_undeclared": ["ISC"]})]}

test_deny_undeclared_if_set if {
	some r in licenses.deny_undeclared with input as disagreeing with data.gatehouse.settings.licenses as with_settings({"undeclared": "deny"})
	r.msg == "a 1 declares MIT, but its files have: ISC"
	r.licenses == ["ISC"]
}

test_warn_undeclared_if_set if {
	count(licenses.warn_undeclared) == 1 with input as disagreeing with data.gatehouse.settings.licenses as with_settings({"undeclared": "warn"})
}

test_allow_undeclared_by_default if {
	count(licenses.deny_undeclared) == 0 with input as disagreeing
	count(licenses.warn_undeclared) == 0 with input as disagreeing
}

test_deny_own_if_set if {
	list := texts([text({}, ["MIT", "AGPL-3.0-only"]), text(package_a, ["AGPL-3.0-only"]), text({}, ["MIT"])])
	results := licenses.deny_own with input as list with data.gatehouse.settings.licenses as with_settings({"own": "deny"})
	count(results) == 1
	some r in results
	r.msg == "x/LICENSE has the text of a denied licence: AGPL-3.0-only"
	count(licenses.warn_own) == 1 with input as list with data.gatehouse.settings.licenses as with_settings({"own": "warn"})
	count(licenses.deny_own) == 0 with input as list
}

test_allow_own_in_allowed_place if {
	count(licenses.deny_own) == 0 with input as texts([text({}, ["AGPL-3.0-only"])])
		with data.gatehouse.settings.licenses as with_settings({"own": "deny", "own_allowed": ["*/LICENSE"]})
}
