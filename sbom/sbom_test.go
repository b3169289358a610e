package sbom_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/sbom"
)

const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func component(purl, ecosystem, name, version, path string, change ...func(*gatehouse.Component)) gatehouse.Component {
	c := gatehouse.Component{Package: gatehouse.Package{Purl: purl, Ecosystem: ecosystem, Name: name, Version: version}, Location: gatehouse.Location{Path: path, Line: 3}}
	for _, f := range change {
		f(&c)
	}
	return c
}

// reports are of each kind of target, with what makes documents differ.
func reports() map[string]*gatehouse.Report {
	report := func(kind gatehouse.TargetKind, components ...gatehouse.Component) *gatehouse.Report {
		return &gatehouse.Report{Tool: gatehouse.Tool{Name: "gatehouse", Version: "1.0.0"},
			Target: gatehouse.TargetInfo{Kind: kind, Name: "services/shop", Digest: digest}, Components: components}
	}
	dir := report(gatehouse.TargetDir,
		component("pkg:npm/%40babel/core@7.0.0", "npm", "@babel/core", "7.0.0", "package-lock.json", func(c *gatehouse.Component) {
			c.Direct, c.Licenses, c.Hashes = true, []string{"MIT"}, []string{"sha512:" + strings.Repeat("ab", 64)}
			c.DependsOn = []string{"pkg:npm/lodash@4.17.20", "pkg:npm/left@1.0.0"}
			c.DetectedLicenses = []gatehouse.DetectedLicense{{License: "Apache-2.0", Location: gatehouse.Location{Path: "node_modules/@babel/core/LICENSE", Line: 1}, Confidence: 1}}
		}),
		component("pkg:npm/lodash@4.17.20", "npm", "lodash", "4.17.20", "package-lock.json", func(c *gatehouse.Component) {
			c.Licenses, c.Dev, c.Scope = []string{"(MIT OR Apache-2.0)"}, true, gatehouse.ScopeDev
		}),
		component("pkg:npm/lodash@4.17.20", "npm", "lodash", "4.17.20", "web/package-lock.json", func(c *gatehouse.Component) {
			c.Licenses, c.Direct, c.Scope = []string{"(MIT OR Apache-2.0)"}, true, gatehouse.ScopeRuntime
		}),
		component("pkg:npm/left@1.0.0", "npm", "left", "1.0.0", "package-lock.json", func(c *gatehouse.Component) {
			c.Licenses, c.Dev, c.Scope = []string{"SEE LICENSE IN license.md"}, true, gatehouse.ScopeTest
			c.DependsOn = []string{"pkg:npm/lodash@4.17.20", "pkg:npm/right@1.0.0"}
		}),
		component("pkg:npm/right@1.0.0", "npm", "right", "1.0.0", "package-lock.json", func(c *gatehouse.Component) {
			c.Licenses, c.Scope = []string{"GPL-2.0-only WITH Classpath-exception-2.0", "Custom"}, gatehouse.ScopeOptional
			c.DependsOn = []string{"pkg:npm/left@1.0.0"} // a cycle
		}),
		component("pkg:maven/org.x/y@1.0?type=jar", "maven", "org.x:y", "1.0", "pom.xml"),
		component("pkg:golang/github.com/burntsushi/toml@v1.0.0", "golang", "github.com/BurntSushi/toml", "v1.0.0", "go.mod", func(c *gatehouse.Component) {
			c.Direct, c.Hashes = true, []string{"h1:" + strings.Repeat("ab", 32)}
		}),
		component("pkg:pypi/no-version", "pypi", "no-version", "", "requirements.txt"),
	)
	gaps := report(gatehouse.TargetDir, component("pkg:npm/a@1.0.0", "npm", "a", "1.0.0", "package-lock.json"))
	gaps.Coverage.Gaps = []gatehouse.Gap{
		{Code: gatehouse.GapParse, Scanner: "sca", Path: "web/yarn.lock", Line: 7, Reason: "it is cut off"},
		{Code: gatehouse.GapUnreadable, Path: "secret", Reason: "permission denied"},
		{Code: gatehouse.GapDatabase, Scanner: "sca", Path: "package-lock.json", Reason: "1 package was not matched"},
		{Code: gatehouse.GapUnknown, Scanner: "iac", Path: "main.tf", Reason: "a value is not known"},
	}
	gaps.Coverage.Skipped = []gatehouse.Skip{{Path: "vendor/", Reason: "excluded by gatehouse.yaml: vendor/**"}, {Path: "link", Reason: "symbolic link"}}
	image := report(gatehouse.TargetImage,
		component("pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12", "deb", "libssl3", "3.0.11-1", "var/lib/dpkg/status", func(c *gatehouse.Component) {
			c.Installed, c.Source, c.Layer = true, "openssl 3.0.11-1", 1
			c.DependsOn = []string{"pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12"}
		}),
		component("pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12", "deb", "libc6", "2.36-9", "var/lib/dpkg/status", func(c *gatehouse.Component) {
			c.Installed, c.Source, c.Layer = true, "glibc 2.36-9", 1
		}),
		component("pkg:docker/library/debian@12", "docker", "library/debian", "12", "Dockerfile", func(c *gatehouse.Component) { c.Layer = 2 }),
	)
	image.Target.Name = "registry.example:5000/Team/App:1.2"
	image.Target.Image = &gatehouse.ImageInfo{Platforms: []gatehouse.ImagePlatform{{Platform: "linux/amd64", Digest: digest, Layers: []gatehouse.Layer{
		{Index: 1, Digest: digest, DiffID: digest, Instruction: "FROM debian", Base: true}, {Index: 2, Digest: digest, DiffID: digest, Instruction: `RUN echo "<&>"`},
	}, Base: &gatehouse.BaseImage{Name: "debian:12", By: "request"}}}}
	file := report(gatehouse.TargetFile, component("pkg:cargo/a@1.0.0", "cargo", "a", "1.0.0", "Cargo.lock"))
	file.Coverage.Files = []gatehouse.FileCoverage{{Path: "Cargo.lock", SHA256: strings.Repeat("0", 64)}}
	return map[string]*gatehouse.Report{"directory": dir, "gaps": gaps, "image": image, "file": file, "nothing": report(gatehouse.TargetDir)}
}

func write(t *testing.T, r *gatehouse.Report, f sbom.Format) []byte {
	t.Helper()
	data, err := sbom.New(r, sbom.Options{Scanner: "sca"}).Write(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func read(t *testing.T, data []byte) *sbom.Document {
	t.Helper()
	d, err := sbom.Read(data)
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, data)
	}
	return d
}

// The target is named by what it is: an image in a registry has a package URL.
func TestRoot(t *testing.T) {
	for _, tt := range []struct {
		report     string
		o          sbom.Options
		name, purl string
	}{
		{"image", sbom.Options{Repository: "registry.example:5000/Team/App"}, "App", "pkg:oci/app@" + digest + "?repository_url=registry.example:5000%2Fteam%2Fapp"},
		{"image", sbom.Options{}, "App", ""},
		{"directory", sbom.Options{}, "shop", ""},
		{"directory", sbom.Options{Name: "x"}, "x", ""},
	} {
		d := sbom.New(reports()[tt.report], tt.o)
		data, err := d.Write(sbom.CycloneDX)
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, data).Root
		if got.Name != tt.name || !strings.EqualFold(strings.ReplaceAll(got.Purl, "%3A", ":"), tt.purl) || len(got.Hashes) != 1 || got.Hashes[0] != digest {
			t.Errorf("%s: %q %q %q", tt.report, got.Name, got.Purl, got.Hashes)
		}
	}
}

// What is written is read back as it was: packages, licences, hashes, edges,
// scopes and sources.
func TestRoundTrip(t *testing.T) {
	for name, r := range reports() {
		want := sbom.New(r, sbom.Options{Scanner: "sca"})
		for _, f := range sbom.Formats() {
			got := read(t, write(t, r, f))
			if len(got.Problems) > 0 {
				t.Errorf("%s, %s: %v", name, f, got.Problems)
			}
			a, b := facts(want), facts(got)
			for _, line := range a {
				if !slices.Contains(b, line) {
					t.Errorf("%s, %s: lost %s", name, f, line)
				}
			}
			for _, line := range b {
				if !slices.Contains(a, line) {
					t.Errorf("%s, %s: there was no %s", name, f, line)
				}
			}
			if len(a) < len(r.Components) {
				t.Errorf("%s: only %d facts", name, len(a))
			}
		}
	}
}

// facts are what a document says, by package URL rather than by the ids of it.
func facts(d *sbom.Document) []string {
	purls := map[string]string{}
	for _, c := range d.Components {
		purls[c.ID] = c.Purl
	}
	lines := []string{}
	for _, c := range d.Components {
		add := func(format string, args ...any) {
			lines = append(lines, c.Purl+" "+fmt.Sprintf(format, args...))
		}
		add("is %s %s, direct %v, dev %v, scope %q, source %q", c.Name, c.Version, c.Direct, c.Dev, c.Scope, c.Source)
		licenses := slices.Clone(c.Licenses)
		for i, l := range licenses {
			if rest, ok := strings.CutPrefix(l, "("); ok {
				licenses[i] = strings.TrimSuffix(rest, ")")
			}
		}
		slices.Sort(licenses)
		for _, l := range licenses {
			add("has licence %s", l)
		}
		for _, h := range c.Hashes {
			if !strings.HasPrefix(h, "h1:") { // SPDX and CycloneDX have no such algorithm
				add("has hash %s", h)
			}
		}
		for _, id := range c.DependsOn {
			add("needs %s", purls[id])
		}
	}
	for _, text := range d.Incomplete {
		lines = append(lines, "lacks "+text)
	}
	return lines
}

func TestReproducible(t *testing.T) {
	for name, r := range reports() {
		for _, f := range sbom.Formats() {
			first := write(t, r, f)
			for range 5 {
				if !bytes.Equal(first, write(t, r, f)) {
					t.Errorf("%s, %s: other bytes", name, f)
				}
			}
			r.Target.Digest = strings.Replace(digest, "a", "b", 1)
			if id(first) == "" || id(first) == id(write(t, r, f)) {
				t.Errorf("%s, %s: another target has the same id %s", name, f, id(first))
			}
			r.Target.Digest = digest
		}
	}
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

func id(doc []byte) string { return string(uuid.Find(doc)) }

func TestTimestamp(t *testing.T) {
	r := reports()["directory"]
	for f, field := range map[sbom.Format]string{sbom.CycloneDX: `"timestamp": "2026-01-02T03:04:05Z"`, sbom.SPDX: `"created": "2026-01-02T03:04:05Z"`} {
		data, err := sbom.New(r, sbom.Options{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}).Write(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(data, []byte(field)) {
			t.Errorf("%s: no %s", f, field)
		}
	}
	if bytes.Contains(write(t, r, sbom.CycloneDX), []byte("timestamp")) {
		t.Error("there is a time that nobody asked for")
	}
}

// A document of which something is missing says so; one of which only the
// advisories are missing does not.
func TestIncomplete(t *testing.T) {
	r := reports()["gaps"]
	cdx, spdx := string(write(t, r, sbom.CycloneDX)), string(write(t, r, sbom.SPDX))
	for _, want := range []string{`"aggregate": "incomplete"`, "web/yarn.lock:7: it is cut off", "secret: permission denied", "vendor/: excluded by"} {
		if !strings.Contains(cdx, want) {
			t.Errorf("CycloneDX does not have %q", want)
		}
		if !strings.Contains(spdx, want) && !strings.Contains(want, "aggregate") {
			t.Errorf("SPDX does not have %q", want)
		}
	}
	for _, not := range []string{"not matched", "main.tf", "symbolic link"} {
		if strings.Contains(cdx+spdx, not) {
			t.Errorf("there is %q, which hides no package", not)
		}
	}
	if complete := string(write(t, reports()["directory"], sbom.CycloneDX)); !strings.Contains(complete, `"aggregate": "complete"`) {
		t.Error("a complete document does not say so")
	}
}

// The structure, checked by what the specifications demand rather than by their
// schemas.
func TestStructure(t *testing.T) {
	for name, r := range reports() {
		t.Run(name, func(t *testing.T) {
			var c struct {
				BOMFormat, SpecVersion, SerialNumber string
				Metadata                             struct {
					Component struct {
						Ref string `json:"bom-ref"`
					}
				}
				Components []struct {
					Ref        string `json:"bom-ref"`
					Type, Name string
					Licenses   []struct {
						License    *struct{ ID, Name string }
						Expression string
					}
				}
				Dependencies []struct {
					Ref       string
					DependsOn []string
				}
			}
			if err := json.Unmarshal(write(t, r, sbom.CycloneDX), &c); err != nil {
				t.Fatal(err)
			}
			if c.BOMFormat != "CycloneDX" || c.SpecVersion != "1.6" || !strings.HasPrefix(c.SerialNumber, "urn:uuid:") {
				t.Errorf("head: %+v", c)
			}
			refs := map[string]bool{c.Metadata.Component.Ref: true}
			for _, k := range c.Components {
				if k.Ref == "" || refs[k.Ref] || k.Name == "" || k.Type == "" {
					t.Errorf("component %+v: no name, no type, or no id of its own", k)
				}
				refs[k.Ref] = true
				for _, l := range k.Licenses {
					if l.Expression != "" && len(k.Licenses) > 1 || (l.Expression == "") == (l.License == nil) {
						t.Errorf("%s: an expression beside other licences", k.Ref)
					}
				}
			}
			seen := map[string]bool{}
			for _, d := range c.Dependencies {
				if seen[d.Ref] || !refs[d.Ref] {
					t.Errorf("the dependencies of %q stand twice, or it is not there", d.Ref)
				}
				seen[d.Ref] = true
				for _, to := range d.DependsOn {
					if !refs[to] {
						t.Errorf("%s needs %s, which is not there", d.Ref, to)
					}
				}
			}

			var s struct {
				SPDXVersion, DataLicense, SPDXID, Name, DocumentNamespace string
				CreationInfo                                              struct {
					Created  string
					Creators []string
				}
				Packages []struct {
					SPDXID, Name, DownloadLocation, LicenseDeclared string
				}
				HasExtractedLicensingInfos []struct{ LicenseID, ExtractedText string }
				Relationships              []struct{ SPDXElementID, RelationshipType, RelatedSPDXElement string }
			}
			if err := json.Unmarshal(write(t, r, sbom.SPDX), &s); err != nil {
				t.Fatal(err)
			}
			if s.SPDXVersion != "SPDX-2.3" || s.DataLicense != "CC0-1.0" || s.SPDXID != "SPDXRef-DOCUMENT" || s.Name == "" || !strings.HasPrefix(s.DocumentNamespace, "https://") || len(s.CreationInfo.Creators) == 0 {
				t.Errorf("head: %+v", s)
			}
			ids := map[string]bool{"SPDXRef-DOCUMENT": true, "NONE": true, "NOASSERTION": true}
			for _, p := range s.Packages {
				if !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(p.SPDXID) || ids[p.SPDXID] || p.DownloadLocation == "" || p.Name == "" {
					t.Errorf("package %+v", p)
				}
				ids[p.SPDXID] = true
				for _, word := range strings.Fields(strings.NewReplacer("(", "", ")", "").Replace(p.LicenseDeclared)) {
					if strings.HasPrefix(word, "LicenseRef-") && !slices.ContainsFunc(s.HasExtractedLicensingInfos, func(l struct{ LicenseID, ExtractedText string }) bool {
						return l.LicenseID == word && l.ExtractedText != ""
					}) {
						t.Errorf("%s is not defined", word)
					}
				}
			}
			for _, e := range s.Relationships {
				if !ids[e.SPDXElementID] || !ids[e.RelatedSPDXElement] || e.RelationshipType == "" {
					t.Errorf("relationship %+v: something is not there", e)
				}
			}
		})
	}
}
