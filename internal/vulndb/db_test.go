package vulndb_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/builder"
)

var testNow = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

var (
	ghsaNpm = builder.Source{Source: vulndb.Source{ID: "ghsa", Name: "GitHub Security Advisory npm", URL: "https://github.com/advisories"}, License: "CC-BY-4.0"}
	osvNpm  = builder.Source{Source: vulndb.Source{ID: "osv", Name: "OSV npm"}}
	ghsaPip = builder.Source{Source: vulndb.Source{ID: "ghsa", Name: "GitHub Security Advisory pip"}, License: "CC-BY-4.0"}
)

// writeTestDB builds a small database and returns its directory.
func writeTestDB(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	b, err := builder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	add := func(src builder.Source, ecosystem, entry, pkg string, a vulndb.Advisory, d vulndb.Detail) {
		t.Helper()
		e, ok, err := b.Entry(src.Source, entry, testNow, d)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if err := e.Advisory(ecosystem, src, pkg, a); err != nil {
			t.Fatal(err)
		}
	}
	high := map[string]gatehouse.Severity{"ghsa": gatehouse.SeverityHigh}
	add(ghsaNpm, "npm", "GHSA-aaaa-bbbb-cccc", "Lodash",
		vulndb.Advisory{ID: "CVE-2021-0001", Aliases: []string{"GHSA-aaaa-bbbb-cccc"}, VulnerableVersions: []string{"<4.17.21"}, PatchedVersions: []string{"4.17.21"}},
		vulndb.Detail{Title: "Command injection", Description: "Long.", VendorSeverity: high, CVSS: map[string]vulndb.CVSS{"ghsa": {V3Vector: "CVSS:3.1/x", V3Score: 7.2}}, References: []string{"https://b", "https://a"}, CWEs: []string{"CWE-94"}, Published: testNow})
	// A second entry for the same CVE and package must not hide the first.
	add(ghsaNpm, "npm", "GHSA-dddd-eeee-ffff", "lodash",
		vulndb.Advisory{ID: "CVE-2021-0001", Aliases: []string{"GHSA-dddd-eeee-ffff"}, VulnerableVersions: []string{">=5.0.0, <5.1.0"}},
		vulndb.Detail{Title: "Again", VendorSeverity: map[string]gatehouse.Severity{"ghsa": gatehouse.SeverityLow}})
	add(osvNpm, "npm", "OSV-1", "lodash",
		vulndb.Advisory{ID: "CVE-2021-0001", VulnerableVersions: []string{"<4.17.20"}},
		vulndb.Detail{Title: "Other words", VendorSeverity: map[string]gatehouse.Severity{"osv": gatehouse.SeverityCritical}})
	add(ghsaPip, "pip", "GHSA-1111-2222-3333", "Zope_Thing",
		vulndb.Advisory{ID: "GHSA-1111-2222-3333", VulnerableVersions: []string{"<2"}}, vulndb.Detail{})
	if _, err := b.Finish(vulndb.Metadata{Version: 2, UpdatedAt: testNow, DownloadedAt: testNow}, vulndb.Manifest{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func openTestDB(t testing.TB, dir string) *vulndb.DB {
	t.Helper()
	db, err := vulndb.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestAdvisories(t *testing.T) {
	db := openTestDB(t, writeTestDB(t))
	got, err := db.Advisories("npm", "LODASH")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, a := range got {
		ids = append(ids, a.Source.ID+" "+a.ID+" "+strings.Join(a.VulnerableVersions, "|")+" "+strings.Join(a.Aliases, ","))
	}
	want := []string{
		"ghsa CVE-2021-0001 <4.17.21 GHSA-aaaa-bbbb-cccc",
		"ghsa GHSA-dddd-eeee-ffff >=5.0.0, <5.1.0 CVE-2021-0001",
		"osv CVE-2021-0001 <4.17.20 ",
	}
	if strings.Join(ids, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(ids, "\n"), strings.Join(want, "\n"))
	}
	if got, err := db.Advisories("pip", "zope-thing"); err != nil || len(got) != 1 {
		t.Errorf("pip name normalisation: got %v, %v", got, err)
	}
	if got, err := db.Advisories("npm", "left-pad"); err != nil || got != nil {
		t.Errorf("unknown package: got %v, %v", got, err)
	}
	if got, err := db.Advisories("cargo", "time"); err != nil || got != nil {
		t.Errorf("unknown ecosystem: got %v, %v", got, err)
	}
	n := 0
	for a, err := range db.All("npm") {
		if err != nil || a.Package != "lodash" {
			t.Errorf("All: got %v, %v", a, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("All yields %d advisories, want 3", n)
	}
	counts, err := db.Ecosystems()
	if err != nil || counts["npm"] != 3 || counts["pip"] != 1 || len(counts) != 2 {
		t.Errorf("Ecosystems: got %v, %v", counts, err)
	}
	if info := db.Info(); info.Advisories != 4 || info.UpdatedAt != "2026-11-25T12:00:00Z" || len(info.Sources) != 3 || !strings.HasPrefix(info.Digest, "sha256:") {
		t.Errorf("Info: got %+v", info)
	}
}

func TestDetails(t *testing.T) {
	db := openTestDB(t, writeTestDB(t))
	d, ok, err := db.Details("CVE-2021-0001")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if d.Title != "Command injection" || d.Description != "Long." || d.Severity != gatehouse.SeverityHigh || d.Score() != 7.2 ||
		strings.Join(d.References, " ") != "https://a https://b" || d.CWEs[0] != "CWE-94" || !d.Published.Equal(testNow) {
		t.Errorf("got %+v", d)
	}
	if s := d.SeverityOf("osv"); s != gatehouse.SeverityCritical {
		t.Errorf("severity by osv is %s", s)
	}
	if s := d.SeverityOf("other"); s != gatehouse.SeverityHigh {
		t.Errorf("severity for a source without one is %s", s)
	}
	if d, ok, err := db.Details("GHSA-dddd-eeee-ffff"); err != nil || !ok || d.Title != "Again" {
		t.Errorf("details of the moved entry: got %+v, %v, %v", d, ok, err)
	}
	if _, ok, err := db.Details("CVE-0000-0000"); ok || err != nil {
		t.Errorf("unknown id: got %v, %v", ok, err)
	}
}

func TestOpenErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nowhere")
	empty := t.TempDir()
	tests := []struct {
		name   string
		dir    string
		damage func(dir string) error
		want   error
		words  string
	}{
		{"missing directory", missing, nil, vulndb.ErrNotFound, "db import"},
		{"missing file", empty, nil, vulndb.ErrNotFound, "db pull"},
		{"schema", "", func(d string) error {
			return os.WriteFile(filepath.Join(d, "metadata.json"), []byte(`{"Version":1}`), 0o644)
		}, vulndb.ErrSchema, "schema version 1, want 2"},
		{"no metadata", "", func(d string) error { return os.Remove(filepath.Join(d, "metadata.json")) }, nil, "age"},
		{"broken metadata", "", func(d string) error {
			return os.WriteFile(filepath.Join(d, "metadata.json"), []byte(`{`), 0o644)
		}, nil, "metadata.json"},
		{"truncated", "", func(d string) error { return os.Truncate(filepath.Join(d, "trivy.db"), 5000) }, vulndb.ErrCorrupt, "truncated"},
		{"no bytes", "", func(d string) error { return os.Truncate(filepath.Join(d, "trivy.db"), 0) }, vulndb.ErrCorrupt, "truncated"},
		{"grown", "", func(d string) error { return os.Truncate(filepath.Join(d, "trivy.db"), 1<<20) }, vulndb.ErrCorrupt, "gatehouse.json says"},
		{"other file", "", func(d string) error {
			return os.WriteFile(filepath.Join(d, "trivy.db"), []byte(strings.Repeat("no database ", 9999)), 0o644)
		}, vulndb.ErrCorrupt, "does not match its hash"},
		{"directory", "", func(d string) error {
			p := filepath.Join(d, "trivy.db")
			return errors.Join(os.Remove(p), os.Mkdir(p, 0o755))
		}, nil, "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tt.dir
			if dir == "" {
				dir = writeTestDB(t)
				if err := tt.damage(dir); err != nil {
					t.Fatal(err)
				}
			}
			db, err := vulndb.Open(dir)
			if err == nil {
				db.Close()
				t.Fatal("no error")
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if !strings.Contains(err.Error(), tt.words) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %q does not say %q and the directory", err, tt.words)
			}
		})
	}
}

// TestSystems: bulletins about one problem of a package become one advisory,
// and the products of Red Hat are no operating system.
func TestSystems(t *testing.T) {
	dir := t.TempDir()
	b, err := builder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	debian := builder.Source{Source: vulndb.Source{ID: "debian", Name: "Debian Security Tracker"}}
	for _, e := range []struct {
		entry, ecosystem string
		a                vulndb.Advisory
	}{
		{"DEBIAN-CVE-2026-1", "debian 12", vulndb.Advisory{ID: "CVE-2026-1", FixedVersion: "1.0-9", VulnerableVersions: []string{"<1.0-9"}, Bulletins: []string{"DEBIAN-CVE-2026-1"}}},
		{"DSA-1-1", "debian 12", vulndb.Advisory{ID: "CVE-2026-1", FixedVersion: "1.0-9", VulnerableVersions: []string{"<1.0-9"}, Bulletins: []string{"DSA-1-1"}}},
		{"DSA-1-2", "debian 12", vulndb.Advisory{ID: "CVE-2026-1", FixedVersion: "1.0-10", VulnerableVersions: []string{"<1.0-10"}, Bulletins: []string{"DSA-1-2"}}},
		{"x", "Red Hat CPE", vulndb.Advisory{ID: "no advisory"}},
	} {
		in, ok, err := b.Entry(debian.Source, e.entry, testNow, vulndb.Detail{})
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if err := in.Advisory(e.ecosystem, debian, "x", e.a); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Finish(vulndb.Metadata{Version: 2, UpdatedAt: testNow, DownloadedAt: testNow}, vulndb.Manifest{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, vulndb.ManifestName)); err != nil { // as another program leaves it
		t.Fatal(err)
	}
	db := openTestDB(t, dir)
	if got := db.Systems(); len(got) != 1 || got[0] != "debian 12" {
		t.Errorf("systems %q", got)
	}
	got, err := db.Advisories("debian 12", "x")
	if err != nil || len(got) != 1 || got[0].FixedVersion != "1.0-10" || strings.Join(got[0].Bulletins, " ") != "DSA-1-1 DSA-1-2" || len(got[0].VulnerableVersions) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}
