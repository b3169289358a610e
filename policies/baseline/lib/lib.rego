# METADATA
# description: What the rules of the baseline pack share.
package gatehouse.baseline.lib

ranks := {"UNKNOWN": 0, "LOW": 1, "MEDIUM": 2, "HIGH": 3, "CRITICAL": 4}

# effective_severity is the severity, or the one that unknown ones count as.
effective_severity(severity, unknown) := unknown if severity == "UNKNOWN"

effective_severity(severity, _) := severity if severity != "UNKNOWN"

at_least(severity, threshold) if ranks[severity] >= ranks[threshold]

# levels are the severities at the threshold or above, as findings state them:
# UNKNOWN is among them if what it counts as is. To look up a set that is made
# once is much faster than to compare for each finding.
levels(threshold, unknown) := {s |
	some s, _ in ranks
	at_least(effective_severity(s, unknown), threshold)
}

# severity_text says how bad a finding is, and where that is an assumption.
severity_text(severity, _) := severity if severity != "UNKNOWN"

severity_text(severity, unknown) := sprintf("severity not stated, counted as %s", [unknown]) if severity == "UNKNOWN"

# dev_purls are packages that are used for development only.
dev_purls := {c.purl | some c in input.components; c.dev} - {c.purl | some c in input.components; not c.dev}

# package_text names a package as people do.
package_text(pkg) := sprintf("%s %s", [pkg.name, pkg.version]) if pkg.version != ""

package_text(pkg) := pkg.name if pkg.version == ""

# count_text counts things in words that fit: "1 file", "2 files".
count_text(n, one, _) := sprintf("1 %s", [one]) if n == 1

count_text(n, _, many) := sprintf("%d %s", [n, many]) if n != 1

# ignored are findings that a comment or a file of ignores keeps from counting.
# Secrets have rules of their own about that.
ignored(f) if {
	f.kind != "secret"
	f.suppressed
	data.gatehouse.settings.ignores.accept == "all"
}

ignored(f) if {
	f.kind != "secret"
	object.get(f.suppressed, "reason", "") != ""
	data.gatehouse.settings.ignores.accept == "explained"
}
