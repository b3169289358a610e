package policies

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

var testNow = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestBaselineOwnTests(t *testing.T) {
	res, err := Test(context.Background(), nil, TestOptions{Baseline: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Tests {
		if c.Status != TestPassed {
			t.Errorf("%s:%d %s.%s %s: %s\n%s", c.File, c.Line, c.Package, c.Name, c.Status, c.Message, c.Output)
		}
	}
	for _, f := range res.Files {
		if len(f.Uncovered) > 0 {
			t.Errorf("%s: lines %v are not covered", f.File, f.Uncovered)
		}
	}
	if !res.OK() || res.Passed < 40 {
		t.Errorf("%d tests passed", res.Passed)
	}
}

// badReport breaks every rule of the baseline pack.
func badReport() *gatehouse.Report {
	pkg := gatehouse.Package{Purl: "pkg:npm/lodash@4.17.15", Ecosystem: "npm", Name: "lodash", Version: "4.17.15"}
	vuln := func(id string, sev gatehouse.Severity, fixed ...string) gatehouse.Finding {
		return gatehouse.Finding{ID: id, Fingerprint: id, Rule: id, Kind: gatehouse.KindVulnerability, Scanner: "sca", Severity: sev, Title: "Prototype pollution",
			Location:      gatehouse.Location{Path: "package-lock.json", Line: 7},
			Vulnerability: &gatehouse.Vulnerability{Package: pkg, FixedVersions: fixed, Source: "osv", Aliases: []string{"GHSA-" + id}}}
	}
	exploited := func(f gatehouse.Finding) gatehouse.Finding {
		f.Vulnerability.Exploited = "2026-01-02"
		return f
	}
	excused := func(f gatehouse.Finding) gatehouse.Finding {
		f.Vulnerability.VEX = &gatehouse.VEX{Status: "not_affected", Document: "vex.json"}
		return f
	}
	unreachable := func(f gatehouse.Finding) gatehouse.Finding {
		f.Vulnerability.Reachability = &gatehouse.Reachability{State: "unreachable", Why: "by call graph"}
		return f
	}
	ofBase := func(f gatehouse.Finding) gatehouse.Finding {
		f.Layer = &gatehouse.Layer{Index: 1, Base: true}
		return f
	}
	r := &gatehouse.Report{
		Version: gatehouse.ReportVersion,
		Target: gatehouse.TargetInfo{Kind: gatehouse.TargetImage, Name: ".", Digest: "sha256:0", Image: &gatehouse.ImageInfo{Platforms: []gatehouse.ImagePlatform{
			{Platform: "linux/amd64", Created: "2020-01-01T00:00:00Z", Layers: []gatehouse.Layer{}, Scanners: []gatehouse.PlatformStatus{}},
			{Platform: "linux/arm64", Base: &gatehouse.BaseImage{Name: "base"}, Layers: []gatehouse.Layer{}, Scanners: []gatehouse.PlatformStatus{}}}}},
		Databases: map[string]gatehouse.Database{
			"sca": {Digest: "sha256:1", UpdatedAt: "2026-01-01T00:00:00Z", Advisories: 10},
		},
		Findings: []gatehouse.Finding{
			vuln("CVE-2020-8203", gatehouse.SeverityHigh, "4.17.19"),
			vuln("CVE-2020-1", gatehouse.SeverityMedium),
			vuln("MAL-2025-1", gatehouse.SeverityUnknown),
			exploited(vuln("GHSA-xx2", gatehouse.SeverityLow)),
			excused(vuln("CVE-2020-3", gatehouse.SeverityHigh)),
			unreachable(vuln("GO-2020-4", gatehouse.SeverityHigh)),
			ofBase(vuln("GHSA-xx5", gatehouse.SeverityHigh)),
			{ID: "s1", Fingerprint: "s1", Rule: "aws-access-key-id", Kind: gatehouse.KindSecret, Scanner: "secrets", Severity: gatehouse.SeverityCritical,
				Title: "AWS access key", Location: gatehouse.Location{Path: ".env", Line: 2}, Secret: &gatehouse.Secret{Redacted: "****"}},
			{ID: "s2", Fingerprint: "s2", Rule: "generic-api-key", Kind: gatehouse.KindSecret, Scanner: "secrets", Severity: gatehouse.SeverityHigh,
				Title: "Generic API key", Location: gatehouse.Location{Path: ".env", Line: 3}, Secret: &gatehouse.Secret{Redacted: "****", Confidence: gatehouse.ConfidenceLow}},
			{ID: "s3", Fingerprint: "s3", Rule: "generic-api-key", Kind: gatehouse.KindSecret, Scanner: "secrets", Severity: gatehouse.SeverityHigh,
				Title: "Generic API key", Location: gatehouse.Location{Path: ".env", Line: 4},
				Secret: &gatehouse.Secret{Redacted: "****"}, Suppressed: &gatehouse.Suppression{By: "the comment gitleaks:allow"}},
			{ID: "m1", Fingerprint: "m1", Rule: "AWS-0086", Kind: gatehouse.KindMisconfiguration, Scanner: "iac", Severity: gatehouse.SeverityHigh,
				Title: "Public bucket", Message: "The bucket is public.", Location: gatehouse.Location{Path: "main.tf", Line: 3},
				Misconfiguration: &gatehouse.Misconfiguration{Type: "terraform", Resource: "aws_s3_bucket.logs"}},
			{ID: "m2", Fingerprint: "m2", Rule: "AWS-0001", Kind: gatehouse.KindMisconfiguration, Scanner: "iac", Severity: gatehouse.SeverityLow,
				Title: "No tags", Message: "There are no tags.", Location: gatehouse.Location{Path: "main.tf", Line: 3},
				Misconfiguration: &gatehouse.Misconfiguration{Type: "terraform"}},
			{ID: "m3", Fingerprint: "m3", Rule: "AWS-0088", Kind: gatehouse.KindMisconfiguration, Scanner: "iac", Severity: gatehouse.SeverityHigh,
				Title: "Unencrypted bucket", Message: "The bucket is not encrypted.", Location: gatehouse.Location{Path: "main.tf", Line: 9},
				Misconfiguration: &gatehouse.Misconfiguration{Type: "terraform"}, Suppressed: &gatehouse.Suppression{By: "the comment trivy:ignore"}},
		},
		RequiredAttestations: []gatehouse.RequiredAttestation{{PredicateType: "https://cyclonedx.org/bom", Reason: "there is no attestation"}},
		Layouts:              []gatehouse.Layout{{Path: "root.layout", Problems: []string{"the layout ended"}, Owners: []string{}, Steps: []gatehouse.LayoutStep{}, Links: []string{}}},
		Ignores:              []gatehouse.Ignore{{By: "the comment trivy:ignore", Location: gatehouse.Location{Path: "main.tf", Line: 1}, Rule: "AWS-9999", State: gatehouse.IgnoreUnknown}},
		Components: []gatehouse.Component{
			{Package: pkg, Location: gatehouse.Location{Path: "package-lock.json"}, Licenses: []string{"SSPL-1.0"}},
			{Package: gatehouse.Package{Purl: "pkg:npm/b@1", Name: "b", Version: "1"}, Location: gatehouse.Location{Path: "package-lock.json"}, Licenses: []string{"see LICENSE file"}},
			{Package: gatehouse.Package{Purl: "pkg:npm/c@1", Name: "c", Version: "1"}, Location: gatehouse.Location{Path: "package-lock.json"}, InstallScript: true,
				Origin: &gatehouse.Origin{Kind: "url", URL: "http://example.test/c.tgz"}},
			{Package: gatehouse.Package{Purl: "pkg:npm/d@1", Name: "d", Version: "1"}, Location: gatehouse.Location{Path: "package-lock.json"}, Licenses: []string{"MIT"},
				DetectedLicenses: []gatehouse.DetectedLicense{{License: "ISC", Confidence: 1}}},
		},
		LicenseTexts: []gatehouse.LicenseText{
			{Path: "copied/LICENSE", Licenses: []gatehouse.DetectedLicense{{License: "SSPL-1.0", Confidence: 1}}},
			{Path: "node_modules/c/LICENSE", Package: &gatehouse.Package{Name: "c", Version: "1"}, Licenses: []gatehouse.DetectedLicense{{}}},
		},
		Coverage: gatehouse.Coverage{
			Files:    []gatehouse.FileCoverage{{Path: "main.tf", Bytes: 10, Scanned: []string{"iac"}}},
			Skipped:  []gatehouse.Skip{{Path: "vendor/", Reason: "excluded by gatehouse.yaml: vendor/**"}},
			Scanners: []gatehouse.ScannerCoverage{{Name: "secrets", Status: gatehouse.StatusFailed}, {Name: "sca", Status: gatehouse.StatusComplete}},
		},
	}
	return r
}

// goodReport breaks none.
func goodReport() *gatehouse.Report {
	return &gatehouse.Report{
		Version: gatehouse.ReportVersion,
		Target:  gatehouse.TargetInfo{Kind: gatehouse.TargetDir, Name: "."},
		Databases: map[string]gatehouse.Database{
			"sca": {Digest: "sha256:1", UpdatedAt: "2026-11-25T00:00:00Z", Advisories: 10},
		},
		Components: []gatehouse.Component{
			{Package: gatehouse.Package{Purl: "pkg:npm/a@1", Name: "a", Version: "1"}, Licenses: []string{"MIT OR AGPL-3.0-only"}},
		},
		Coverage: gatehouse.Coverage{
			Files:    []gatehouse.FileCoverage{{Path: "main.tf", Bytes: 10, Scanned: []string{"iac"}}},
			Scanners: []gatehouse.ScannerCoverage{{Name: "secrets", Status: gatehouse.StatusComplete}, {Name: "sca", Status: gatehouse.StatusComplete}},
		},
	}
}

func mustInput(t testing.TB, r *gatehouse.Report) *Input {
	t.Helper()
	in, err := NewInput(r, testNow)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func mustLoad(t testing.TB, opts Options) *Set {
	t.Helper()
	s, err := Load(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustDecide(t testing.TB, s *Set, r *gatehouse.Report, waivers ...gatehouse.Waiver) gatehouse.Verdict {
	t.Helper()
	v, err := s.Decide(context.Background(), mustInput(t, r), waivers)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// strict turns on the rules that are off by default. Rules for the same thing
// exclude each other, so two sets of settings are needed.
var strict = []map[string]any{
	{"coverage.required_scanners": []string{"secrets"}, "vulnerabilities.only_fixable": true, "licenses.unlicensed": "warn", "licenses.undeclared": "warn", "licenses.own": "warn", "dependencies.install_scripts": "deny", "dependencies.insecure_origin": "warn", "image.unknown_base": "deny", "image.max_age_days": 30,
		"license_classes.forbidden": "deny", "license_classes.unknown": "warn", "license_classes.overrides": []any{map[string]any{"classes": []any{"notice"}, "action": "ignore"}}},
	{"licenses.unlicensed": "deny", "licenses.unreadable": "deny", "licenses.undeclared": "deny", "licenses.own": "deny", "licenses.unknown_text": "deny", "vulnerabilities.unreachable": "warn", "vulnerabilities.base": "warn", "attestations.unmet": "warn"},
}

// Every rule fires on the bad report and stays silent on the good one.
func TestBaselineRulesFireAndStaySilent(t *testing.T) {
	fired := map[string]bool{}
	var rules []RuleInfo
	for _, settings := range strict {
		s := mustLoad(t, Options{Baseline: true, Settings: settings})
		rules = s.Rules()
		bad := mustDecide(t, s, badReport())
		for _, v := range slices.Concat(bad.Violations, bad.Warnings) {
			fired[v.Rule] = true
			if v.Message == "" || strings.Contains(v.Message, "%!") {
				t.Errorf("%s: message %q", v.Rule, v.Message)
			}
		}
		if len(bad.Gaps) > 0 {
			t.Errorf("gaps: %+v", bad.Gaps)
		}
		if bad.Outcome != gatehouse.OutcomeFail {
			t.Errorf("outcome of the bad report is %v", bad.Outcome)
		}
		good := mustDecide(t, s, goodReport())
		if good.Outcome != gatehouse.OutcomePass || len(good.Violations)+len(good.Warnings)+len(good.Gaps) > 0 {
			t.Errorf("the good report: %+v", good)
		}
	}
	if len(rules) == 0 {
		t.Fatal("no rules")
	}
	for _, r := range rules {
		if !fired[r.Path] {
			t.Errorf("rule %s does not fire on the bad report", r.Path)
		}
		if r.ID == "" || r.Title == "" || r.Description == "" || r.Solution == "" || len(r.Controls) == 0 || r.Severity == gatehouse.SeverityUnknown {
			t.Errorf("rule %s lacks metadata: %+v", r.Path, r)
		}
		if strings.HasSuffix(r.Title, ".") {
			t.Errorf("rule %s: the title ends in a period", r.Path)
		}
	}
}

func TestBaselineFolders(t *testing.T) {
	entries, err := fs.ReadDir(baselineFS, "baseline")
	if err != nil || len(entries) == 0 {
		t.Fatal("no folders", err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		want := []string{e.Name() + ".rego", e.Name() + "_test.rego"}
		if e.Name() != "lib" {
			want = append(want, "README.md")
		}
		for _, f := range want {
			b, err := fs.ReadFile(baselineFS, "baseline/"+e.Name()+"/"+f)
			if err != nil || len(b) == 0 {
				t.Errorf("%s: %v", f, err)
			}
			if strings.HasSuffix(f, e.Name()+".rego") && !strings.Contains(string(b), "package gatehouse.baseline."+e.Name()+"\n") {
				t.Errorf("%s: the package is not named like the folder", f)
			}
		}
	}
}

func TestSettingsSchemaFitsDefaults(t *testing.T) {
	defaults, err := DefaultSettings()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := SettingsSchema()
	if err != nil {
		t.Fatal(err)
	}
	var schema settingSchema
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sortedKeys(defaults), sortedKeys(schema.Properties)) {
		t.Errorf("rules: %v and %v", sortedKeys(defaults), sortedKeys(schema.Properties))
	}
	flat := map[string]any{}
	for rule, keys := range defaults {
		if !slices.Equal(sortedKeys(keys), sortedKeys(schema.Properties[rule].Properties)) {
			t.Errorf("%s: keys differ", rule)
		}
		for k, v := range keys {
			flat[rule+"."+k] = v
			if schema.Properties[rule].Properties[k].Description == "" {
				t.Errorf("%s.%s has no description", rule, k)
			}
			readme, _ := baselineFS.ReadFile("baseline/" + rule + "/README.md")
			if !strings.Contains(string(readme), "`"+rule+"."+k+"`") {
				t.Errorf("%s.%s is not in the README of its rule", rule, k)
			}
		}
	}
	if _, err := mergeSettings(flat); err != nil {
		t.Errorf("the defaults do not fit the schema: %v", err)
	}
}

func TestSettingsErrors(t *testing.T) {
	tests := []struct {
		settings map[string]any
		want     string
	}{
		{map[string]any{"vulnerabilites": map[string]any{"severity": "LOW"}}, `did you mean "vulnerabilities"?`},
		{map[string]any{"vulnerabilites": map[string]any{}}, `did you mean "vulnerabilities"?`},
		{map[string]any{"vulnerabilites": "HIGH"}, `did you mean "vulnerabilities"?`},
		{map[string]any{"vulnerabilities": map[string]any{"severty": "LOW"}}, `did you mean "severity"?`},
		{map[string]any{"vulnerabilities.severity": "HIHG"}, `did you mean HIGH?`},
		{map[string]any{"vulnerabilities.severity": 3}, `want one of UNKNOWN, LOW, MEDIUM, HIGH, CRITICAL, got 3`},
		{map[string]any{"vulnerabilities": "HIGH"}, `want an object`},
		{map[string]any{"vulnerabilities.ignore_dev": "yes"}, `want true or false, got the string "yes"`},
		{map[string]any{"database_age.max_days": -1}, `at least 0`},
		{map[string]any{"database_age.max_days": "7"}, `want a number`},
		{map[string]any{"licenses.denied": "MIT"}, `want a list`},
		{map[string]any{"licenses.denied": []any{1}}, `item 1: want a string`},
		{map[string]any{"license_classes.overrides": []any{"dev"}}, `item 1: want an object with the keys action, classes, paths, scopes`},
		{map[string]any{"license_classes.overrides": []any{map[string]any{"scope": []any{"dev"}}}}, `there is no key "scope"; did you mean "scopes"?`},
		{map[string]any{"license_classes.overrides": []any{map[string]any{"scopes": []any{"dev"}}}}, `the key "action" is missing`},
		{map[string]any{"license_classes.ids": []any{map[string]any{"id": "X", "class": "free"}}}, `key "class": want one of forbidden`},
	}
	for _, tt := range tests {
		_, err := Load(context.Background(), Options{Baseline: true, Settings: tt.settings})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %s", tt.settings, err, tt.want)
		}
	}
	s := mustLoad(t, Options{Baseline: true, Settings: map[string]any{"vulnerabilities.severity": "critical"}})
	v := mustDecide(t, s, badReport())
	if slices.ContainsFunc(v.Violations, func(v gatehouse.Violation) bool {
		return v.Rule == "gatehouse.baseline.vulnerabilities.deny" && v.Severity == gatehouse.SeverityHigh
	}) {
		t.Error("the override had no effect")
	}
}

func TestBaselineIsFormatted(t *testing.T) {
	src, err := readSource(baselineSource())
	if err != nil || len(src.rego) == 0 {
		t.Fatal(len(src.rego), err)
	}
	for _, f := range slices.Concat(src.rego, src.tests) {
		got, err := format.SourceWithOpts(f.display, f.data, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, f.data) {
			t.Errorf("%s is not formatted: run opa fmt --write", f.display)
		}
	}
}
