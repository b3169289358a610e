package gatehouse.baseline.image_test

import data.gatehouse.baseline.image

report(platform) := {"time": "2026-11-25T00:00:00Z", "target": {"image": {"platforms": [platform]}}}

set(overrides) := object.union(data.gatehouse.settings.image, overrides)

pinned := {"name": "registry.example/base:1", "digest": "sha256:0"}

test_warn_unknown_base if {
	some r in image.warn_base with input as report({"platform": "linux/amd64"})
	r.msg == "The image for linux/amd64 does not say what it is built on"
	count(image.deny_base) == 0 with input as report({})
}

test_deny_unknown_base_if_set_so if {
	count(image.deny_base) == 1 with input as report({})
		with data.gatehouse.settings.image as set({"unknown_base": "deny"})
}

test_warn_unpinned_base if {
	some r in image.warn_base with input as report({"base": {"name": "registry.example/base:latest"}})
	startswith(r.msg, "The image is built on registry.example/base:latest, without a digest")
}

test_allow_pinned_base if {
	count(image.warn_base) == 0 with input as report({"base": pinned})
}

test_allow_what_is_no_image if {
	count(image.warn_base) == 0 with input as {"time": "2026-11-25T00:00:00Z", "target": {"kind": "dir"}}
}

test_deny_old if {
	some r in image.deny_age with input as report({"base": pinned, "created": "2026-10-01T00:00:00Z"})
		with data.gatehouse.settings.image as set({"max_age_days": 30})
	r.msg == "The image is 55 days old, and 30 days are allowed"
}

test_deny_unknown_age if {
	some r in image.deny_age with input as report({"base": pinned})
		with data.gatehouse.settings.image as set({"max_age_days": 30})
	r.msg == "The image does not say when it was made, and 30 days are allowed"
}

test_allow_young if {
	count(image.deny_age) == 0 with input as report({"created": "2026-11-20T00:00:00Z"})
		with data.gatehouse.settings.image as set({"max_age_days": 30})
}

test_allow_old_by_default if {
	count(image.deny_age) == 0 with input as report({"created": "2020-11-20T00:00:00Z"})
}
