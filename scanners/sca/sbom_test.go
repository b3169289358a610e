package sca_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/sbom"
	"github.com/gatehouse-sec/gatehouse/scanners/sca"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// bom is CycloneDX with these components.
func bom(components ...string) string {
	return "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.6\", \"components\": [\n" + strings.Join(components, ",\n") + "\n]}"
}

func library(purl string, more ...string) string {
	return fmt.Sprintf(`{"type": "library", "bom-ref": %q, "name": "x", "purl": %[1]q%s}`, purl, strings.Join(append([]string{""}, more...), ", "))
}

// Each ecosystem is matched by the package URL alone.
func TestSBOMIsMatched(t *testing.T) {
	for _, tt := range []struct{ purl, rule string }{
		{"pkg:npm/lodash@4.17.4", "CVE-2019-10744"},
		{"pkg:pypi/django@3.1.4", "CVE-PIP"},
		{"pkg:pypi/zope-interface@5.0", "CVE-DOTS"},
		{"pkg:golang/golang.org/x/net@v0.17.0", "CVE-GO"},
		{"pkg:golang/golang.org/x/net@0.17.0#html", "CVE-GO"},
		{"pkg:golang/stdlib@1.21.3", "CVE-STD"},
		{"pkg:cargo/time@0.1.40", "CVE-CARGO"},
		{"pkg:gem/rack@2.0.7", "CVE-GEM"},
		{"pkg:composer/symfony/http-kernel@v5.4.0", "CVE-PHP"},
		{"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1?type=jar", "CVE-MVN"},
		{"pkg:nuget/Newtonsoft.Json@12.0.1", "CVE-NET"},
		{"pkg:hex/plug@1.10.0", "CVE-HEX"},
		{"pkg:pub/http@0.13.0", "CVE-PUB"},
		{"pkg:conan/openssl@3.0.7", "CVE-CONAN"},
		{"pkg:swift/github.com/apple/swift-nio@2.39.0", "CVE-SWIFT"},
		{"pkg:cocoapods/Alamofire@4.0.0", "CVE-POD"},
		{"pkg:julia/HTTP@1.9.0?uuid=cd3eb016-35fb-5094-929b-558a96fad6f3", "CVE-JULIA"},
	} {
		r := scannertest.Scan(t, newScanner(t, testDB()), map[string]string{"bom.json": bom(library("pkg:npm/a@1"), library(tt.purl))})
		if len(r.Findings) != 1 || r.Findings[0].Rule != tt.rule || r.Findings[0].Location.Line != 3 || len(r.Coverage.Gaps) > 0 {
			t.Errorf("%s: findings %+v, gaps %q", tt.purl, r.Findings, gapLines(r))
			continue
		}
		if v := r.Findings[0].Vulnerability; v.Upgrade != nil {
			t.Errorf("%s: nothing can be changed in a bill of materials: %+v", tt.purl, v.Upgrade)
		}
	}
}

func TestSBOMGaps(t *testing.T) {
	os := `{"type": "operating-system", "name": "debian", "version": "12"}`
	for name, c := range map[string]struct {
		text     string
		findings int
		gap      string // in the reason of the only one
	}{
		"complete":              {bom(library("pkg:npm/a@1")), 0, ""},
		"system by distro":      {bom(library("pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl")), 1, ""},
		"system by component":   {bom(os, library("pkg:deb/debian/libssl3@3.0.11-1?upstream=openssl%403.0.11-1")), 1, ""},
		"source of trivy":       {bom(os, library("pkg:deb/debian/libssl3@3.0.11-1", `"properties": [{"name": "aquasecurity:trivy:SrcName", "value": "openssl"}, {"name": "aquasecurity:trivy:SrcVersion", "value": "3.0.11-1"}]`)), 1, ""},
		"codename":              {bom(library("pkg:deb/debian/libssl3@3.0.11-1?distro=bookworm&upstream=openssl")), 1, ""},
		"no source":             {bom(os, library("pkg:deb/debian/libssl3@3.0.11-1")), 0, "from which source packages"},
		"no system":             {bom(library("pkg:apk/musl@1.2.4-r2?upstream=musl")), 0, "does not say which operating system"},
		"no release":            {bom(library("pkg:deb/debian/libssl3@3.0.11-1?upstream=openssl")), 0, "does not say which release"},
		"no version of package": {bom(library("pkg:npm/lodash")), 0, "its version is not known"},
		"range":                 {bom(library("pkg:npm/a@%5E1.0.0")), 0, "names the range"},
		"no package URL":        {bom(`{"type": "library", "name": "a", "version": "1"}`, library("pkg:npm/a@1")), 0, "no package URL"},
		"wrong package URL":     {bom(`{"type": "library", "name": "a", "version": "1", "purl": "npm/a"}`, library("pkg:npm/a@1")), 0, "cannot be read"},
		"unknown type":          {bom(library("pkg:brew/a@1")), 0, "no advisories for packages of the type brew"},
		"nothing":               {bom(), 0, "lists no package"},
		"incomplete":            {strings.Replace(bom(library("pkg:npm/a@1")), "{", `{"compositions": [{"aggregate": "incomplete"}],`, 1), 0, "incomplete by its own account"},
		"cut off":               {bom(library("pkg:npm/a@1"))[:120], 0, "no valid JSON"},
		"other JSON":            {`{"parts": []}`, 0, ""},
		"files and systems":     {bom(os, `{"type": "file", "name": "a"}`, `{"type": "application", "name": "package-lock.json"}`, library("pkg:npm/a@1")), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := scannertest.Scan(t, newScanner(t, systemDB()), map[string]string{"bom.json": c.text})
			gaps := gapLines(r)
			if len(r.Findings) != c.findings || c.gap == "" && len(gaps) > 0 || c.gap != "" && (len(gaps) != 1 || !strings.Contains(gaps[0], c.gap)) {
				t.Errorf("findings %+v, gaps %q, want %q", r.Findings, gaps, c.gap)
			}
		})
	}
}

// Whatever the name is, a file that was named is read.
func TestSBOMByName(t *testing.T) {
	text := bom(library("pkg:npm/lodash@4.17.4"))
	for path, want := range map[string]int{"bom.json": 1, "a/x.cdx.json": 1, "x.CDX.json": 1, "app-sbom.json": 1, "x.spdx.json": 1, "other.json": 0, "node_modules/a/bom.json": 0,
		"lib/site-packages/a.dist-info/sboms/auditwheel.cdx.json": 1} {
		r := scannertest.Scan(t, newScanner(t, testDB()), map[string]string{path: text})
		if len(r.Findings) != want || len(r.SBOMs) != want {
			t.Errorf("%s: %d findings, %d bills of materials, want %d", path, len(r.Findings), len(r.SBOMs), want)
		}
	}
	s, err := sca.New(testDB(), "", "other.json")
	if err != nil {
		t.Fatal(err)
	}
	if r := scannertest.Scan(t, s, map[string]string{"other.json": text}); len(r.Findings) != 1 {
		t.Errorf("a file that was named: %+v", r.Findings)
	}
}

// What we write of what we read is what we read: the components of the lockfiles
// are those of the bill of materials.
func TestSBOMRoundTrip(t *testing.T) {
	files := map[string]string{"var/lib/dpkg/status": dpkgStatus, "etc/os-release": bookworm}
	for _, l := range everyFormat {
		files[l.path] = l.text
	}
	r := scannertest.Scan(t, newScanner(t, systemDB()), files)
	r.Tool = gatehouse.Tool{Name: "gatehouse", Version: "1"}
	facts := func(r *gatehouse.Report) []string {
		var lines []string
		for _, c := range r.Components {
			lines = append(lines, c.Purl)
			for _, l := range c.Licenses {
				lines = append(lines, c.Purl+" licence "+l)
			}
			for _, d := range c.DependsOn {
				lines = append(lines, c.Purl+" needs "+d)
			}
		}
		for _, f := range r.Findings {
			lines = append(lines, "finding "+f.Rule+" "+f.Vulnerability.Package.Purl)
		}
		slices.Sort(lines)
		return slices.Compact(lines)
	}
	want := facts(r)
	if len(want) < 50 {
		t.Fatalf("only %d facts", len(want))
	}
	for _, f := range sbom.Formats() {
		data, err := sbom.New(r, sbom.Options{Scanner: sca.Name}).Write(f)
		if err != nil {
			t.Fatal(err)
		}
		got := facts(scannertest.Scan(t, newScanner(t, systemDB()), map[string]string{"bom.json": string(data)}))
		for _, line := range want {
			if !slices.Contains(got, line) {
				t.Errorf("%s: lost %s", f, line)
			}
		}
		for _, line := range got {
			if !slices.Contains(want, line) {
				t.Errorf("%s: there was no %s", f, line)
			}
		}
	}
}
