package ignorefile_test

import (
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/ignorefile"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

var rules = []gatehouse.Rule{{ID: "AWS-0092", Aliases: []string{"AVD-AWS-0092", "CKV_AWS_20"}}, {ID: "AWS-0001"}}

func report() *gatehouse.Report {
	return &gatehouse.Report{Findings: []gatehouse.Finding{
		{Rule: "AWS-0092", Kind: gatehouse.KindMisconfiguration, Location: gatehouse.Location{Path: "infra/main.tf", Line: 3},
			Misconfiguration: &gatehouse.Misconfiguration{Type: "terraform", Resource: "aws_s3_bucket.b"}},
		{Rule: "GHSA-1", Kind: gatehouse.KindVulnerability, Location: gatehouse.Location{Path: "package-lock.json"},
			Vulnerability: &gatehouse.Vulnerability{Aliases: []string{"CVE-2020-1"}, Package: gatehouse.Package{Purl: "pkg:npm/a@1.0.0"}}},
	}}
}

func TestApply(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string
		config, vuln     bool // suppressed
		state            gatehouse.IgnoreState
	}{
		{"id", ".trivyignore", "# ours\nAVD-AWS-0092 # a public site\n", true, false, "used"},
		{"alias of a vulnerability", ".trivyignore", "CVE-2020-1 exp:2026-12-01", false, true, "used"},
		{"over", ".trivyignore", "CVE-2020-1 exp:2026-11-30", false, false, "expired"},
		{"nothing", ".trivyignore", "CVE-2020-2", false, false, "unused"},
		{"path", ".trivyignore.yaml", "misconfigurations:\n- id: AWS-0092\n  paths: [\"infra/**\"]\n  statement: why\n", true, false, "used"},
		{"another path", ".trivyignore.yaml", "misconfigurations:\n- id: AWS-0092\n  paths: [\"x/**\"]\n", false, false, "unused"},
		{"unknown rule", ".trivyignore.yaml", "misconfigurations:\n- id: AWS-9999\n", false, false, "unknown"},
		{"another kind", ".trivyignore.yaml", "vulnerabilities:\n- id: AWS-0092\n", false, false, "unused"},
		{"date", ".trivyignore.yaml", "vulnerabilities:\n- id: CVE-2020-1\n  expired_at: 2026-11-01\n", false, false, "expired"},
		{"package", ".trivyignore.yaml", "vulnerabilities:\n- id: CVE-2020-1\n  purls: [\"pkg:npm/a\"]\n", false, true, "used"},
		{"another package", ".trivyignore.yaml", "vulnerabilities:\n- id: CVE-2020-1\n  purls: [\"pkg:npm/a@2.0.0\"]\n", false, false, "unused"},
		{"checkov", ".checkov.baseline", `{"failed_checks":[{"file":"/infra/main.tf","findings":[{"resource":"aws_s3_bucket.b","check_ids":["CKV_AWS_20"]}]}]}`, true, false, "used"},
		{"checkov, another resource", ".checkov.baseline", `{"failed_checks":[{"file":"/infra/main.tf","findings":[{"resource":"aws_s3_bucket.c","check_ids":["CKV_AWS_20"]}]}]}`, false, false, "unused"},
		{"tfsec", ".tfsec/config.yml", "exclude:\n- AWS-0092\n", true, false, "used"},
		{"tfsec, severity", ".tfsec/config.yml", "minimum_severity: HIGH\n", false, false, "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := ignorefile.Parse(tt.file, []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			r := report()
			ignorefile.Apply(r, []*ignorefile.File{f}, rules, now)
			if (r.Findings[0].Suppressed != nil) != tt.config || (r.Findings[1].Suppressed != nil) != tt.vuln {
				t.Errorf("suppressed: %v and %v", r.Findings[0].Suppressed, r.Findings[1].Suppressed)
			}
			if len(r.Ignores) != 1 || r.Ignores[0].State != tt.state {
				t.Errorf("%+v, want %s", r.Ignores, tt.state)
			}
		})
	}
}

// A file that is not understood is an error, so that nobody believes in it.
func TestBadFiles(t *testing.T) {
	for name, text := range map[string]string{
		".trivyignore":       "CVE-2020-1 until 2030",
		"a/.trivyignore":     "CVE-2020-1 exp:tomorrow",
		".trivyignore.yaml":  "misconfiguration:\n- id: a\n",
		".trivyignore.yml":   "secrets:\n- path: a\n",
		"b/.trivyignore.yml": "[",
		".checkov.baseline":  "[]",
		".tfsec/config.yml":  "a",
		"ignore.txt":         "CVE-2020-1",
	} {
		if _, err := ignorefile.Parse(name, []byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
