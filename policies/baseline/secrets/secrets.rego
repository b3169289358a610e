package gatehouse.baseline.secrets

import data.gatehouse.baseline.lib

settings := data.gatehouse.settings.secrets

secrets := [f |
	some f in input.findings
	f.kind == "secret"
]

counts(f) if not f.suppressed

doubtful(f) if f.secret.confidence == "low"

# METADATA
# title: Files hold no secrets
# description: |
#   A file holds what looks like a password, key or token. Whoever can read the
#   files can use it, and a deleted one stays in the history.
# custom:
#   id: GH-SECRET-001
#   severity: HIGH
#   solution: Revoke the secret where it was issued, remove it from the files, and read it from a secret store at run time.
#   controls: [NIST-800-53:IA-5, PCI-DSS-4.0:8.6.2, SSDF:PS.1]
deny contains result if {
	some f in secrets
	counts(f)
	denied(f)
	result := {
		"msg": sprintf("%s in %s%s. Revoke it, then remove it from the file", [trim_suffix(f.title, "."), f.location.path, others(f)]),
		"finding": f.id,
	}
}

denied(f) if not doubtful(f)

denied(f) if {
	doubtful(f)
	settings.low_confidence == "deny"
}

# METADATA
# title: Files hold no text that looks made up like a secret
# description: A value stands where a secret belongs, but there are signs that nobody can use it.
# custom:
#   id: GH-SECRET-002
#   severity: LOW
#   solution: If the value opens something, revoke it; else write it so that nobody can take it for real, such as YOUR_TOKEN.
#   controls: [NIST-800-53:IA-5, SSDF:PS.1]
warn_doubtful contains result if {
	settings.low_confidence == "warn"
	some f in secrets
	counts(f)
	doubtful(f)
	result := {
		"msg": sprintf("%s in %s%s is doubtful: %s", [
			trim_suffix(f.title, "."), f.location.path, others(f),
			object.get(f.secret, "why", "it looks made up"),
		]),
		"finding": f.id,
		"severity": "LOW",
	}
}

# METADATA
# title: No secret is suppressed unseen
# description: A summary of the secrets that comments and lists of known secrets keep from counting.
# custom:
#   id: GH-SECRET-003
#   severity: LOW
#   solution: Check that none of them opens anything; a waiver has an owner, a reason and an end, which a comment has not.
#   controls: [NIST-800-53:IA-5, SSDF:PS.1]
warn_suppressed contains {"msg": msg, "severity": "LOW"} if {
	hidden := [f |
		some f in secrets
		f.suppressed
	]
	count(hidden) > 0
	by := {f.suppressed.by | some f in hidden}
	files := {f.location.path | some f in hidden}
	msg := sprintf("%s suppressed by %s in %s: %s", [
		lib.count_text(count(hidden), "secret is", "secrets are"), concat(", ", array.slice(sort(by), 0, 5)),
		lib.count_text(count(files), "file", "files"),
		concat(", ", array.slice(sort(files), 0, 10)),
	])
}

others(f) := "" if count(object.get(f, "also", [])) == 0

others(f) := sprintf(" and %s", [lib.count_text(n, "other place", "other places")]) if {
	n := count(object.get(f, "also", []))
	n > 0
}
