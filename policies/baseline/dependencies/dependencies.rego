# METADATA
# custom:
#   controls: [SSDF:PW.4, SSDF:PS.3, NIST-800-53:SR-3, NIST-800-53:SR-11, OWASP:CICD-SEC-3]
package gatehouse.baseline.dependencies

import data.gatehouse.baseline.lib

settings := data.gatehouse.settings.dependencies

# METADATA
# title: Dependencies come from where they should, and stay what they are
# description: |
#   A dependency breaks one of the checks that are set to deny: it can change
#   without notice, its digest is not recorded, it comes from another registry
#   than it should, or it runs code when it is installed.
# custom:
#   id: GH-DEP-001
#   severity: HIGH
#   solution: Pin the dependency to a commit or digest, take it from the registry that it belongs to, or allow it in the settings of dependencies.
deny contains result(p, "HIGH") if {
	some p in problems
	actions[p.check] == "deny"
}

# A check that is on and names nothing would pass everything.
deny contains {"msg": msg, "severity": "HIGH", "check": check} if {
	some check, lists in needs
	check in enabled
	every list in lists {
		count(settings[list]) == 0
	}
	msg := sprintf("dependencies.%s is %s, but names nothing to look for: fill dependencies.%s, or set it to ignore", [
		check, actions[check], concat(" or dependencies.", lists),
	])
}

needs := {"internal": ["internal_names"], "denied": ["denied_names", "denied_versions"]}

# METADATA
# title: Dependencies come from where they should, and stay what they are
# description: A summary for each of the checks that are set to warn.
# custom:
#   id: GH-DEP-002
#   severity: LOW
#   solution: Look at them, and set the check in the settings of dependencies to deny or ignore.
warn contains {"msg": msg, "severity": "LOW", "check": check} if {
	some check, title in titles
	actions[check] == "warn"
	found := {lib.package_text(p.component) | some p in problems; p.check == check}
	count(found) > 0
	msg := sprintf("%s %s: %s", [
		lib.count_text(count(found), "dependency", "dependencies"), title,
		concat(", ", array.slice(sort(found), 0, 10)),
	])
}

titles := {
	"unpinned": "can change without notice",
	"insecure_origin": "without a protected connection",
	"missing_hashes": "without a digest in the lockfile",
	"install_scripts": "with code that runs at installation",
	"deprecated": "that should no longer be used",
	"similar": "named nearly as a well-known package",
	"young": "published a short time ago",
	"registries": "from a registry that is not allowed",
	"registries_unstated": "from a registry that is not named",
	"internal": "of our own from a foreign registry",
	"denied": "that may not be used",
}

enabled := {check | some check, action in actions; action in {"deny", "warn"}}

actions := {check: action(check) | some check, _ in titles}

action(check) := settings[check] if settings[check] != "preset"

action(check) := presets[settings.preset][check] if {
	settings[check] == "preset"
	named_enough(check)
}

action(check) := "ignore" if {
	settings[check] == "preset"
	not named_enough(check)
}

# A preset leaves out what needs names as long as it has none.
named_enough(check) if not preset_needs[check]

named_enough(check) if {
	some list in preset_needs[check]
	count(settings[list]) > 0
}

preset_needs := object.union(needs, {"registries": ["registries_allowed"], "registries_unstated": ["registries_allowed"]})

presets := {
	"off": {check: "ignore" | some check, _ in titles},
	"recommended": {
		"insecure_origin": "deny", "registries": "deny", "internal": "deny", "denied": "deny",
		"unpinned": "warn", "missing_hashes": "warn", "install_scripts": "warn", "deprecated": "warn", "similar": "warn", "young": "warn",
		"registries_unstated": "ignore",
	},
	"strict": {check: "deny" | some check, _ in titles},
}

result(p, severity) := {
	"msg": sprintf("%s %s", [lib.package_text(p.component), p.why]),
	"severity": severity,
	"path": p.component.location.path,
	"line": object.get(p.component.location, "line", 0),
	"purl": p.component.purl,
	"check": p.check,
}

problems contains {"check": "unpinned", "component": c, "why": why} if {
	"unpinned" in enabled
	some c in input.components
	c.origin.kind in {"registry", "git", "url"}
	not c.origin.pinned
	why := sprintf("is taken from %s, which can give something else tomorrow: pin it to a commit or a digest", [
		object.get(c.origin, "url", "a registry"),
	])
}

problems contains {"check": "insecure_origin", "component": c, "why": why} if {
	"insecure_origin" in enabled
	some c in input.components
	some scheme in ["http://", "git://", "ftp://", "svn://"]
	startswith(c.origin.url, scheme)
	why := sprintf("is taken from %s without protection against changes on the way: use https", [c.origin.url])
}

problems contains {"check": "missing_hashes", "component": c, "why": why} if {
	"missing_hashes" in enabled
	some c in input.components
	records_digests(c)
	count(object.get(c, "hashes", [])) == 0
	not named(c, settings.missing_hashes_allowed)
	why := "has no digest in the lockfile, so a changed archive would not be noticed: make the lockfile anew with digests"
}

records_digests(c) if {
	c.origin.kind == "registry"
	c.origin.pinned
}

# An entry that says neither where it comes from nor what it is has less than
# one that lacks its digest.
records_digests(c) if {
	not c.origin
	not object.get(c, "installed", false)
	parts := split(c.location.path, "/")
	parts[count(parts) - 1] in digesting
}

# digesting are the lockfiles of which each entry has a digest.
digesting := {
	"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock",
	"Pipfile.lock", "poetry.lock", "pdm.lock", "uv.lock", "pylock.toml",
}

problems contains {"check": "install_scripts", "component": c, "why": why} if {
	"install_scripts" in enabled
	some c in input.components
	c.install_script
	not named(c, settings.install_scripts_allowed)
	why := "runs code of its own when it is installed: review it, and add its name to install_scripts_allowed"
}

problems contains {"check": "deprecated", "component": c, "why": why} if {
	"deprecated" in enabled
	some c in input.components
	c.deprecated != ""
	why := sprintf("should no longer be used: %s", [c.deprecated])
}

problems contains {"check": "similar", "component": c, "why": why} if {
	"similar" in enabled
	some c in input.components
	c.similar != ""
	not named(c, settings.similar_allowed)
	why := sprintf("is named nearly as the well-known package %s: make sure that it is the one that was meant, and add its name to similar_allowed", [c.similar])
}

# Most malicious versions are found within days. A version without a time may be
# of any age.
problems contains {"check": "young", "component": c, "why": why} if {
	"young" in enabled
	some c in input.components
	c.published != ""
	age := time.parse_rfc3339_ns(input.time) - time.parse_rfc3339_ns(c.published)
	age < ((settings.young_days * 24) * 3600) * 1000000000
	why := sprintf("was published on %s, less than %v days ago: wait, or take an older version", [substring(c.published, 0, 10), settings.young_days])
}

# An archive by URL comes past the registries, so it counts as from one.
problems contains {"check": "registries", "component": c, "why": why} if {
	"registries" in enabled
	some c in input.components
	c.origin.kind in {"registry", "url"}
	c.origin.url != ""
	not from(c, settings.registries_allowed)
	why := sprintf("comes from %s, which is not among registries_allowed: take it from a registry that is, or add the beginning of that URL", [c.origin.url])
}

problems contains {"check": "registries_unstated", "component": c, "why": why} if {
	"registries_unstated" in enabled
	some c in input.components
	object.get(c, ["origin", "kind"], "registry") in {"registry", "url"}
	object.get(c, ["origin", "url"], "") == ""
	why := "comes from a registry that the file does not name, so it is not known whether it is an allowed one: write the registry into the lockfile"
}

problems contains {"check": "internal", "component": c, "why": why} if {
	"internal" in enabled
	some c in input.components
	named(c, settings.internal_names)
	not from(c, settings.internal_registries)
	not object.get(c, ["origin", "kind"], "") in {"workspace", "path"}
	why := sprintf("is a name of our own, and does not come from a registry of ours (%s): somebody else may have taken the name there", [
		object.get(c, ["origin", "url"], "the file does not say from where"),
	])
}

problems contains {"check": "denied", "component": c, "why": why} if {
	"denied" in enabled
	some c in input.components
	some pattern in settings.denied_names
	is_named(c, pattern)
	why := sprintf("may not be used: denied_names has %s", [pattern])
}

problems contains {"check": "denied", "component": c, "why": why} if {
	"denied" in enabled
	some c in input.components
	some entry in settings.denied_versions
	[pattern, range] := name_and_range(entry)
	is_named(c, pattern)
	version_in_range(c.ecosystem, c.version, range)
	why := sprintf("may not be used in this version: denied_versions has %s; take a version that is not in that range", [entry])
}

# A version that cannot be compared may be any.
problems contains {"check": "denied", "component": c, "why": why} if {
	"denied" in enabled
	some c in input.components
	some entry in settings.denied_versions
	[pattern, range] := name_and_range(entry)
	is_named(c, pattern)
	not comparable(c, range)
	why := sprintf("has a version that cannot be compared with denied_versions (%s): lock it to a version", [entry])
}

comparable(c, range) if is_boolean(version_in_range(c.ecosystem, c.version, range))

# name_and_range splits "lodash <4.17.21" at the first space.
name_and_range(entry) := [substring(entry, 0, i), trim_space(substring(entry, i, -1))] if {
	i := indexof(entry, " ")
	i > 0
}

# An entry without a range denies each version.
name_and_range(entry) := [entry, "*"] if indexof(entry, " ") < 1

named(c, patterns) if {
	some pattern in patterns
	is_named(c, pattern)
}

# is_named holds if the name matches a pattern; * stands for any characters,
# and case does not matter. "npm:" before it means the ecosystem.
is_named(c, pattern) if glob.match(lower(pattern), null, lower(c.name))

is_named(c, pattern) if glob.match(lower(pattern), null, lower(sprintf("%s:%s", [c.ecosystem, c.name])))

# from holds if a URL is what an entry has, or below it: "https://npm.acme.test"
# is not the beginning of "https://npm.acme.test.example.com". "npm " before
# the URL means the ecosystem.
from(c, entries) if {
	some entry in entries
	below(c.origin.url, trim_prefix(entry, sprintf("%s ", [c.ecosystem])))
}

below(url, prefix) if url == trim_suffix(prefix, "/")

below(url, prefix) if startswith(url, sprintf("%s/", [trim_suffix(prefix, "/")]))
