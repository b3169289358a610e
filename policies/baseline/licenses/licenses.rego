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
		"msg": sprintf("%s may only be used under a denied licence: %s", [lib.package_text(s.package), concat(", ", ids)]),
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
		"about": {"path": c.location.path},
	}
]

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
