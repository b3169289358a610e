# METADATA
# custom:
#   controls: [SSDF:PW.4, NIST-800-53:CM-10]
package gatehouse.baseline.licenses

import data.gatehouse.baseline.lib

settings := data.gatehouse.settings.licenses

# METADATA
# title: Packages have no denied licence
# description: |
#   A package can only be used under a licence that is denied. Where an
#   expression offers a choice (OR), one that is not denied is enough; where
#   several apply together (AND), none may be denied. An exception (WITH) lifts
#   the denial if it is in the list of exceptions.
# custom:
#   id: GH-LICENSE-001
#   severity: HIGH
#   solution: Replace the package, buy another licence, or let the legal owner waive it for a while.
deny contains result if {
	count(denied_ids) > 0
	some s in subjects
	count(s.choices) > 0
	every choice in s.choices {
		some id in choice
		denied_ids[id]
	}
	ids := sort({id | some choice in s.choices; some id in choice; denied_ids[id]})
	result := object.union(s.about, {
		"msg": sprintf("%s may only be used under a denied licence: %s%s", [lib.package_text(s.package), concat(", ", ids), s.source]),
		"severity": "HIGH",
		"purl": s.package.purl,
		"licenses": ids,
	})
}

# METADATA
# title: Licences can be read
# description: The licence of a package is no SPDX expression, so it is not known what it asks for.
# custom:
#   id: GH-LICENSE-002
#   severity: MEDIUM
#   solution: Look up the licence; if it is acceptable, waive it, or set licenses.unreadable to ignore.
deny_unreadable contains unreadable(s) if {
	settings.unreadable == "deny"
	some s in subjects
	not s.readable
}

# METADATA
# title: Licences can be read
# description: The licence of a package is no SPDX expression, so it is not known what it asks for.
# custom:
#   id: GH-LICENSE-002
#   severity: LOW
#   solution: Look up the licence; set licenses.unreadable to deny or ignore.
warn_unreadable contains unreadable(s) if {
	settings.unreadable == "warn"
	some s in subjects
	not s.readable
}

# METADATA
# title: Packages state a licence
# description: A package states no licence, so nobody may use it without asking.
# custom:
#   id: GH-LICENSE-003
#   severity: MEDIUM
#   solution: Look up the licence; set licenses.unlicensed to ignore if licences are checked elsewhere.
deny_unlicensed contains unlicensed(c) if {
	settings.unlicensed == "deny"
	some c in components
	count(c.license_choices) == 0
}

# METADATA
# title: Packages state a licence
# description: A package states no licence, so nobody may use it without asking.
# custom:
#   id: GH-LICENSE-003
#   severity: LOW
#   solution: Look up the licence; set licenses.unlicensed to ignore if licences are checked elsewhere.
warn_unlicensed contains unlicensed(c) if {
	settings.unlicensed == "warn"
	some c in components
	count(c.license_choices) == 0
}

# METADATA
# title: Texts of licences are known
# description: A file of a package has a text that no known licence has, so it is not known what it asks for.
# custom:
#   id: GH-LICENSE-006
#   severity: MEDIUM
#   solution: Read it; if it is acceptable, waive it, or set licenses.unknown_text to ignore.
deny_unknown_text contains result if {
	settings.unknown_text == "deny"
	some t in unknown_texts
	result := object.union(
		{"msg": sprintf("%s has a text that no known licence has: %s", [lib.package_text(t.package), t.path]), "path": t.path},
		purl_of(t.package),
	)
}

# METADATA
# title: Texts of licences are known
# description: Files of packages have texts that no known licence has.
# custom:
#   id: GH-LICENSE-006
#   severity: LOW
#   solution: Read them; set licenses.unknown_text to deny or ignore.
warn_unknown_text contains {"msg": msg} if {
	settings.unknown_text == "warn"
	found := {lib.package_text(t.package) | some t in unknown_texts}
	count(found) > 0
	msg := sprintf("%s with a text that no known licence has: %s", [
		lib.count_text(count(found), "package", "packages"),
		concat(", ", array.slice(sort(found), 0, 10)),
	])
}

# METADATA
# title: Packages declare the licences that their files have
# description: |
#   The files of a package have the text of a licence that its declaration does
#   not name: what is bundled in it, or a declaration that is wrong.
# custom:
#   id: GH-LICENSE-007
#   severity: MEDIUM
#   solution: Read the files, and judge the package by both; set licenses.undeclared to ignore.
deny_undeclared contains undeclared(c) if {
	settings.undeclared == "deny"
	some c in components
	count(c.licenses_undeclared) > 0
}

# METADATA
# title: Packages declare the licences that their files have
# description: The files of a package have the text of a licence that its declaration does not name.
# custom:
#   id: GH-LICENSE-007
#   severity: LOW
#   solution: Read the files, and judge the package by both; set licenses.undeclared to deny or ignore.
warn_undeclared contains undeclared(c) if {
	settings.undeclared == "warn"
	some c in components
	count(c.licenses_undeclared) > 0
}

# METADATA
# title: The target has no text of a denied licence
# description: |
#   A file of the target itself, outside of packages, has the text of a denied
#   licence: code of others that was copied, or the licence of the target.
# custom:
#   id: GH-LICENSE-008
#   severity: HIGH
#   solution: Find out what is under that licence, and remove it; name the place in licenses.own_allowed if it may be.
deny_own contains own(t) if {
	settings.own == "deny"
	some t in own_texts
}

# METADATA
# title: The target has no text of a denied licence
# description: A file of the target itself, outside of packages, has the text of a denied licence.
# custom:
#   id: GH-LICENSE-008
#   severity: LOW
#   solution: Find out what is under that licence; name the place in licenses.own_allowed if it may be.
warn_own contains own(t) if {
	settings.own == "warn"
	some t in own_texts
}

unknown_texts := [t |
	some t in input.license_texts
	t.package
	some l in t.licenses
	l.license == ""
]

purl_of(p) := {"purl": p.purl} if p.purl != ""

purl_of(p) := {} if p.purl == ""

undeclared(c) := {
	"msg": sprintf("%s declares %s, but its files have: %s", [
		lib.package_text(c), concat(", ", c.licenses), concat(", ", sort(c.licenses_undeclared)),
	]),
	"path": c.location.path,
	"purl": c.purl,
	"licenses": sort(c.licenses_undeclared),
}

own_texts := [object.union(t, {"ids": ids}) |
	some t in input.license_texts
	not t.package
	ids := {l.license | some l in t.licenses; denied(l.license)}
	count(ids) > 0
	not own_allowed(t.path)
]

own_allowed(path) if {
	some pattern in settings.own_allowed
	glob.match(pattern, ["/"], path)
}

own(t) := {
	"msg": sprintf("%s has the text of a denied licence: %s", [t.path, concat(", ", sort(t.ids))]),
	"path": t.path,
	"licenses": sort(t.ids),
}

components := [c | some c in input.components; not ignored_dev(c.purl)]

ignored_dev(purl) if {
	settings.ignore_dev
	lib.dev_purls[purl]
}

# subjects are findings about licences, and components that have none.
subjects := array.concat(found, unfound)

found := [s |
	some f in input.findings
	f.kind == "license"
	not ignored_dev(f.license.package.purl)
	s := {
		"package": f.license.package,
		"choices": f.license.choices,
		"readable": f.license.readable,
		"source": "",
		"about": {"finding": f.id},
	}
]

unfound := [s |
	some c in suspects
	not ignored_dev(c.purl)
	not reported[c.purl]
	s := {
		"package": {"name": c.name, "version": c.version, "purl": c.purl},
		"choices": c.license_choices,
		"readable": c.licenses_readable,
		"source": source(c),
		"about": {"path": c.location.path},
	}
]

source(c) := sprintf(" (declares none; found in %s)", [concat(", ", {d.location.path | some d in c.detected_licenses})]) if {
	c.licenses_detected
} else := ""

# suspects are the components that a rule can object to, so that the others
# cost no more than a look.
suspects := array.concat(
	[c |
		some_unreadable
		some c in input.components
		not c.licenses_readable
	],
	[c |
		count(denied_ids) > 0
		some c in input.components
		c.licenses_readable
		some choice in c.license_choices
		some id in choice
		denied_ids[id]
	],
)

# A comprehension is evaluated once; a set of "contains" would be searched anew
# for each component.
reported := {f.license.package.purl | some f in input.findings; f.kind == "license"}

# Many packages share few licences.
denied_ids := {id | some id in all_ids; denied(id)}

all_ids := component_ids | {id | id := input.findings[_].license.choices[_][_]}

# input.licenses has each licence of the components once: mostly that is all
# there is to look at.
component_ids := {id | id := input.licenses[_].choices[_][_]} if input.licenses

component_ids := {id | id := input.components[_].license_choices[_][_]} if not input.licenses

some_unreadable if {
	some l in input.licenses
	not l.readable
}

some_unreadable if not input.licenses

# A licence with an exception is denied if the pattern names the exception, or
# if the exception is not one that lifts denials.
denied(id) if {
	some pattern in settings.denied
	contains(pattern, " WITH ") == contains(id, " WITH ")
	matches(pattern, id)
}

denied(id) if {
	[base, exception] := split(id, " WITH ")
	some pattern in settings.denied
	matches(pattern, base)
	not lifted(exception)
}

lifted(exception) if {
	some pattern in settings.exceptions
	matches(pattern, exception)
}

matches(pattern, id) if glob.match(lower(pattern), null, lower(id))

# "X+" is X, too: whether a later version exists and is better is not known.
matches(pattern, id) if glob.match(lower(pattern), null, trim_suffix(lower(id), "+"))

unreadable(s) := object.union(s.about, {
	"msg": sprintf("%s has a licence that is no SPDX expression: %s", [
		lib.package_text(s.package),
		concat(", ", {id | some choice in s.choices; some id in choice}),
	]),
	"purl": s.package.purl,
	"licenses": sort({id | some choice in s.choices; some id in choice}),
})

unlicensed(c) := {
	"msg": sprintf("%s states no licence", [lib.package_text(c)]),
	"path": c.location.path,
	"purl": c.purl,
}
