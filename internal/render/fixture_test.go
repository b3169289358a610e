package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// evalTime is the evaluation time of all verdicts here.
var evalTime = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

func loc(path string, line int) gatehouse.Location {
	return gatehouse.Location{Path: path, Line: line}
}

func vuln(id, sev, title, name, version, path string, line int, fixed ...string) gatehouse.Finding {
	s, err := gatehouse.ParseSeverity(sev)
	if err != nil {
		panic(err)
	}
	fp := gatehouse.Fingerprint(gatehouse.KindVulnerability, id, name, version)
	return gatehouse.Finding{
		ID: fp + "-" + hash(path)[:6], Rule: id, Kind: gatehouse.KindVulnerability, Scanner: "sca", Severity: s,
		Title: title, Message: fmt.Sprintf("%s %s: %s", name, version, title), Location: loc(path, line),
		References: []string{"https://example.org/advisories/" + id}, Fingerprint: fp,
		Vulnerability: &gatehouse.Vulnerability{
			Package: gatehouse.Package{Purl: "pkg:npm/" + name + "@" + version, Ecosystem: "npm", Name: name, Version: version},
			Source:  "osv", FixedVersions: fixed, CVSS: 7.5, Aliases: []string{"GHSA-xxxx-" + strings.ToLower(name)},
		},
	}
}

func misconfig(rule, sev, title, fix, path string, line int) gatehouse.Finding {
	s, err := gatehouse.ParseSeverity(sev)
	if err != nil {
		panic(err)
	}
	fp := gatehouse.Fingerprint(gatehouse.KindMisconfiguration, rule, path)
	return gatehouse.Finding{
		ID: fmt.Sprintf("%s-%d", fp, line), Rule: rule, Kind: gatehouse.KindMisconfiguration, Scanner: "iac", Severity: s,
		Title: title, Message: title + " in Deployment worker", Location: gatehouse.Location{Path: path, Line: line, Column: 7, EndLine: line + 3},
		Fix: fix, Fingerprint: fp, Misconfiguration: &gatehouse.Misconfiguration{Type: "kubernetes", Resource: "Deployment/worker"},
	}
}

func secret(path string, line int) gatehouse.Finding {
	fp := gatehouse.Fingerprint(gatehouse.KindSecret, "aws-access-key-id", "k")
	return gatehouse.Finding{
		ID: fp + "-1", Rule: "aws-access-key-id", Kind: gatehouse.KindSecret, Scanner: "secrets", Severity: gatehouse.SeverityCritical,
		Title: "AWS access key id", Message: "An AWS access key id stands in the file.", Location: gatehouse.Location{Path: path, Line: line, Column: 19},
		Fix: "Revoke the key in AWS, then remove it from the file and the history.", Fingerprint: fp,
		Secret: &gatehouse.Secret{Redacted: "aws_key = ********************", Category: "AWS"},
	}
}

func baseReport(findings ...gatehouse.Finding) *gatehouse.Report {
	return &gatehouse.Report{
		Version: gatehouse.ReportVersion,
		Tool:    gatehouse.Tool{Name: "gatehouse", Version: "1.2.3"},
		Target:  gatehouse.TargetInfo{Kind: gatehouse.TargetDir, Name: "parcel", Digest: "sha256:00aa", Files: 63, Bytes: 1_204_000},
		Databases: map[string]gatehouse.Database{"sca": {
			Digest: "sha256:00bb", UpdatedAt: "2026-11-20T00:00:00Z", Advisories: 1204, Sources: []string{"osv"}}},
		Findings: append([]gatehouse.Finding{}, findings...),
		Components: []gatehouse.Component{{Package: gatehouse.Package{Purl: "pkg:npm/lodash@4.17.15", Ecosystem: "npm", Name: "lodash", Version: "4.17.15"},
			Location: loc("api/package-lock.json", 120), Direct: true}},
		Coverage: gatehouse.Coverage{
			Files: []gatehouse.FileCoverage{{Path: "api/package-lock.json", Bytes: 100, SHA256: "aa", Scanned: []string{"sca"}, NotApplicable: []string{"iac"}}},
			Skipped: []gatehouse.Skip{{Path: ".git/", Reason: "version control data"}, {Path: "vendor/", Reason: "excluded by gatehouse.yaml: vendor/**"},
				{Path: "a/vendor/", Reason: "excluded by gatehouse.yaml: vendor/**"}},
			Scanners: []gatehouse.ScannerCoverage{
				{Name: "secrets", Version: "1", Status: gatehouse.StatusComplete, Reads: "text", Rules: 86, Canaries: 1, Scanned: 60, Skipped: 3, Bytes: 1_000_000},
				{Name: "sca", Version: "1", Status: gatehouse.StatusComplete, Reads: "lockfiles", Canaries: 1, Scanned: 5, NotApplicable: 58, DatabaseDigest: "sha256:00bb"},
				{Name: "iac", Version: "1", Status: gatehouse.StatusComplete, Reads: "configuration", Rules: 412, Canaries: 2, Scanned: 14, NotApplicable: 49},
			},
			Gaps: []gatehouse.Gap{},
		},
	}
}

func baseVerdict(r *gatehouse.Report, o gatehouse.Outcome, reasons ...string) *gatehouse.Verdict {
	return &gatehouse.Verdict{
		Version: gatehouse.VerdictVersion, Outcome: o, Reasons: reasons, Subject: r.Target, Time: evalTime,
		Policy: gatehouse.PolicyRef{Digest: "sha256:00cc", Sources: []string{"baseline", "policy/"}, Rules: 12}, CoverageDigest: "sha256:00dd",
	}
}

const (
	vulnRule   = "gatehouse.baseline.vulnerabilities.deny"
	secretRule = "gatehouse.baseline.secrets.deny"
	configRule = "gatehouse.baseline.misconfiguration.deny"
	parcelRule = "gatehouse.parcel.deny_unowned"
)

func objection(rule string, f gatehouse.Finding) gatehouse.Violation {
	return gatehouse.Violation{Rule: rule, ID: "BASE-1", Title: "Too severe", Message: f.Message, Severity: f.Severity, Finding: f.ID, Location: ptr(f.Location)}
}

func passing() Input {
	r := baseReport()
	return Input{Report: r, Verdict: baseVerdict(r, gatehouse.OutcomePass, "12 policy rules were evaluated and no violation is left.")}
}

func failing() Input {
	vulns := []gatehouse.Finding{
		vuln("CVE-2019-10744", "critical", "Prototype pollution in defaultsDeep", "lodash", "4.17.11", "api/package-lock.json", 120, "4.17.12"),
		vuln("CVE-2020-8203", "high", "Prototype pollution in zipObjectDeep", "lodash", "4.17.11", "api/package-lock.json", 120, "4.17.19"),
		vuln("CVE-2021-23337", "high", "Command injection in template", "lodash", "4.17.11", "api/package-lock.json", 120, "4.17.21"),
		vuln("CVE-2021-23337", "high", "Command injection in template", "lodash", "4.17.15", "web/package-lock.json", 77, "4.17.21"),
		vuln("CVE-2021-44906", "critical", "Prototype pollution", "minimist", "1.2.0", "api/package-lock.json", 240, "0.2.4", "1.2.6"),
		vuln("CVE-2023-28155", "medium", "Server-side request forgery by redirects", "request", "2.88.2", "api/package-lock.json", 301),
	}
	findings := append([]gatehouse.Finding{}, vulns...)
	findings = append(findings, secret("billing/settings.ini", 3),
		misconfig("KSV-0017", "high", "Privileged container", "Set securityContext.privileged to false.", "deploy/k8s/worker.yaml", 14),
		misconfig("KSV-0017", "high", "Privileged container", "Set securityContext.privileged to false.", "deploy/k8s/worker.yaml", 40),
		misconfig("KSV-0014", "high", "Root file system is not read-only", "Set securityContext.readOnlyRootFilesystem to true so that nobody who breaks in can change the program, its libraries or its configuration while the container runs.", "deploy/k8s/worker.yaml", 14),
		misconfig("DS-0002", "high", "Image runs as root", "Add a USER instruction.", "billing/Dockerfile", 0),
		misconfig("KSV-0011", "low", "CPU is not limited", "Set resources.limits.cpu.", "deploy/k8s/worker.yaml", 14))
	r := baseReport(findings...)
	v := baseVerdict(r, gatehouse.OutcomeFail, "12 violations of policy: 3 critical, 7 high, 2 medium.", "1 waiver that covered what is counted here has expired.")
	for _, f := range findings {
		switch {
		case f.Severity < gatehouse.SeverityMedium:
		case f.Kind == gatehouse.KindVulnerability:
			v.Violations = append(v.Violations, objection(vulnRule, f))
		case f.Kind == gatehouse.KindSecret:
			v.Violations = append(v.Violations, objection(secretRule, f))
		default:
			v.Violations = append(v.Violations, objection(configRule, f))
		}
	}
	v.Violations = append(v.Violations,
		gatehouse.Violation{Rule: parcelRule, ID: "PARCEL-1", Title: "Services have owners", Message: "Service billing has no owner.", Severity: gatehouse.SeverityMedium,
			Solution: "Add a label app.parcel.example/owner.", Location: ptr(loc("deploy/k8s/billing.yaml", 1)), Controls: []string{"SOC2-CC6.1"}, Details: gatehouse.RawJSON(`{"service":"billing"}`)},
		gatehouse.Violation{Rule: parcelRule, ID: "PARCEL-1", Title: "Services have owners", Message: "The target has no CODEOWNERS file.", Severity: gatehouse.SeverityMedium})
	for i := range 3 {
		v.Warnings = append(v.Warnings, gatehouse.Violation{Rule: "gatehouse.parcel.warn_latest", Title: "Images are pinned", Message: fmt.Sprintf("Image %d has no digest.", i),
			Severity: gatehouse.SeverityLow, Location: ptr(loc("deploy/k8s/worker.yaml", 10+i))})
	}
	v.Waivers = []gatehouse.WaiverUse{{Waiver: gatehouse.Waiver{ID: "W-OLD", Kind: "vulnerability", Match: []string{"CVE-2023-28155"}, Owner: "anna@example.org", Reason: "Not reachable.",
		Expires: evalTime.AddDate(0, -1, 0), Location: loc("gatehouse.waivers.yaml", 9)}, State: gatehouse.WaiverExpired, Matches: 1}}
	return Input{Report: r, Verdict: v}
}

func gaps() []gatehouse.Gap {
	return []gatehouse.Gap{
		{ID: "g1", Code: gatehouse.GapParse, Scanner: "sca", Path: "worker/poetry.lock", Line: 3, Reason: "cannot be parsed as TOML: expected a value; fix the file or regenerate it with poetry lock"},
		{ID: "g2", Code: gatehouse.GapUnresolved, Scanner: "iac", Path: "deploy/terraform/main.tf", Line: 12, Entry: "module.network", Reason: "the module source is remote and was not fetched; vendor the module or waive the gap"},
		{ID: "g3", Code: gatehouse.GapUnresolved, Scanner: "iac", Path: "deploy/terraform/dns.tf", Line: 2, Entry: "module.network", Reason: "the module source is remote and was not fetched; vendor the module or waive the gap"},
		{ID: "g4", Code: gatehouse.GapCanary, Scanner: "secrets", Reason: "the scanner did not find its own sample \"an AWS key\"; its rules may be disabled"},
	}
}

func incomplete() Input {
	r := baseReport()
	r.Coverage.Gaps = gaps()
	r.Coverage.Scanners[1].Status, r.Coverage.Scanners[1].Failed = gatehouse.StatusPartial, 1
	r.Coverage.Scanners[0].Status = gatehouse.StatusFailed
	v := baseVerdict(r, gatehouse.OutcomeIncomplete, "No violation was found, but 4 things could not be judged, which is not a pass.")
	v.Gaps = r.Coverage.Gaps
	return Input{Report: r, Verdict: v}
}

func waivedInput() Input {
	f := vuln("CVE-2023-28155", "medium", "Server-side request forgery by redirects", "request", "2.88.2", "api/package-lock.json", 301)
	r := baseReport(f)
	r.Coverage.Gaps = gaps()[:1]
	v := baseVerdict(r, gatehouse.OutcomePass, "12 policy rules were evaluated and no violation is left.", "2 violations or gaps are not counted because of waivers or exceptions.")
	v.Waived = []gatehouse.Waived{{Waiver: "W-REQUEST", Violation: ptr(objection(vulnRule, f))}, {Waiver: "W-POETRY", Gap: ptr(gaps()[0])}}
	v.Waivers = []gatehouse.WaiverUse{
		{Waiver: gatehouse.Waiver{ID: "W-REQUEST", Kind: "vulnerability", Match: []string{f.Rule}, Owner: "anna@example.org", Ticket: "SEC-12", Reason: "The worker follows no redirects.",
			Expires: evalTime.AddDate(0, 2, 0), Location: loc("gatehouse.waivers.yaml", 3)}, State: gatehouse.WaiverUsed, Matches: 1},
		{Waiver: gatehouse.Waiver{ID: "W-POETRY", Kind: gatehouse.WaiverCoverage, Match: []string{"parse"}, Owner: "ben@example.org", Reason: "The lockfile is being moved.",
			Expires: evalTime.AddDate(0, 0, 5), Location: loc("gatehouse.waivers.yaml", 12)}, State: gatehouse.WaiverExpiring, Matches: 1},
		{Waiver: gatehouse.Waiver{ID: "W-LEFT", Kind: "secret", Match: []string{"x"}, Owner: "ben@example.org", Reason: "Was a test key.",
			Expires: evalTime.AddDate(0, 3, 0), Location: loc("gatehouse.waivers.yaml", 20)}, State: gatehouse.WaiverUnused},
	}
	return Input{Report: r, Verdict: v}
}

func scanOnly() Input {
	in := failing()
	r := in.Report
	r.Coverage.Gaps = gaps()[:1]
	return Input{Report: r}
}

// evil is what a hostile repository may put into names and messages.
const evil = "x\n::error file=a::pwned\r\n##[add-path]/tmp ##vso[task.setvariable]\x1b[2J\x1b]0;t\x07\u202egnp.\u0085\xff\x00<script>alert(1)</script>|`@octocat #1 [a](javascript:b) ]]> & https://evil.example %0A::warning::"

func hostile() Input {
	f := vuln("CVE-1"+evil, "critical", "t "+evil, "p"+evil, "1"+evil, "dir/"+evil, 3, "2"+evil)
	f.References = []string{"javascript:alert(1)", "https://ok.example/a b", "https://ok.example/c"}
	g := misconfig("::error::"+evil, "high", "::error::"+evil, "fix "+evil, "::set-output name=x::"+evil, 1)
	s := secret("sec"+evil, 2)
	s.Secret.Redacted = "k=***" + evil
	r := baseReport(f, g, s)
	r.Target.Name = evil
	r.Coverage.Gaps = []gatehouse.Gap{{ID: "g", Code: "parse", Scanner: "sca", Path: evil, Reason: evil, Entry: evil}}
	r.Coverage.Skipped = append(r.Coverage.Skipped, gatehouse.Skip{Path: evil, Reason: evil})
	v := baseVerdict(r, gatehouse.OutcomeFail, "reason "+evil)
	v.Violations = []gatehouse.Violation{objection("a."+evil, f), objection("b."+evil, g),
		{Rule: "c." + evil, ID: evil, Message: evil, Title: evil, Severity: gatehouse.SeverityHigh, Solution: evil, Location: ptr(loc("::warning::"+evil, 0)), Controls: []string{evil}}}
	v.Gaps = r.Coverage.Gaps
	v.Waived = []gatehouse.Waived{{Waiver: evil, Violation: ptr(objection(secretRule, s))}}
	v.Waivers = []gatehouse.WaiverUse{{Waiver: gatehouse.Waiver{ID: evil, Kind: "secret", Owner: evil, Reason: evil, Expires: evalTime, Location: loc(evil, 1)}, State: gatehouse.WaiverUsed, Matches: 1}}
	v.Warnings = []gatehouse.Violation{{Rule: "w." + evil, Message: evil, Severity: gatehouse.SeverityLow}}
	return Input{Report: r, Verdict: v}
}

// large has more of everything than is shown.
func large() Input {
	var findings []gatehouse.Finding
	for i := range 400 {
		findings = append(findings, vuln(fmt.Sprintf("CVE-2026-%04d", i), "high", strings.Repeat("A long title about what is wrong. ", 8), fmt.Sprintf("package-%d", i), "1.0.0", "api/package-lock.json", i+1, "1.0.1"),
			misconfig(fmt.Sprintf("KSV-%04d", i%20), "high", "Something is open", "Close it.", fmt.Sprintf("deploy/%03d.yaml", i), 3))
	}
	r := baseReport(findings...)
	v := baseVerdict(r, gatehouse.OutcomeFail, "800 violations of policy: 800 high.")
	for _, f := range findings {
		v.Violations = append(v.Violations, objection(vulnRule, f))
	}
	for i := range 200 {
		v.Gaps = append(v.Gaps, gatehouse.Gap{ID: fmt.Sprint("g", i), Code: gatehouse.GapParse, Path: fmt.Sprintf("f%03d", i), Reason: strings.Repeat("long ", 50) + fmt.Sprint(i)})
	}
	r.Coverage.Gaps = v.Gaps
	return Input{Report: r, Verdict: v}
}

type fixture struct {
	name string
	make func() Input
}

func fixtures() []fixture {
	return []fixture{{"pass", passing}, {"fail", failing}, {"incomplete", incomplete}, {"waived", waivedInput}, {"scan", scanOnly}, {"hostile", hostile}}
}
