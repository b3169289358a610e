# METADATA
# custom:
#   controls: [SSDF:PW.4, NIST-800-53:CM-10]
package gatehouse.baseline.license_classes

import data.gatehouse.baseline.lib

settings := data.gatehouse.settings.license_classes

# METADATA
# title: Packages have a licence of an allowed class
# description: |
#   A package can only be used under licences of a class that is set to deny,
#   for its place and purpose. Where an expression offers a choice (OR), the
#   mildest counts; where several apply together (AND), the strictest.
# custom:
#   id: GH-LICENSE-004
#   severity: HIGH
#   solution: Replace the package, say in license_classes.ids what its licence is, or allow the class for that place or purpose in license_classes.overrides.
deny contains result if {
	some o in outcomes
	o.action == "deny"
	result := object.union(o.subject.about, {
		"msg": sprintf("%s %s", [lib.package_text(o.subject.package), reason(o)]),
		"severity": "HIGH",
		"purl": o.subject.package.purl,
		"licenses": sort(o.ids),
		"class": o.class,
	})
}

# METADATA
# title: Packages have a licence of an allowed class
# description: A summary for each class that is set to warn.
# custom:
#   id: GH-LICENSE-005
#   severity: LOW
#   solution: Look at them, and set the class in license_classes to deny or ignore.
warn contains {"msg": msg, "severity": "LOW", "class": class} if {
	some class in order
	found := {lib.package_text(o.subject.package) | some o in outcomes; o.action == "warn"; o.class == class}
	count(found) > 0
	msg := sprintf("%s under a licence of class %s: %s", [
		lib.count_text(count(found), "package", "packages"), class,
		concat(", ", array.slice(sort(found), 0, 10)),
	])
}

reason(o) := "states no licence, so its class is unknown: look it up" if o.ids == {""}

reason(o) := sprintf("may only be used under a licence of class %s: %s", [o.class, concat(", ", o.ids)]) if o.ids != {""}

actions := ["ignore", "warn", "deny"]

ranks := {"ignore": 0, "warn": 1, "deny": 2}

# outcomes say for each suspect what the mildest choice leads to.
outcomes := [o |
	some s in suspects
	[rank, class] := min([max([[ranks[action(s, class_of[id])], class_of[id]] | some id in choice]) | some choice in s.choices])
	rank > 0
	o := {
		"subject": s, "action": actions[rank], "class": class,
		"ids": {id | some choice in s.choices; some id in choice; class_of[id] == class},
	}
]

# action is that of the first override which fits, or of the class.
action(s, class) := act if {
	act := [o.action | some o in settings.overrides; fits(o, s, class)][0]
} else := settings[class]

fits(o, s, class) if {
	class in object.get(o, "classes", order)
	s.scope in object.get(o, "scopes", [s.scope])
	some path in object.get(o, "paths", ["**"])
	glob.match(path, ["/"], s.path)
}

# suspects are what some setting could object to, so that the others cost no
# more than a look.
suspects := array.concat(found, unfound)

found := [s |
	count(judged) > 0
	some f in input.findings
	f.kind == "license"
	suspicious(f.license.choices)
	s := {
		"package": f.license.package, "choices": f.license.choices,
		"scope": "", "path": f.location.path, "about": {"finding": f.id},
	}
]

unfound := [s |
	count(judged) > 0
	some c in input.components
	choices := stated(c.license_choices)
	suspicious(choices)
	not reported[c.purl]
	s := {
		"package": {"name": c.name, "version": c.version, "purl": c.purl}, "choices": choices,
		"scope": scope(c), "path": c.location.path, "about": {"path": c.location.path},
	}
]

reported := {f.license.package.purl | some f in input.findings; f.kind == "license"}

# A package that states no licence has one that nobody knows.
stated(choices) := choices if count(choices) > 0

stated(choices) := [[""]] if count(choices) == 0

scope(c) := c.scope if {
	c.scope
} else := "dev" if {
	c.dev
} else := ""

suspicious(choices) if {
	every choice in choices {
		some id in choice
		class_of[id] in judged
	}
}

judged := {class | some class in order; settings[class] != "ignore"} | {class |
	some o in settings.overrides
	o.action != "ignore"
	some class in object.get(o, "classes", order)
}

# class_of has the class of each licence that occurs.
class_of := {id: class | some id in ids; class := class_by_id(id)}

ids := ({""} | {id | id := input.components[_].license_choices[_][_]}) | {id | id := input.findings[_].license.choices[_][_]}

class_by_id(id) := class if {
	class := [e.class | some e in settings.ids; glob.match(lower(e.id), null, lower(id))][0]
} else := "reciprocal" if {
	# An exception for linking leaves the terms of the work itself.
	[base, exception] := split(id, " WITH ")
	by_table(base) == "restricted"
	some pattern in data.gatehouse.settings.licenses.exceptions
	glob.match(lower(pattern), null, lower(exception))
} else := by_table(split(id, " WITH ")[0])

# by_table is the strictest class that has the licence.
by_table(id) := class if {
	class := [class | some class in order; some pattern in patterns[class]; glob.match(pattern, null, trim_suffix(lower(id), "+"))][0]
} else := "unknown"
