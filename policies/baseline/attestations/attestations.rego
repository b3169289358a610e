# METADATA
# custom:
#   controls: [NIST-800-53:SI-7.15, NIST-800-53:SR-4, SSDF:PS.2.1]
package gatehouse.baseline.attestations

settings := data.gatehouse.settings.attestations

# METADATA
# title: What must be attested is
# description: |
#   The verification policy asks for an attestation that is missing, or of which
#   none counts; or an in-toto layout was not followed.
# custom:
#   id: GH-ATT-001
#   severity: HIGH
#   solution: Have it attested by an authority of the verification policy; "gatehouse verify" and "gatehouse layout verify" say what is amiss.
deny contains problem if {
	settings.unmet == "deny"
	some problem in problems
}

# METADATA
# title: What must be attested should be
# description: |
#   The verification policy asks for an attestation that is missing, or of which
#   none counts; or an in-toto layout was not followed.
# custom:
#   id: GH-ATT-002
#   severity: LOW
#   solution: Have it attested by an authority of the verification policy; "gatehouse verify" and "gatehouse layout verify" say what is amiss.
warn contains object.union(problem, {"severity": "LOW"}) if {
	settings.unmet == "warn"
	some problem in problems
}

problems contains {"msg": msg, "severity": "HIGH", "predicate_type": r.predicate_type} if {
	some r in input.required_attestations
	not r.met
	msg := sprintf("The target has no attestation of the type %s that counts: %s", [r.predicate_type, r.reason])
}

problems contains {"msg": msg, "severity": "HIGH", "layout": l.path} if {
	some l in input.layouts
	not l.passed
	msg := sprintf("The target did not come about as the layout %s asks: %s", [l.path, concat("; ", l.problems)])
}
