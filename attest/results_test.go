package attest_test

import (
	jsonv2 "encoding/json/v2"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
)

func scannedReport() *gatehouse.Report {
	finding := func(id, rule string, cvss float64) gatehouse.Finding {
		return gatehouse.Finding{ID: id, Rule: rule, Kind: gatehouse.KindVulnerability, Severity: gatehouse.SeverityHigh, Location: gatehouse.Location{Path: "package-lock.json"},
			Vulnerability: &gatehouse.Vulnerability{CVSS: cvss, Package: gatehouse.Package{Purl: "pkg:npm/left@1.0.0"}, FixedVersions: []string{"1.0.1"}}}
	}
	return &gatehouse.Report{
		Tool:      gatehouse.Tool{Name: "gatehouse", Version: "1.2.3"},
		Findings:  []gatehouse.Finding{finding("a", "CVE-2026-0001", 7.5), finding("b", "GHSA-xxxx", 0), {ID: "s", Rule: "aws", Kind: gatehouse.KindSecret}},
		Databases: map[string]gatehouse.Database{"sca": {Digest: "sha256:" + strings.Repeat("d", 64), UpdatedAt: "2026-11-01T00:00:00Z"}},
		Coverage:  gatehouse.Coverage{Scanners: []gatehouse.ScannerCoverage{{Name: "sca", Status: gatehouse.StatusComplete}}},
	}
}

func passedVerdict() *gatehouse.Verdict {
	return &gatehouse.Verdict{
		Outcome: gatehouse.OutcomePass, Time: time.Date(2026, 11, 2, 12, 0, 0, 5, time.UTC), Policy: gatehouse.PolicyRef{Digest: "sha256:" + strings.Repeat("e", 64)},
		Warnings: []gatehouse.Violation{{Rule: "main.warn"}},
		Waived:   []gatehouse.Waived{{Waiver: "w", Violation: &gatehouse.Violation{Rule: "main.deny", Finding: "b"}}},
	}
}

func resultOptions() attest.ResultOptions {
	return attest.ResultOptions{
		Subject:    []attest.ResourceDescriptor{{Name: "app", Digest: map[string]string{"sha256": strings.Repeat("a", 64)}}},
		VerifierID: "https://ci.example/gate", PolicyURI: "https://ci.example/policy", Rules: []string{"main.deny", "main.warn", "main.other", "main.deny"},
	}
}

// TestResults reads the predicates as their consumers do.
func TestResults(t *testing.T) {
	for kind, want := range map[string]struct {
		predicateType, predicate string
	}{
		attest.KindVulns: {"https://in-toto.io/attestation/vulns/v0.2", `{"metadata":{"scanFinishedOn":"2026-11-02T12:00:00Z","scanStartedOn":"2026-11-02T12:00:00Z"},` +
			`"scanner":{"db":{"lastUpdate":"2026-11-01T00:00:00Z","uri":"urn:gatehouse:database:sha256:DDD","version":"sha256:DDD"},"result":[` +
			`{"annotations":[{"path":"package-lock.json","purl":"pkg:npm/left@1.0.0"}],"id":"CVE-2026-0001","severity":[{"method":"gatehouse","score":"high"},{"method":"cvss_score","score":"7.5"}]},` +
			`{"annotations":[{"path":"package-lock.json","purl":"pkg:npm/left@1.0.0"}],"id":"GHSA-xxxx","severity":[{"method":"gatehouse","score":"high"}]}],` +
			`"uri":"pkg:golang/github.com/gatehouse-sec/gatehouse@1.2.3","version":"1.2.3"}}`},
		attest.KindCosignVuln: {"https://cosign.sigstore.dev/attestation/vuln/v1", `{"invocation":{"builder.id":"","event_id":"","parameters":[],"uri":""},` +
			`"metadata":{"scanFinishedOn":"2026-11-02T12:00:00Z","scanStartedOn":"2026-11-02T12:00:00Z"},` +
			`"scanner":{"db":{"lastUpdate":"2026-11-01T00:00:00Z","uri":"urn:gatehouse:database:sha256:DDD","version":"sha256:DDD"},"result":{"vulnerabilities":[` +
			`{"cvss":7.5,"fixedVersions":["1.0.1"],"id":"CVE-2026-0001","purl":"pkg:npm/left@1.0.0","severity":"HIGH","waived":false},` +
			`{"fixedVersions":["1.0.1"],"id":"GHSA-xxxx","purl":"pkg:npm/left@1.0.0","severity":"HIGH","waived":true}]},` +
			`"uri":"pkg:golang/github.com/gatehouse-sec/gatehouse@1.2.3","version":"1.2.3"}}`},
		attest.KindTestResult: {"https://in-toto.io/attestation/test-result/v0.1", `{"configuration":[{"digest":{"sha256":"EEE"},"uri":"https://ci.example/policy"}],` +
			`"failedTests":[],"passedTests":["main.other"],"result":"WARNED","warnedTests":["main.deny","main.warn"]}`},
		attest.KindSVR: {"https://in-toto.io/attestation/svr/v0.2", `{"properties":["GATEHOUSE_COVERAGE_COMPLETE","GATEHOUSE_DEP_INVENTORY","GATEHOUSE_DEP_NO_KEV","GATEHOUSE_POLICY_PASSED"],` +
			`"timeCreated":"2026-11-02T12:00:00Z","verifier":{"id":"https://ci.example/gate","policies":[{"digest":{"sha256":"EEE"},"uri":"https://ci.example/policy"}]}}`},
	} {
		t.Run(kind, func(t *testing.T) {
			s, err := attest.NewResult(kind, scannedReport(), passedVerdict(), resultOptions())
			if err != nil {
				t.Fatal(err)
			}
			payload, err := s.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := attest.ParseStatement(payload)
			if err != nil {
				t.Fatal(err)
			}
			predicate := strings.NewReplacer("DDD", strings.Repeat("d", 64), "EEE", strings.Repeat("e", 64)).Replace(want.predicate)
			if parsed.PredicateType != want.predicateType || string(parsed.Predicate) != predicate {
				t.Errorf("%s\n%s\nwant %s\n%s", parsed.PredicateType, parsed.Predicate, want.predicateType, predicate)
			}
			if again, err := attest.PredicateType(parsed.PredicateType); err != nil || again != want.predicateType {
				t.Errorf("%s, %v", again, err)
			}
			var object map[string]any
			if err := jsonv2.Unmarshal(parsed.Predicate, &object); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNoResult wants an error wherever the result would say more than is known.
func TestNoResult(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		kinds      []string
		change     func(*gatehouse.Report, *gatehouse.Verdict, *attest.ResultOptions)
	}{
		{"failed", "only a pass is attested", []string{"vulns", "cosign-vuln", "test-result", "svr"},
			func(_ *gatehouse.Report, v *gatehouse.Verdict, _ *attest.ResultOptions) {
				v.Outcome = gatehouse.OutcomeFail
			}},
		{"incomplete", "only a pass is attested", []string{"vulns", "cosign-vuln", "test-result", "svr"},
			func(_ *gatehouse.Report, v *gatehouse.Verdict, _ *attest.ResultOptions) {
				v.Outcome = gatehouse.OutcomeIncomplete
			}},
		{"no database", "no vulnerability database", []string{"vulns", "cosign-vuln"},
			func(r *gatehouse.Report, _ *gatehouse.Verdict, _ *attest.ResultOptions) { r.Databases = nil }},
		{"not looked at", "dependencies were not looked at", []string{"vulns", "cosign-vuln"},
			func(r *gatehouse.Report, _ *gatehouse.Verdict, _ *attest.ResultOptions) { r.Coverage.Scanners = nil }},
		{"a part", "would leave some out", []string{"vulns", "cosign-vuln"},
			func(r *gatehouse.Report, _ *gatehouse.Verdict, _ *attest.ResultOptions) {
				r.Coverage.Scanners[0].Status = gatehouse.StatusPartial
			}},
		{"no rules", "no rule was evaluated", []string{"test-result"},
			func(_ *gatehouse.Report, _ *gatehouse.Verdict, o *attest.ResultOptions) { o.Rules = nil }},
		{"no subject", "no subject", []string{"vulns", "cosign-vuln", "test-result", "svr"},
			func(_ *gatehouse.Report, _ *gatehouse.Verdict, o *attest.ResultOptions) { o.Subject = nil }},
		{"other kind", "want one of vulns", []string{"openvex", "", "vsa"},
			func(*gatehouse.Report, *gatehouse.Verdict, *attest.ResultOptions) {}},
	} {
		for _, kind := range tc.kinds {
			r, v, o := scannedReport(), passedVerdict(), resultOptions()
			tc.change(r, v, &o)
			if s, err := attest.NewResult(kind, r, v, o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s, %s: %v, want %q\n%s", tc.name, kind, err, tc.want, s.Predicate)
			}
		}
	}
}
