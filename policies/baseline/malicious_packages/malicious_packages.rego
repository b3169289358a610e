package gatehouse.baseline.malicious_packages

import data.gatehouse.baseline.lib

# METADATA
# title: No package is known to be malicious
# description: |
#   A package is listed as malware (advisories called MAL-…). It counts at any
#   severity, and for development too: it runs when it is installed.
# custom:
#   id: GH-MAL-001
#   severity: CRITICAL
#   solution: Remove the package, treat machines that installed it as compromised, and change the secrets they held.
#   controls: [NIST-800-53:SI-3, NIST-800-53:SR-11, SSDF:PO.5]
deny contains result if {
	some f in input.findings
	f.kind == "vulnerability"
	some id in malware_ids(f)
	result := {
		"msg": sprintf("%s is malicious (%s). Remove it, and treat machines that installed it as compromised", [
			lib.package_text(f.vulnerability.package), id,
		]),
		"finding": f.id,
		"severity": "CRITICAL",
		"purl": f.vulnerability.package.purl,
	}
}

# malware_ids has the first id that says so.
malware_ids(f) := array.slice(
	[id |
		some id in array.concat([f.rule], object.get(f.vulnerability, "aliases", []))
		names_malware(f, id)
	],
	0, 1,
)

names_malware(_, id) if startswith(id, "MAL-")

names_malware(f, id) if {
	f.vulnerability.malicious
	id == f.rule
}
