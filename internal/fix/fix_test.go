package fix

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

func finding(id, rule string, severity gatehouse.Severity, p gatehouse.Package, u *gatehouse.Upgrade) gatehouse.Finding {
	return gatehouse.Finding{ID: id, Rule: rule, Kind: gatehouse.KindVulnerability, Severity: severity, Fix: "replace it",
		Location: gatehouse.Location{Path: "package-lock.json", Line: 1}, Vulnerability: &gatehouse.Vulnerability{Package: p, Upgrade: u}}
}

var manifest = `{
  "name": "app",
  "dependencies": {
    "express": "~4.0.0",
    "lodash": "^3.9.1",
    "odd": ">=1 <2",
    "twice": "1.0.0 || 1.0.0"
  }
}
`

func testReport() *gatehouse.Report {
	at := func(line int) *gatehouse.Location { return &gatehouse.Location{Path: "package.json", Line: line} }
	npm := func(name, version string) gatehouse.Package {
		return gatehouse.Package{Ecosystem: "npm", Name: name, Version: version}
	}
	excused := finding("9", "CVE-9", gatehouse.SeverityHigh, npm("x", "1.0.0"), nil)
	excused.Vulnerability.VEX = &gatehouse.VEX{Status: "not_affected"}
	return &gatehouse.Report{
		Findings: []gatehouse.Finding{
			finding("1", "CVE-1", gatehouse.SeverityHigh, npm("lodash", "3.9.1"), &gatehouse.Upgrade{Package: "lodash", From: "3.9.1", To: "4.17.5", How: "npm install lodash@4.17.5", Location: at(5)}),
			finding("2", "CVE-2", gatehouse.SeverityCritical, npm("lodash", "3.9.1"), &gatehouse.Upgrade{Package: "lodash", From: "3.9.1", To: "4.17.21", How: "npm install lodash@4.17.21", Location: at(5)}),
			finding("3", "CVE-3", gatehouse.SeverityLow, npm("express", "4.0.0"), &gatehouse.Upgrade{Package: "express", From: "4.0.0", To: "4.19.2", How: "npm install express@4.19.2", Location: at(4)}),
			finding("4", "CVE-4", gatehouse.SeverityMedium, npm("odd", "1.1.0"), &gatehouse.Upgrade{Package: "odd", From: "1.1.0", To: "2.0.1", How: "npm install odd@2.0.1", Location: at(6)}),
			finding("5", "CVE-5", gatehouse.SeverityMedium, npm("twice", "1.0.0"), &gatehouse.Upgrade{Package: "twice", From: "1.0.0", To: "2.0.1", How: "npm install twice@2.0.1", Location: at(7)}),
			finding("6", "CVE-6", gatehouse.SeverityHigh, npm("deep", "0.1.0"), &gatehouse.Upgrade{Package: "express", From: "4.0.0", How: "npm update deep"}),
			finding("7", "CVE-7", gatehouse.SeverityHigh, npm("bad", "1.0.0"), nil),
			{ID: "8", Kind: gatehouse.KindSecret, Secret: &gatehouse.Secret{}},
			excused,
		},
		Components: []gatehouse.Component{
			{Package: npm("lodash", "3.9.1"), Requirement: "^3.9.1"}, {Package: npm("express", "4.0.0"), Requirement: "~4.0.0"}, {Package: npm("odd", "1.1.0"), Requirement: ">=1 <2"},
		},
	}
}

func readManifest(path string) ([]byte, error) {
	if path != "package.json" {
		return nil, errors.New("no such file")
	}
	return []byte(manifest), nil
}

func TestPlan(t *testing.T) {
	plan := New(testReport(), readManifest)
	var b strings.Builder
	if err := plan.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"package.json: 4 changes resolve 5 findings (1 critical, 1 high, 2 medium, 1 low)\n  CRITICAL lodash 3.9.1 → 4.17.21 resolves 2 findings (1 critical, 1 high): CVE-2, CVE-1\n           npm install lodash@4.17.21\n",
		"-    \"express\": \"~4.0.0\",\n-    \"lodash\": \"^3.9.1\",\n-    \"odd\": \">=1 <2\",\n+    \"express\": \"~4.19.2\",\n+    \"lodash\": \"^4.17.21\",\n+    \"odd\": \"^2.0.1\",\n",
		"package-lock.json: 1 change resolves 1 finding (1 high)\n  HIGH     deep 0.1.0 (through express) resolves 1 finding (1 high): CVE-6\n           npm update deep\n",
		"No known change resolves 1 finding:\n  HIGH     CVE-7 bad 1.0.0 (package-lock.json:1)\n           replace it\n",
		"1 finding left out, as VEX statements excuse them.\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "+    \"twice\"") {
		t.Error("a line is edited in which it is not clear what to edit")
	}
}

// TestPatch applies the patch with the program of that name.
func TestPatch(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("there is no git: NOT applying the patch")
	}
	for name, text := range map[string]string{"with an end": manifest, "without an end": strings.TrimRight(manifest, "\n"), "windows": strings.ReplaceAll(manifest, "\n", "\r\n"),
		"at the end": "\"twice\": \"0\"\n\n\n\"express\": \"~4.0.0\"\n\"lodash\": \"^3.9.1\""} {
		dir := t.TempDir()
		file := filepath.Join(dir, "package.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		plan := New(testReport(), func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, path)) })
		var b strings.Builder
		if err := plan.WritePatch(&b); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program, "apply", "-")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(b.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s\n%s", name, err, out, b.String())
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.NewReplacer("~4.0.0", "~4.19.2", "^3.9.1", "^4.17.21", ">=1 <2", "^2.0.1").Replace(text)
		if string(got) != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestEdit(t *testing.T) {
	for _, c := range []struct {
		ecosystem, from, to, requirement, line, want string
	}{
		{"golang", "v1.2.3", "v1.3.0", "v1.2.3", "\ta.b/c v1.2.3 // indirect", "\ta.b/c v1.3.0 // indirect"},
		{"pypi", "1.0", "1.0.1", "==1.0", "django==1.0 # 1.0.5", "django==1.0.1 # 1.0.5"},
		{"pypi", "1.0", "2.1", ">=1.0,<2", "django>=1.0,<2", "django>=2.1"},
		{"gem", "2.2.3", "2.2.4", "~> 2.2.3", "gem 'rack', '~> 2.2.3'", "gem 'rack', '~> 2.2.4'"},
		{"maven", "2.14.1", "2.17.1", "", "<version>2.14.1</version>", "<version>2.17.1</version>"},
		{"maven", "2.14.1", "2.17.1", "", "<version>${v}</version>", ""},
		{"cargo", "0.3.1", "0.4.2", "0.3", `x = { version = "0.3", features = ["a"] }`, `x = { version = "0.4.2", features = ["a"] }`},
		{"nuget", "12.0.1", "13.0.1", "12.0.1", `<PackageReference Include="N" Version="12.0.1" />`, `<PackageReference Include="N" Version="13.0.1" />`},
		{"npm", "1.0.0", "1.0.1", "latest", `"x": "latest"`, ""},
		{"npm", "1.0.0", "1.0.1", "^1.0.0", `"x-1.0.0": "^1.0.0"`, `"x-1.0.0": "^1.0.1"`},
	} {
		e, ok := edit(&Change{Ecosystem: c.ecosystem, From: c.from, To: c.to}, 1, c.line, c.requirement)
		if ok != (c.want != "") || e.New != c.want {
			t.Errorf("%q becomes %q, want %q", c.line, e.New, c.want)
		}
	}
}
