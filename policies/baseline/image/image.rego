# METADATA
# custom:
#   controls: [NIST-800-53:CM-2, NIST-800-53:SI-2, SSDF:PO.5, SSDF:PS.3]
package gatehouse.baseline.image

settings := data.gatehouse.settings.image

# METADATA
# title: An image is built on a base that is known and pinned
# description: |
#   What an image is built on is not known, or only by a name that may mean
#   another image tomorrow: then nobody can say which parts of it come from
#   whom, nor rebuild it when its base is corrected.
# custom:
#   id: GH-IMAGE-001
#   severity: MEDIUM
#   solution: Name the base by digest in the Dockerfile, and let the build set the annotations org.opencontainers.image.base.name and org.opencontainers.image.base.digest; or name it with --base.
deny_base contains {"msg": p.msg, "severity": "MEDIUM"} if {
	some p in base_problems
	settings[p.setting] == "deny"
}

# METADATA
# title: An image is built on a base that is known and pinned, for information
# description: The same as deny_base, where the settings ask for a warning.
# custom:
#   id: GH-IMAGE-002
#   severity: LOW
#   solution: Name the base by digest in the Dockerfile, and let the build set the annotations org.opencontainers.image.base.name and org.opencontainers.image.base.digest; or name it with --base.
warn_base contains {"msg": p.msg, "severity": "LOW"} if {
	some p in base_problems
	settings[p.setting] == "warn"
}

# METADATA
# title: An image is not older than is allowed
# description: |
#   The image was made long ago, or does not say when: corrections that were
#   published since are not in it.
# custom:
#   id: GH-IMAGE-003
#   severity: MEDIUM
#   solution: Build the image anew, on the newest base; raise or remove image.max_age_days if its age does not matter.
deny_age contains {"msg": msg, "severity": "MEDIUM"} if {
	settings.max_age_days > 0
	some p in platforms
	problem := age_problem(p)
	msg := sprintf("The image%s %s, and %v days are allowed", [where(p), problem, settings.max_age_days])
}

platforms := object.get(input.target, ["image", "platforms"], [])

base_problems contains {"setting": "unknown_base", "msg": msg} if {
	some p in platforms
	not p.base
	msg := sprintf("The image%s does not say what it is built on", [where(p)])
}

base_problems contains {"setting": "unpinned_base", "msg": msg} if {
	some p in platforms
	object.get(p.base, "digest", "") == ""
	msg := sprintf("The image%s is built on %s, without a digest: the name may mean another image tomorrow", [where(p), p.base.name])
}

age_problem(p) := sprintf("is %v days old", [floor(days)]) if {
	days := (time.parse_rfc3339_ns(input.time) - time.parse_rfc3339_ns(p.created)) / ((24 * 3600) * 1000000000)
	days > settings.max_age_days
}

age_problem(p) := "does not say when it was made" if object.get(p, "created", "") == ""

where(p) := sprintf(" for %s", [p.platform]) if p.platform != ""

where(p) := "" if object.get(p, "platform", "") == ""
