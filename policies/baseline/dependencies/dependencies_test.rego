package gatehouse.baseline.dependencies_test

import data.gatehouse.baseline.dependencies

component(extra) := object.union(
	{
		"purl": "pkg:npm/left-pad@1.3.0", "ecosystem": "npm", "name": "left-pad", "version": "1.3.0",
		"location": {"path": "package-lock.json", "line": 5}, "direct": true, "dev": false, "license_choices": [], "licenses_readable": true,
	},
	extra,
)

with_settings(overrides) := object.union(data.gatehouse.settings.dependencies, overrides)

registry := {"kind": "registry", "url": "https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz", "pinned": true}

bad := {
	"insecure_origin": {"origin": {"kind": "url", "url": "http://example.test/a.tgz", "pinned": true}},
	"unpinned": {"origin": {"kind": "git", "url": "https://example.test/a.git", "pinned": false}},
	"missing_hashes": {"origin": registry},
	"install_scripts": {"install_script": true},
	"similar": {"similar": "leftpad"},
	"deprecated": {"deprecated": "use String.prototype.padStart"},
	"registries": {"origin": registry},
	"internal": {"origin": registry},
	"registries_unstated": {},
	"denied": {},
	"young": {"published": "2026-11-29T12:00:00Z"},
}

names := {"registries_allowed": ["https://npm.acme.test/"], "internal_names": ["left-*"], "internal_registries": ["https://npm.acme.test/"], "denied_names": ["left-pad"]}

off := {check: "ignore" | some check, _ in bad}

test_deny_what_is_set_to_deny if {
	every check, extra in bad {
		found := dependencies.deny with input as {"time": "2026-12-01T00:00:00Z", "components": [component(extra)]}
			with data.gatehouse.settings.dependencies as with_settings(object.union(object.union(off, names), {check: "deny"}))
		count(found) == 1
		some r in found
		r.check == check
		r.path == "package-lock.json"
	}
}

test_warn_what_is_set_to_warn if {
	every check, extra in bad {
		found := dependencies.warn with input as {"time": "2026-12-01T00:00:00Z", "components": [component(extra)]}
			with data.gatehouse.settings.dependencies as with_settings(object.union(object.union(off, names), {check: "warn"}))
		count(found) == 1
		some r in found
		startswith(r.msg, "1 dependency")
		endswith(r.msg, ": left-pad 1.3.0")
	}
}

test_allow_what_is_set_to_ignore if {
	every _, extra in bad {
		count(dependencies.deny) == 0 with input as {"time": "2026-12-01T00:00:00Z", "components": [component(extra)]}
			with data.gatehouse.settings.dependencies as with_settings(object.union(off, names))
	}
}

test_allow_plain_component if {
	all_on := object.union({check: "deny" | some check, _ in bad}, {"registries_allowed": ["https://registry.npmjs.org"], "internal_names": ["@acme/*"], "denied_names": ["right-pad"]})
	count(dependencies.deny) == 0 with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"origin": registry, "hashes": ["sha512:00"]})]}
		with data.gatehouse.settings.dependencies as with_settings(object.union(all_on, {"registries_allowed": ["https://registry.npmjs.org/"]}))
}

test_allow_named_install_scripts if {
	count(dependencies.deny) == 0 with input as {"time": "2026-12-01T00:00:00Z", "components": [component(bad.install_scripts)]}
		with data.gatehouse.settings.dependencies as with_settings({"install_scripts": "deny", "install_scripts_allowed": ["left-*"]})
}

test_allow_internal_names_from_our_registry_or_workspace if {
	every origin in [{"kind": "registry", "url": "https://npm.acme.test/left-pad"}, {"kind": "workspace", "url": "libs/left-pad"}] {
		count(dependencies.deny) == 0 with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"origin": origin})]}
			with data.gatehouse.settings.dependencies as with_settings(object.union(object.union(off, names), {"internal": "deny"}))
	}
}

test_deny_internal_name_without_origin if {
	some r in dependencies.deny with input as {"time": "2026-12-01T00:00:00Z", "components": [component({})]}
		with data.gatehouse.settings.dependencies as with_settings(object.union(object.union(off, names), {"internal": "deny"}))
	contains(r.msg, "does not say from where")
}

test_deny_image_by_tag if {
	some r in dependencies.deny with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"origin": {"kind": "registry", "pinned": false}})]}
		with data.gatehouse.settings.dependencies as with_settings(object.union(off, {"unpinned": "deny"}))
	contains(r.msg, "is taken from a registry, which can give something else tomorrow")
}

test_allow_named_similar if {
	count(dependencies.deny) == 0 with input as {"time": "2026-12-01T00:00:00Z", "components": [component(bad.similar)]}
		with data.gatehouse.settings.dependencies as with_settings({"similar": "deny", "similar_allowed": ["left-pad"]})
}

only(check, extra) := with_settings(object.union(object.union(off, extra), {check: "deny"}))

test_deny_archive_by_url_past_the_registries if {
	archive := component({"origin": {"kind": "url", "url": "https://cdn.example.test/left-pad.tgz", "pinned": true}})
	count(dependencies.deny) == 1 with input as {"time": "2026-12-01T00:00:00Z", "components": [archive]}
		with data.gatehouse.settings.dependencies as only("registries", {"registries_allowed": ["https://registry.npmjs.org"]})
}

test_registries_end_at_a_slash if {
	every url, n in {"https://npm.acme.test": 0, "https://npm.acme.test/x": 0, "https://npm.acme.test.example.com": 1, "http://npm.acme.test": 1} {
		every allowed in ["https://npm.acme.test", "https://npm.acme.test/", "npm https://npm.acme.test"] {
			count(dependencies.deny) == n with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"origin": {"kind": "registry", "url": url, "pinned": true}})]}
				with data.gatehouse.settings.dependencies as only("registries", {"registries_allowed": [allowed]})
		}
	}
}

test_deny_registry_of_another_ecosystem if {
	count(dependencies.deny) == 1 with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"origin": registry})]}
		with data.gatehouse.settings.dependencies as only("registries", {"registries_allowed": ["pypi https://registry.npmjs.org"]})
}

test_names_have_dots_and_no_case if {
	every pattern in ["acme*", "Acme.*", "nuget:acme.*"] {
		count(dependencies.deny) == 1 with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"name": "Acme.Core.Api", "ecosystem": "nuget"})]}
			with data.gatehouse.settings.dependencies as only("denied", {"denied_names": [pattern]})
	}
	count(dependencies.deny) == 0 with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"name": "Acme.Core.Api", "ecosystem": "nuget"})]}
		with data.gatehouse.settings.dependencies as only("denied", {"denied_names": ["npm:acme.*"]})
}

test_deny_versions_in_the_range if {
	every entry, n in {"left-pad <1.3.1": 1, "left-pad >=1.0 <1.3.0": 0, "left-pad": 1, "npm:left-* ^1.2": 1, "right-pad <9": 0} {
		count(dependencies.deny) == n with input as {"time": "2026-12-01T00:00:00Z", "components": [component({})]}
			with data.gatehouse.settings.dependencies as only("denied", {"denied_versions": [entry]})
	}
}

test_deny_version_that_cannot_be_compared if {
	some r in dependencies.deny with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"version": "main"})]}
		with data.gatehouse.settings.dependencies as only("denied", {"denied_versions": ["left-pad <1.3.1"]})
	contains(r.msg, "cannot be compared")
}

test_deny_entry_that_says_neither_origin_nor_digest if {
	settings := only("missing_hashes", {})
	every extra, n in {"{}": 1, `{"installed": true}`: 0, `{"hashes": ["sha512:00"]}`: 0, `{"location": {"path": "pom.xml"}}`: 0} {
		count(dependencies.deny) == n with input as {"time": "2026-12-01T00:00:00Z", "components": [component(json.unmarshal(extra))]}
			with data.gatehouse.settings.dependencies as settings
	}
	count(dependencies.deny) == 0 with input as {"time": "2026-12-01T00:00:00Z", "components": [component({})]}
		with data.gatehouse.settings.dependencies as only("missing_hashes", {"missing_hashes_allowed": ["left-*"]})
}

test_deny_check_that_names_nothing if {
	every check in ["internal", "denied"] {
		every action in ["deny", "warn"] {
			some r in dependencies.deny with input as {"time": "2026-12-01T00:00:00Z", "components": []}
				with data.gatehouse.settings.dependencies as with_settings(object.union(off, {check: action}))
			contains(r.msg, "names nothing to look for")
		}
	}
}

preset(name, extra) := with_settings(object.union({"preset": name}, extra))

test_preset_off_is_the_default if {
	every _, extra in bad {
		count(dependencies.deny) == 0 with input as {"time": "2026-12-01T00:00:00Z", "components": [component(extra)]}
		count(dependencies.warn) == 0 with input as {"time": "2026-12-01T00:00:00Z", "components": [component(extra)]}
	}
}

test_preset_strict_denies_all if {
	every check, extra in bad {
		some r in dependencies.deny with input as {"time": "2026-12-01T00:00:00Z", "components": [component(extra)]}
			with data.gatehouse.settings.dependencies as preset("strict", names)
		r.check == check
	}
}

denying := {"insecure_origin", "registries", "internal", "denied"}

test_preset_recommended_denies if {
	every check, extra in {check: extra | some check, extra in bad; check in denying} {
		some r in dependencies.deny with input as {"time": "2026-12-01T00:00:00Z", "components": [component(extra)]}
			with data.gatehouse.settings.dependencies as preset("recommended", names)
		r.check == check
	}
}

test_preset_recommended_warns if {
	every check, extra in {check: extra | some check, extra in bad; not check in denying; check != "registries_unstated"} {
		some r in dependencies.warn with input as {"time": "2026-12-01T00:00:00Z", "components": [component(extra)]}
			with data.gatehouse.settings.dependencies as preset("recommended", names)
		r.check == check
	}
}

test_preset_asks_for_no_names if {
	found := dependencies.deny with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"origin": registry, "hashes": ["sha512:00"]})]}
		with data.gatehouse.settings.dependencies as preset("strict", {})
	count(found) == 0
}

test_setting_counts_before_preset if {
	found := dependencies.deny with input as {"time": "2026-12-01T00:00:00Z", "components": [component(bad.deprecated)]}
		with data.gatehouse.settings.dependencies as preset("strict", {"deprecated": "ignore"})
	{r.check | some r in found} == {"missing_hashes"}
}

test_young_ends_after_days if {
	every published, n in {"2026-11-30T00:00:00Z": 1, "2026-11-24T00:00:01Z": 1, "2026-11-24T00:00:00Z": 0, "2026-12-24T00:00:00Z": 1, "": 0} {
		count(dependencies.deny) == n with input as {"time": "2026-12-01T00:00:00Z", "components": [component({"published": published})]}
			with data.gatehouse.settings.dependencies as only("young", {})
	}
}
