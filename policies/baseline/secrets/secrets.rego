package gatehouse.baseline.secrets

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
	some f in input.findings
	f.kind == "secret"
	result := {
		"msg": sprintf("%s in %s. Revoke it, then remove it from the file", [trim_suffix(f.title, "."), f.location.path]),
		"finding": f.id,
	}
}
