package gatehouse.baseline.attestations_test

import data.gatehouse.baseline.attestations

missing := {"required_attestations": [{"predicate_type": "https://cyclonedx.org/bom", "met": false, "reason": "there is no attestation"}], "layouts": []}

present := {"required_attestations": [{"predicate_type": "https://cyclonedx.org/bom", "met": true, "reason": "attested by ci"}], "layouts": [{"path": "root.layout", "passed": true, "problems": []}]}

strayed := {"required_attestations": [], "layouts": [{"path": "root.layout", "passed": false, "problems": ["the step \"build\": there is no link for it"]}]}

unmet(what) := {"unmet": what}

test_deny_missing if {
	some r in attestations.deny with input as missing
	r.msg == "The target has no attestation of the type https://cyclonedx.org/bom that counts: there is no attestation"
	count(attestations.warn) == 0 with input as missing
}

test_deny_layout if {
	some r in attestations.deny with input as strayed
	r.msg == "The target did not come about as the layout root.layout asks: the step \"build\": there is no link for it"
}

test_allow_present if {
	count(attestations.deny) == 0 with input as present
}

test_warn if {
	some r in attestations.warn with input as missing with data.gatehouse.settings.attestations as unmet("warn")
	r.severity == "LOW"
	count(attestations.deny) == 0 with input as missing with data.gatehouse.settings.attestations as unmet("warn")
}

test_ignore if {
	count(attestations.deny | attestations.warn) == 0 with input as missing with data.gatehouse.settings.attestations as unmet("ignore")
}
