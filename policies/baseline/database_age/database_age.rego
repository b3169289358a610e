# METADATA
# custom:
#   controls: [NIST-800-53:RA-5.2, PCI-DSS-4.0:6.3.1]
package gatehouse.baseline.database_age

settings := data.gatehouse.settings.database_age

# METADATA
# title: Advisory databases are recent
# description: |
#   A scanner matched against a database that is too old, or of unknown age, so
#   newer advisories are missing from the findings.
# custom:
#   id: GH-DB-001
#   severity: HIGH
#   solution: Run "gatehouse db pull" or "gatehouse db import" and check again; raise database_age.max_days if you cannot.
deny contains {"msg": msg, "severity": "HIGH", "database": d.name} if {
	some d in input.databases
	not unused[d.name]
	problem := problems[d.name]
	msg := sprintf("The database of %s %s. Update it with \"gatehouse db pull\" and check again", [d.name, problem])
}

# Nothing was matched against it: no newer advisory can be about the target.
unused[s.name] if {
	some s in input.coverage.scanners
	s.status == "not-applicable"
}

problems[d.name] := sprintf("is %v days old, and %v days are allowed", [round((d.age_hours * 10) / 24) / 10, settings.max_days]) if {
	some d in input.databases
	d.updated_at != ""
	d.age_hours > settings.max_days * 24
}

problems[d.name] := "does not say how old it is" if {
	some d in input.databases
	d.updated_at == ""
}

# A day of tolerance: clocks differ, and sources publish in local time.
problems[d.name] := sprintf("is dated %s, which is in the future at %s", [d.updated_at, input.time]) if {
	some d in input.databases
	d.updated_at != ""
	d.age_hours < -24
}
