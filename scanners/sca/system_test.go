package sca_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

const (
	dpkgStatus = "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.11-1\nDepends: libc6\n\n" +
		"Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.36-9\n\n"
	bookworm = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"
)

func systemDB() *memoryDB {
	db := testDB()
	db.updated = "2026-01-01T00:00:00Z"
	for _, eco := range []string{"debian 12", "debian 10"} {
		db.add(eco, "openssl", vulndb.Advisory{ID: "CVE-2024-1", FixedVersion: "3.0.12-1", Source: vulndb.Source{ID: "debian", Name: "Debian"}})
	}
	return db
}

func TestSystem(t *testing.T) {
	for name, c := range map[string]struct {
		files    map[string]string
		findings int
		gap      string // in the reason of the only one
	}{
		"root":              {map[string]string{"var/lib/dpkg/status": dpkgStatus, "usr/lib/os-release": bookworm}, 1, ""},
		"below a root":      {map[string]string{"a/rootfs/var/lib/dpkg/status": dpkgStatus, "a/rootfs/etc/os-release": bookworm, "etc/os-release": "ID=alpine\nVERSION_ID=3.20.1\n"}, 1, ""},
		"distroless":        {map[string]string{"var/lib/dpkg/status.d/libssl3": strings.ReplaceAll(dpkgStatus, "Status: install ok installed\n", ""), "etc/os-release": bookworm}, 1, ""},
		"end of life":       {map[string]string{"var/lib/dpkg/status": dpkgStatus, "etc/os-release": strings.Replace(bookworm, `"12"`, `"10"`, 1)}, 1, "Debian 10 reached its end of life on 2024-06-30"},
		"not in it":         {map[string]string{"var/lib/dpkg/status": dpkgStatus, "etc/os-release": strings.Replace(bookworm, `"12"`, `"13"`, 1)}, 0, "2 packages were not matched: the vulnerability database has no advisories for Debian 13"},
		"unknown":           {map[string]string{"var/lib/dpkg/status": dpkgStatus, "etc/os-release": "ID=own\nPRETTY_NAME=Own\nID_LIKE=debian\n"}, 0, "no source of advisories is known for Own; it is made from debian"},
		"no release":        {map[string]string{"var/lib/dpkg/status": dpkgStatus}, 0, "no file says which operating system it is"},
		"other manager":     {map[string]string{"lib/apk/db/installed": "P:musl\nV:1.2.4-r2\nA:x86_64\n", "etc/os-release": bookworm}, 0, "they are packages of apk"},
		"nothing":           {map[string]string{"var/lib/dpkg/status": "", "etc/os-release": bookworm}, 0, ""},
		"damaged":           {map[string]string{"var/lib/rpm/rpmdb.sqlite": "garbage", "etc/os-release": "ID=rocky\nVERSION_ID=9.1\n"}, 0, "no database of rpm"},
		"a journal is left": {map[string]string{"var/lib/rpm/rpmdb.sqlite": "", "var/lib/rpm/rpmdb.sqlite-wal": "x", "etc/os-release": bookworm}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := scannertest.Scan(t, newScanner(t, systemDB()), c.files)
			gaps := gapLines(r)
			switch {
			case len(r.Findings) != c.findings:
				t.Errorf("findings %+v", r.Findings)
			case name == "a journal is left":
				if !strings.Contains(strings.Join(gaps, "\n"), "not in rpmdb.sqlite yet") {
					t.Errorf("gaps %q", gaps)
				}
			case c.gap == "" && len(gaps) > 0, c.gap != "" && (len(gaps) != 1 || !strings.Contains(gaps[0], c.gap)):
				t.Errorf("gaps %q, want %q", gaps, c.gap)
			}
			for _, f := range r.Findings {
				if f.Rule != "CVE-2024-1" || f.Vulnerability.Package.Name != "libssl3" || f.Location.Path == "" {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestSystemWithoutDatabase(t *testing.T) {
	r := scannertest.Scan(t, newScanner(t, nil), map[string]string{"var/lib/dpkg/status": dpkgStatus, "etc/os-release": bookworm})
	if gaps := gapLines(r); len(r.Components) != 2 || len(gaps) != 1 || r.Coverage.Gaps[0].Code != gatehouse.GapDatabase {
		t.Errorf("components %+v, gaps %q", r.Components, gaps)
	}
	want := gatehouse.Component{Package: gatehouse.Package{Purl: "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12", Ecosystem: "deb", Name: "libssl3", Version: "3.0.11-1"}}
	if c := r.Components[1]; c.Package != want.Package || c.Location.Line != 1 || len(c.DependsOn) != 1 {
		t.Errorf("%+v", c)
	}
}
