package osvuln_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
	"github.com/gatehouse-sec/gatehouse/internal/osvuln"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

type pair struct {
	Bucket string
	Pairs  []pair
	Key    string
	Value  yaml.Node
}

// readFixtures reads advisories in the form of trivy's fixtures.
func readFixtures(t *testing.T, dir string) *memory {
	db := &memory{advisories: map[string]map[string][]vulndb.Advisory{}, details: map[string]vulndb.Detail{}}
	files, _ := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if len(files) == 0 {
		t.Fatalf("no advisories in %s", dir)
	}
	statuses := []string{"", "not_affected", "affected", "fixed", "under_investigation", "will_not_fix", "fix_deferred", "end_of_life"}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var buckets []pair
		if err := yaml.Unmarshal(data, &buckets); err != nil {
			t.Fatal(err)
		}
		for _, b := range buckets {
			if !vulndb.IsSystem(b.Bucket) || strings.HasPrefix(b.Bucket, "Red Hat") {
				continue
			}
			if db.advisories[b.Bucket] == nil {
				db.advisories[b.Bucket] = map[string][]vulndb.Advisory{}
			}
			for _, pkg := range b.Pairs {
				for _, p := range pkg.Pairs {
					var v struct {
						FixedVersion string  `yaml:"FixedVersion"`
						Status       float64 `yaml:"Status"`
						Entries      []struct {
							FixedVersion string   `yaml:"FixedVersion"`
							Arches       []string `yaml:"Arches"`
						} `yaml:"Entries"`
					}
					if err := p.Value.Decode(&v); err != nil {
						t.Fatal(err)
					}
					a := vulndb.Advisory{ID: strings.TrimSpace(p.Key), FixedVersion: v.FixedVersion, Status: statuses[int(v.Status)]}
					list := []vulndb.Advisory{a}
					if len(v.Entries) > 0 {
						list = nil
						for _, e := range v.Entries {
							a.FixedVersion, a.Arches = e.FixedVersion, e.Arches
							list = append(list, a)
						}
					}
					db.advisories[b.Bucket][pkg.Bucket] = append(db.advisories[b.Bucket][pkg.Bucket], list...)
				}
			}
		}
	}
	return db
}

// osID is trivy's name of a system as os-release has it.
var osID = map[string]string{"alma": "almalinux", "oracle": "ol", "amazon": "amzn", "cbl-mariner": "mariner", "slem": "sl-micro", "centos": "", "redhat": ""}

// sources of the packages in the goldens that are called otherwise.
var sources = map[string]string{
	"libcrypto1.1": "openssl", "libssl1.1": "openssl", "musl-utils": "musl", "libidn2-0": "libidn2", "e2fslibs": "e2fsprogs", "libcomerr2": "e2fsprogs",
	"libss2": "e2fsprogs", "libcom-err2": "e2fsprogs", "libext2fs2": "e2fsprogs", "curl-libs": "curl",
}

// TestGoldens: of each vulnerable package in trivy's goldens the same is found,
// with the same fixed versions and states.
func TestGoldens(t *testing.T) {
	data := os.Getenv("QUALITY_DATA")
	if data == "" {
		t.Skip("QUALITY_DATA is not set: NOT comparing with real data")
	}
	db := readFixtures(t, filepath.Join(data, "sca/trivy/fixtures/db"))
	files, _ := filepath.Glob(filepath.Join(data, "sca/trivy/golden/*.json.golden"))
	compared := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var g struct {
			Metadata struct {
				OS struct{ Family, Name string }
			}
			Results []struct {
				Class           string
				Vulnerabilities []struct{ VulnerabilityID, PkgName, InstalledVersion, FixedVersion, Status string }
			}
		}
		if json.Unmarshal(raw, &g) != nil {
			continue
		}
		id, renamed := osID[g.Metadata.OS.Family]
		if !renamed {
			id = g.Metadata.OS.Family
		}
		// These leave something out on purpose.
		if id == "" || id == "none" || strings.Contains(file, "ignore") || strings.Contains(file, "high-critical") {
			continue
		}
		release, _, _ := strings.Cut(strings.TrimPrefix(g.Metadata.OS.Name, "AMI release "), " ")
		manager := ospkg.RPM
		switch id {
		case "debian", "ubuntu":
			manager = ospkg.Dpkg
		case "alpine":
			manager = ospkg.APK
		}
		s, err := osvuln.Of(ospkg.Release{ID: id, Version: release}, manager)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		// This image takes its packages from edge, which only a list of
		// repositories says.
		if strings.Contains(file, "alpine-distroless") {
			s = osvuln.Named("alpine edge")
		}
		want, seen := []string{}, map[string]bool{}
		var packages []ospkg.Package
		for _, r := range g.Results {
			if r.Class != "os-pkgs" {
				continue
			}
			for _, v := range r.Vulnerabilities {
				status := v.Status
				if v.FixedVersion != "" {
					status = "fixed"
				}
				want = append(want, fmt.Sprintf("%s %s %s %s", v.PkgName, v.VulnerabilityID, v.FixedVersion, status))
				if seen[v.PkgName] {
					continue
				}
				seen[v.PkgName] = true
				p := ospkg.Package{Name: v.PkgName, Version: v.InstalledVersion, Source: v.PkgName, SourceVersion: v.InstalledVersion, Arch: "x86_64"}
				if source := sources[v.PkgName]; source != "" {
					p.Source = source
				}
				packages = append(packages, p)
			}
		}
		r, err := s.Match(t.Context(), db, packages)
		if err != nil || len(r.Gaps) > 0 {
			t.Errorf("%s: gaps %v, %v", file, r.Gaps, err)
		}
		var got []string
		for _, f := range r.Findings {
			fixed, status := "", f.Vulnerability.Status
			if len(f.Vulnerability.FixedVersions) > 0 {
				fixed, status = strings.TrimPrefix(f.Vulnerability.FixedVersions[0], "0:"), "fixed"
			}
			if status == "" {
				status = "affected"
			}
			got = append(got, fmt.Sprintf("%s %s %s %s", f.Vulnerability.Package.Name, f.Rule, fixed, status))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", filepath.Base(file), got, want)
		}
		compared += len(want)
	}
	if compared < 30 {
		t.Fatalf("only %d findings were compared", compared)
	}
	t.Logf("%d findings are those of the goldens", compared)
}
