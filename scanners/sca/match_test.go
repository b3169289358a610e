package sca_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

func TestFinding(t *testing.T) {
	files := map[string]string{"package-lock.json": `{
  "lockfileVersion": 3,
  "packages": {
    "": {"dependencies": {"express": "^4"}},
    "node_modules/express": {"version": "4.0.0", "dependencies": {"lodash": "^4"}},
    "node_modules/lodash": {"version": "4.17.4", "license": "MIT"},
    "node_modules/flatmap-stream": {"version": "0.1.1", "dev": true}
  }
}`}
	r := scannertest.Scan(t, newScanner(t, testDB()), files)
	if len(r.Findings) != 2 {
		t.Fatalf("%d findings: %+v", len(r.Findings), r.Findings)
	}
	got := r.Findings[0]
	got.ID = ""
	if u := got.Vulnerability.Upgrade; u == nil || u.How == "" {
		t.Errorf("upgrade %+v", u)
	}
	got.Vulnerability.Upgrade, got.Vulnerability.Scope = nil, ""
	want := gatehouse.Finding{
		Rule: "CVE-2019-10744", Kind: gatehouse.KindVulnerability, Scanner: "sca", Severity: gatehouse.SeverityCritical,
		Title:       "prototype pollution",
		Message:     "lodash 4.17.4 is affected by CVE-2019-10744 (prototype pollution); fixed in 4.17.12",
		Location:    gatehouse.Location{Path: "package-lock.json", Line: 6},
		Fix:         "upgrade lodash to 4.17.12 or later; it comes in through express 4.0.0",
		References:  []string{"https://example.com/a"},
		Fingerprint: gatehouse.Fingerprint(gatehouse.KindVulnerability, "CVE-2019-10744", "pkg:npm/lodash"),
		Vulnerability: &gatehouse.Vulnerability{
			Aliases:       []string{"GHSA-jf85-cpcp-j695"},
			Package:       gatehouse.Package{Purl: "pkg:npm/lodash@4.17.4", Ecosystem: "npm", Name: "lodash", Version: "4.17.4"},
			FixedVersions: []string{"4.17.12"}, CVSS: 9.1, Source: "GitHub", Published: "2019-07-26T00:00:00Z",
			Ratings: []gatehouse.Rating{{Source: "nvd", Severity: gatehouse.SeverityCritical, Score: 9.1}},
			Paths:   [][]string{{"express@4.0.0", "lodash@4.17.4"}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v %+v\nwant %+v %+v", got, got.Vulnerability, want, want.Vulnerability)
	}
	bad := r.Findings[1]
	if bad.Severity != gatehouse.SeverityCritical || !bad.Vulnerability.Malicious || bad.Vulnerability.Upgrade != nil || bad.Message != "flatmap-stream 0.1.1 is a malicious package (MAL-2018-1)" || !strings.HasPrefix(bad.Fix, "remove flatmap-stream") {
		t.Errorf("malicious package: %+v", bad)
	}
	byName := map[string]gatehouse.Component{}
	for _, c := range r.Components {
		byName[c.Name] = c
	}
	if c := byName["express"]; !c.Direct || c.Dev || !slices.Equal(c.DependsOn, []string{"pkg:npm/lodash@4.17.4"}) {
		t.Errorf("express: %+v", c)
	}
	if c := byName["lodash"]; c.Direct || c.Dev || !slices.Equal(c.Licenses, []string{"MIT"}) {
		t.Errorf("lodash: %+v", c)
	}
	if c := byName["flatmap-stream"]; !c.Dev {
		t.Errorf("flatmap-stream: %+v", c)
	}
}

// TestVersions compares one version with one advisory.
func TestVersions(t *testing.T) {
	for _, c := range []struct {
		eco, lock, version string
		advisory           vulndb.Advisory
		affected           bool
	}{
		// A pre-release of the fixed version has the problem: it is older.
		{"pip", "requirements.txt", "3.2rc1", vulndb.Advisory{VulnerableVersions: []string{">=3.0, <3.2"}}, true},
		{"pip", "requirements.txt", "3.2", vulndb.Advisory{VulnerableVersions: []string{">=3.0, <3.2"}}, false},
		{"pip", "requirements.txt", "3.2.post1", vulndb.Advisory{VulnerableVersions: []string{"> 3.2"}}, true},
		{"pip", "requirements.txt", "2.0.0+cu118", vulndb.Advisory{VulnerableVersions: []string{"=2.0.0"}}, true},
		{"pip", "requirements.txt", "1!2.0", vulndb.Advisory{VulnerableVersions: []string{"<3"}}, false},
		{"pip", "requirements.txt", "2.5.1", vulndb.Advisory{VulnerableVersions: []string{"==2.5.*"}}, true},
		{"npm", "package-lock.json", "1.2.3-beta.1", vulndb.Advisory{VulnerableVersions: []string{"<1.2.3"}}, true},
		{"npm", "package-lock.json", "1.2.3", vulndb.Advisory{VulnerableVersions: []string{"1.2.x"}}, true},
		{"npm", "package-lock.json", "1.3.0", vulndb.Advisory{VulnerableVersions: []string{"~1.2.0 || ^2.0.0"}}, false},
		{"npm", "package-lock.json", "2.3.0", vulndb.Advisory{VulnerableVersions: []string{"~1.2.0 || ^2.0.0"}}, true},
		{"npm", "package-lock.json", "2.0.8", vulndb.Advisory{VulnerableVersions: []string{">=1.7.0 <1.7.16", ">=2.0.0 <2.0.8"}, PatchedVersions: []string{">=2.0.8"}}, false},
		{"npm", "package-lock.json", "1.0.0", vulndb.Advisory{VulnerableVersions: []string{"<=99.999.99999"}, PatchedVersions: []string{"<0.0.0"}}, true},
		{"npm", "package-lock.json", "1.0.0", vulndb.Advisory{}, true},
		{"npm", "package-lock.json", "1.0.0", vulndb.Advisory{VulnerableVersions: []string{"*"}}, true},
		{"rubygems", "Gemfile.lock", "1.6.11", vulndb.Advisory{PatchedVersions: []string{"~> 1.6.12", ">= 2.0.8"}}, true},
		{"rubygems", "Gemfile.lock", "1.6.13", vulndb.Advisory{PatchedVersions: []string{"~> 1.6.12", ">= 2.0.8"}}, false},
		{"rubygems", "Gemfile.lock", "1.0", vulndb.Advisory{PatchedVersions: []string{">= 2"}, UnaffectedVersions: []string{"< 1.1"}}, false},
		{"rubygems", "Gemfile.lock", "2.0.0.rc1", vulndb.Advisory{VulnerableVersions: []string{"< 2.0.0"}}, true},
		{"go", "go.mod", "v0.0.0-20210101000000-abcdefabcdef", vulndb.Advisory{VulnerableVersions: []string{"<0.0.0-20220101000000-abcdefabcdef"}}, true},
		{"go", "go.mod", "v2.7.1+incompatible", vulndb.Advisory{VulnerableVersions: []string{"< v2.8.0"}}, true},
		{"maven", "gradle.lockfile", "2.0.0.RELEASE", vulndb.Advisory{VulnerableVersions: []string{"[2.0.0.RELEASE,2.0.16.RELEASE)"}}, true},
		{"maven", "gradle.lockfile", "1.0-SNAPSHOT", vulndb.Advisory{VulnerableVersions: []string{"<1.0"}}, true},
		{"maven", "gradle.lockfile", "31.1-jre", vulndb.Advisory{VulnerableVersions: []string{"<32.0.0-android"}}, true},
		{"nuget", "packages.config", "4.3.0.1", vulndb.Advisory{VulnerableVersions: []string{">=4.3.0, <4.3.1"}}, true},
	} {
		t.Run(fmt.Sprintf("%s %s in %v", c.eco, c.version, c.advisory.VulnerableVersions), func(t *testing.T) {
			db := testDB()
			c.advisory.ID = "CVE-TEST"
			name := map[string]string{"go": "a.b/c", "maven": "g:a"}[c.eco]
			if name == "" {
				name = "thing"
			}
			db.add(c.eco, name, c.advisory)
			text := map[string]string{
				"requirements.txt":  "thing==%s\n",
				"package-lock.json": `{"lockfileVersion":1,"dependencies":{"thing":{"version":"%s"}}}`,
				"Gemfile.lock":      "GEM\n  specs:\n    thing (%s)\n\nDEPENDENCIES\n  thing\n",
				"go.mod":            "module m\n\ngo 1.20\n\nrequire a.b/c %s\n",
				"gradle.lockfile":   "g:a:%s=x\nempty=\n",
				"packages.config":   `<packages><package id="thing" version="%s"/></packages>`,
			}[c.lock]
			r := scannertest.Scan(t, newScanner(t, db), map[string]string{c.lock: fmt.Sprintf(text, c.version)})
			if len(r.Coverage.Gaps) > 0 {
				t.Errorf("gaps %q", gapLines(r))
			}
			if got := len(r.Findings) == 1; got != c.affected {
				t.Errorf("affected: %v, want %v", got, c.affected)
			}
		})
	}
}

// TestContext uses the manifests beside a lockfile.
func TestContext(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string // name, d for direct, t for development
	}{
		{"yarn", map[string]string{
			"package.json":     `{"dependencies":{"a":"^1"},"workspaces":["p/*"]}`,
			"p/x/package.json": `{"devDependencies":{"c":"^1"}}`,
			"yarn.lock":        "# yarn lockfile v1\n\n\na@^1:\n  version \"1.0.0\"\n  dependencies:\n    b \"^1\"\n\nb@^1:\n  version \"1.0.0\"\n\nc@^1:\n  version \"1.0.0\"\n"},
			[]string{"a d", "b ", "c dt"}},
		{"cargo", map[string]string{
			"Cargo.toml": "[package]\nname='app'\n[dependencies]\na='1'\n[dev-dependencies]\nc='1'\n",
			"Cargo.lock": "version = 3\n[[package]]\nname='app'\nversion='0.1.0'\ndependencies=['a','c']\n[[package]]\nname='a'\nversion='1.0.0'\nsource='registry+x'\ndependencies=['b']\n[[package]]\nname='b'\nversion='1.0.0'\nsource='registry+x'\n[[package]]\nname='c'\nversion='1.0.0'\nsource='registry+x'\n"},
			[]string{"a d", "b ", "c dt"}},
		{"poetry", map[string]string{
			"pyproject.toml": "[tool.poetry.dependencies]\nA='1'\n[tool.poetry.group.dev.dependencies]\nc='1'\n",
			"poetry.lock":    "[[package]]\nname='a'\nversion='1'\ngroups=['main']\n[[package]]\nname='b'\nversion='1'\ngroups=['main']\n[[package]]\nname='c'\nversion='1'\ngroups=['dev']\n[metadata]\nlock-version='2.1'\n"},
			[]string{"a d", "b ", "c dt"}},
		{"composer", map[string]string{
			"composer.json": `{"require":{"v/a":"1"},"require-dev":{"v/c":"1"}}`,
			"composer.lock": `{"packages":[{"name":"v/a","version":"1"},{"name":"v/b","version":"1"}],"packages-dev":[{"name":"v/c","version":"1"}]}`},
			[]string{"v/a d", "v/b ", "v/c dt"}},
		{"npm 1", map[string]string{
			"package.json":      `{"dependencies":{"a":"^1"}}`,
			"package-lock.json": `{"lockfileVersion":1,"dependencies":{"a":{"version":"1.0.0"},"b":{"version":"1.0.0"}}}`},
			[]string{"a d", "b "}},
		{"go 1.16", map[string]string{
			"go.mod": "module m\n\ngo 1.16\n\nrequire a.b/a v1.0.0\n",
			"go.sum": "a.b/a v1.0.0 h1:x\na.b/b v1.0.0 h1:x\na.b/b v1.1.0 h1:x\na.b/b v1.2.0/go.mod h1:x\n"},
			[]string{"a.b/a d", "a.b/b "}},
		{"pip-compile", map[string]string{"requirements.txt": "a==1\n    # via -r requirements.in\nb==1\n    # via a\nc==1\n    # via\n    #   -r requirements.in\n    #   a\nd==1\n    # via\n    #   a\n    #   c\n"},
			[]string{"a d", "b ", "c d", "d "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := scannertest.Scan(t, newScanner(t, testDB()), c.files)
			var got []string
			for _, x := range r.Components {
				marks := ""
				if x.Direct {
					marks += "d"
				}
				if x.Dev {
					marks += "t"
				}
				got = append(got, x.Name+" "+marks)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if len(r.Coverage.Gaps) > 0 {
				t.Errorf("gaps %q", gapLines(r))
			}
		})
	}
}

// TestPinnedManifest matches what a manifest pins although it is not locked.
func TestPinnedManifest(t *testing.T) {
	for path, text := range map[string]string{
		"package.json":                     "{\n \"dependencies\": {\n  \"lodash\": \"4.17.4\",\n  \"b\": \"^1\"\n }\n}",
		"pyproject.toml":                   "[project]\ndependencies=['django==3.1.4']\n",
		"build.gradle":                     "dependencies {\n  implementation 'org.apache.logging.log4j:log4j-core:2.14.1'\n}\n",
		"a.csproj":                         `<Project><ItemGroup><PackageReference Include="Newtonsoft.Json" Version="12.0.3" /></ItemGroup></Project>`,
		"node_modules/lodash/package.json": `{"name":"lodash","version":"4.17.4"}`,
	} {
		r := scannertest.Scan(t, newScanner(t, testDB()), map[string]string{path: text})
		installed := strings.HasPrefix(path, "node_modules/")
		if len(r.Findings) != 1 || len(r.Coverage.Gaps) == 0 != installed {
			t.Errorf("%s: findings %+v, gaps %q", path, r.Findings, gapLines(r))
		}
	}
}

func TestSkipsInstalledLockfiles(t *testing.T) {
	r := scannertest.Scan(t, newScanner(t, testDB()), map[string]string{"yarn.lock": "# yarn lockfile v1\n", "node_modules/x/yarn.lock": "lodash@1:\n  version \"1.0.0\"\n"})
	if len(r.Findings) > 0 || r.Coverage.Scanners[0].Skipped != 1 || r.Coverage.Scanners[0].Scanned != 1 {
		t.Errorf("%+v", r.Coverage)
	}
}
