package osvuln_test

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
	"github.com/gatehouse-sec/gatehouse/internal/osvuln"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// memory is a database by ecosystem and name.
type memory struct {
	advisories map[string]map[string][]vulndb.Advisory
	details    map[string]vulndb.Detail
}

func (m *memory) Advisories(ecosystem, name string) ([]vulndb.Advisory, error) {
	return m.advisories[ecosystem][name], nil
}

func (m *memory) Details(id string) (vulndb.Detail, bool, error) {
	d, ok := m.details[id]
	return d, ok, nil
}

func (m *memory) All(ecosystem string) iter.Seq2[vulndb.PackageAdvisory, error] {
	return func(yield func(vulndb.PackageAdvisory, error) bool) {
		for name, list := range m.advisories[ecosystem] {
			for _, a := range list {
				if !yield(vulndb.PackageAdvisory{Package: name, Advisory: a}, nil) {
					return
				}
			}
		}
	}
}

func TestSystemOf(t *testing.T) {
	for _, c := range []struct {
		release   ospkg.Release
		manager   ospkg.Kind
		ecosystem string
		reason    string
	}{
		{ospkg.Release{ID: "debian", Version: "12"}, ospkg.Dpkg, "debian 12", ""},
		{ospkg.Release{ID: "debian", Version: "10.1"}, ospkg.Dpkg, "debian 10", ""},
		{ospkg.Release{ID: "debian", Codename: "trixie/sid"}, ospkg.Dpkg, "debian 13", ""},
		{ospkg.Release{ID: "debian"}, ospkg.Dpkg, "", "which release"},
		{ospkg.Release{ID: "ubuntu", Version: "22.04"}, ospkg.Dpkg, "ubuntu 22.04", ""},
		{ospkg.Release{ID: "alpine", Version: "3.20.3"}, ospkg.APK, "alpine 3.20", ""},
		{ospkg.Release{ID: "alpine", Version: "3.21.0_alpha20240807"}, ospkg.APK, "alpine edge", ""},
		{ospkg.Release{ID: "wolfi", Version: "20230201"}, ospkg.APK, "wolfi", ""},
		{ospkg.Release{ID: "rocky", Version: "8.5"}, ospkg.RPM, "rocky 8", ""},
		{ospkg.Release{ID: "amzn", Version: "2018.03"}, ospkg.RPM, "amazon linux 1", ""},
		{ospkg.Release{ID: "amzn", Version: "2023.6"}, ospkg.RPM, "amazon linux 2023", ""},
		{ospkg.Release{ID: "sles", Version: "15.5"}, ospkg.RPM, "SUSE Linux Enterprise 15.5", ""},
		{ospkg.Release{ID: "opensuse-tumbleweed", Version: "20240101"}, ospkg.RPM, "openSUSE Tumbleweed", ""},
		{ospkg.Release{ID: "mariner", Version: "1.0.20210127"}, ospkg.RPM, "CBL-Mariner 1.0", ""},
		{ospkg.Release{ID: "centos", Version: "7"}, ospkg.RPM, "Red Hat 7", ""},
		{ospkg.Release{ID: "openeuler", Version: "22.03", Name: "openEuler 22.03 (LTS-SP1)"}, ospkg.RPM, "openeuler 22.03-LTS-SP1", ""},
		{ospkg.Release{ID: "linuxmint", Version: "21", Like: []string{"ubuntu", "debian"}}, ospkg.Dpkg, "", "made from ubuntu"},
		{ospkg.Release{ID: "alpine", Version: "3.20"}, ospkg.Dpkg, "", "of dpkg, and the advisories of Alpine are about those of apk"},
		{ospkg.Release{}, ospkg.RPM, "", "no file says which operating system it is"},
	} {
		s, err := osvuln.Of(c.release, c.manager)
		if c.reason != "" {
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%+v: error %v, want %q", c.release, err, c.reason)
			}
			continue
		}
		if err != nil || s.Ecosystem != c.ecosystem {
			t.Errorf("%+v: %q, %v, want %q", c.release, s.Ecosystem, err, c.ecosystem)
		}
		if n := osvuln.Named(c.ecosystem); n == nil || n.Manager != c.manager {
			t.Errorf("%q is not found by its name", c.ecosystem)
		}
	}
}

func fixed(id, version string) vulndb.Advisory { return vulndb.Advisory{ID: id, FixedVersion: version} }

// TestNames: which name and version of a package advisories are about.
func TestNames(t *testing.T) {
	lib := ospkg.Package{Name: "libx1", Version: "1:2.0-1+b1", Source: "x", SourceVersion: "1:2.0-1", Arch: "amd64"}
	mod := ospkg.Package{Name: "npm", Version: "1:8.0-1.module_el8", Source: "nodejs", SourceVersion: "16.0-1.module_el8", Module: "nodejs:16:80:f", Arch: "x86_64"}
	perl := []ospkg.Package{ // the epoch of the source is that of its own package
		{Name: "perl", Version: "4:5.26-1", Source: "perl", SourceVersion: "5.26-1"},
		{Name: "perl-Errno", Version: "1.28-1", Source: "perl", SourceVersion: "5.26-1"},
	}
	for _, c := range []struct {
		name     string
		release  ospkg.Release
		manager  ospkg.Kind
		packages []ospkg.Package
		eco, pkg string
		advisory vulndb.Advisory
		want     string
	}{
		{"source of Debian", ospkg.Release{ID: "debian", Version: "12"}, ospkg.Dpkg, []ospkg.Package{lib}, "debian 12", "x", fixed("CVE-1", "1:2.0-2"), "libx1"},
		{"a rebuild is no newer source", ospkg.Release{ID: "debian", Version: "12"}, ospkg.Dpkg, []ospkg.Package{lib}, "debian 12", "x", fixed("CVE-1", "1:2.0-1"), ""},
		{"Debian has no advisories about binaries", ospkg.Release{ID: "debian", Version: "12"}, ospkg.Dpkg, []ospkg.Package{lib}, "debian 12", "libx1", fixed("CVE-1", "1:2.0-2"), ""},
		{"without a fix", ospkg.Release{ID: "debian", Version: "12"}, ospkg.Dpkg, []ospkg.Package{lib}, "debian 12", "x", vulndb.Advisory{ID: "CVE-1", Status: "will_not_fix"}, "libx1"},
		{"not affected", ospkg.Release{ID: "debian", Version: "12"}, ospkg.Dpkg, []ospkg.Package{lib}, "debian 12", "x", vulndb.Advisory{ID: "CVE-1", Status: "not_affected"}, ""},
		{"between two versions", ospkg.Release{ID: "debian", Version: "12"}, ospkg.Dpkg, []ospkg.Package{lib}, "debian 12", "x", vulndb.Advisory{ID: "CVE-1", VulnerableVersions: []string{">=1:3.0, <1:4.0"}}, ""},
		{"module", ospkg.Release{ID: "almalinux", Version: "8.5"}, ospkg.RPM, []ospkg.Package{mod}, "alma 8", "nodejs:16::npm", fixed("CVE-1", "1:8.1-1"), "npm"},
		{"another stream", ospkg.Release{ID: "almalinux", Version: "8.5"}, ospkg.RPM, []ospkg.Package{mod}, "alma 8", "nodejs:18::npm", fixed("CVE-1", "1:8.1-1"), ""},
		{"source of Rocky", ospkg.Release{ID: "rocky", Version: "8.5"}, ospkg.RPM, perl, "rocky 8", "perl", fixed("CVE-1", "4:5.26-2"), "perl,perl-Errno"},
		{"source of Rocky, fixed", ospkg.Release{ID: "rocky", Version: "8.5"}, ospkg.RPM, perl, "rocky 8", "perl", fixed("CVE-1", "4:5.26-1"), ""},
		{"another architecture", ospkg.Release{ID: "rocky", Version: "8.5"}, ospkg.RPM, []ospkg.Package{mod}, "rocky 8", "nodejs:16::npm", vulndb.Advisory{ID: "CVE-1", FixedVersion: "1:9", Arches: []string{"aarch64"}}, ""},
		{"a build for customers", ospkg.Release{ID: "ubuntu", Version: "18.04"}, ospkg.Dpkg, []ospkg.Package{{Name: "x", Version: "1.0-1+esm1", Source: "x", SourceVersion: "1.0-1+esm1"}}, "ubuntu 18.04-ESM", "x", fixed("CVE-1", "1.0-1+esm2"), "x"},
		{"a flavour of Oracle", ospkg.Release{ID: "ol", Version: "8"}, ospkg.RPM, []ospkg.Package{{Name: "x", Version: "1.0-1.el8", Source: "x", SourceVersion: "1.0-1.el8"}}, "Oracle Linux 8", "x", fixed("CVE-1", "1.0-2.el8_fips"), ""},
	} {
		db := &memory{advisories: map[string]map[string][]vulndb.Advisory{c.eco: {c.pkg: {c.advisory}}}}
		s, err := osvuln.Of(c.release, c.manager)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Match(t.Context(), db, c.packages)
		if err != nil || len(r.Gaps) > 0 {
			t.Errorf("%s: gaps %v, %v", c.name, r.Gaps, err)
		}
		var got []string
		for _, f := range r.Findings {
			got = append(got, c.packages[f.Package].Name)
		}
		if strings.Join(got, ",") != c.want {
			t.Errorf("%s: found in %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFinding(t *testing.T) {
	db := &memory{
		advisories: map[string]map[string][]vulndb.Advisory{"debian 12": {"openssl": {
			{ID: "CVE-1", FixedVersion: "3.0.12-1~deb12u1", Bulletins: []string{"DSA-5678-1"}, Source: vulndb.Source{ID: "debian", Name: "Debian"}, Severity: gatehouse.SeverityLow},
			{ID: "CVE-2", Status: "will_not_fix", Source: vulndb.Source{ID: "debian", Name: "Debian"}},
			{ID: "CVE-3", FixedVersion: "not a version"},
		}}},
		details: map[string]vulndb.Detail{
			"CVE-1": {Title: "A title.", Severity: gatehouse.SeverityCritical},
			"CVE-2": {Severity: gatehouse.SeverityHigh, VendorSeverity: map[string]gatehouse.Severity{"debian": gatehouse.SeverityMedium, "nvd": gatehouse.SeverityHigh}},
		},
	}
	s, err := osvuln.Of(ospkg.Release{ID: "debian", Version: "12"}, ospkg.Dpkg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Match(t.Context(), db, []ospkg.Package{{Name: "libssl3", Version: "3.0.11-1~deb12u2", Source: "openssl", SourceVersion: "3.0.11-1~deb12u2", Arch: "amd64", Line: 7}})
	if err != nil || len(r.Findings) != 2 || len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, "CVE-3 about openssl could not be compared") {
		t.Fatalf("%+v, %v", r, err)
	}
	one, two := r.Findings[0], r.Findings[1]
	if one.Severity != gatehouse.SeverityLow || two.Severity != gatehouse.SeverityMedium {
		t.Errorf("severities %s and %s are not those of the vendor", one.Severity, two.Severity)
	}
	if want := "libssl3 3.0.11-1~deb12u2, built from openssl, is affected by CVE-1 (A title); fixed in 3.0.12-1~deb12u1 (DSA-5678-1)"; one.Message != want {
		t.Errorf("message\n%s\nwant\n%s", one.Message, want)
	}
	if !strings.Contains(one.Fix, "--only-upgrade libssl3") || one.Location.Line != 7 || one.Vulnerability.Package.Purl != "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12" {
		t.Errorf("%+v", one)
	}
	if !strings.HasSuffix(two.Message, "; Debian will not fix it") || !strings.HasPrefix(two.Fix, "Debian will not fix it: remove libssl3") || two.Vulnerability.Status != "will_not_fix" || len(two.Vulnerability.FixedVersions) > 0 {
		t.Errorf("%+v", two)
	}
}

// TestNotMatched: what cannot be compared is a gap.
func TestNotMatched(t *testing.T) {
	db := &memory{advisories: map[string]map[string][]vulndb.Advisory{
		"alma 8":  {"npm": {fixed("CVE-1", "9")}},
		"rocky 9": {"x": {fixed("CVE-1", "9")}},
	}}
	for _, c := range []struct {
		release ospkg.Release
		p       ospkg.Package
		want    string
	}{
		{ospkg.Release{ID: "almalinux", Version: "8"}, ospkg.Package{Name: "npm", Version: "8-1.module_el8"}, "of which stream of its module"},
		{ospkg.Release{ID: "rocky", Version: "9"}, ospkg.Package{Name: "x", Version: "a b"}, "could not be compared"},
		{ospkg.Release{ID: "rocky", Version: "9"}, ospkg.Package{Name: "x", Version: "1", Vendor: "Fedora Project"}, `1 package was built by "Fedora Project"`},
	} {
		s, _ := osvuln.Of(c.release, ospkg.RPM)
		r, err := s.Match(t.Context(), db, []ospkg.Package{c.p})
		if err != nil || len(r.Findings) > 0 || len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, c.want) {
			t.Errorf("%+v: %+v, %v", c.p, r, err)
		}
	}
}

func TestComponents(t *testing.T) {
	s, _ := osvuln.Of(ospkg.Release{ID: "rocky", Version: "8.5"}, ospkg.RPM)
	list := s.Components([]ospkg.Package{
		{Name: "openssl-libs", Version: "1:1.1.1k-5.el8_5", Arch: "x86_64", DependsOn: []string{"glibc", "libz.so.1"}},
		{Name: "glibc", Version: "2.28-1.el8", Arch: "x86_64"},
	})
	if list[0].Purl != "pkg:rpm/rocky/openssl-libs@1.1.1k-5.el8_5?arch=x86_64&distro=rocky-8.5&epoch=1" || !slices.Equal(list[0].DependsOn, []string{list[1].Purl}) || !list[0].Installed {
		t.Errorf("%+v", list[0])
	}
}

func TestEndOfLife(t *testing.T) {
	for ecosystem, want := range map[string]string{"debian 10": "2024-06-30", "alpine 3.18": "2025-05-09", "wolfi": "", "debian 99": ""} {
		if got := osvuln.Named(ecosystem).EndOfLife(); got != want {
			t.Errorf("%s ends on %q, want %q", ecosystem, got, want)
		}
	}
}

// TestFinds: a database that finds nothing of what it has is noticed.
func TestFinds(t *testing.T) {
	for _, c := range []struct {
		eco, pkg string
		a        vulndb.Advisory
		want     bool
	}{
		{"debian 12", "x", fixed("CVE-1", "2.0"), true},
		{"debian 12", "x", vulndb.Advisory{ID: "CVE-1", VulnerableVersions: []string{">=5.0-1, <6.0-1"}}, true},
		{"alpine 3.20", "x", fixed("CVE-1", "2.0-r1"), true},
		{"alpine 3.20", "x", fixed("CVE-1", "0"), false},
		{"rocky 8", "nodejs:16::npm", vulndb.Advisory{ID: "CVE-1", FixedVersion: "2", Arches: []string{"x86_64"}}, true},
		{"Oracle Linux 8", "x", fixed("CVE-1", "nonsense :"), false},
	} {
		db := &memory{advisories: map[string]map[string][]vulndb.Advisory{c.eco: {c.pkg: {c.a}}}}
		if got, err := osvuln.Named(c.eco).Finds(db); err != nil || got != c.want {
			t.Errorf("%s %+v: %v, %v", c.eco, c.a, got, err)
		}
	}
}
