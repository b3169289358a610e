package osvimport

import (
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// osv is an entry for one package with one range.
func osv(id, ecosystem, pkg, events, more string) string {
	return `{"id":"` + id + `","modified":"2026-03-01T00:00:00Z",` + more +
		`"affected":[{"package":{"ecosystem":"` + ecosystem + `","name":"` + pkg + `"},"ranges":[{"type":"ECOSYSTEM","events":[` + events + `]}]}]}`
}

func importAll(t *testing.T, files map[string]string) (*vulndb.DB, Result) {
	t.Helper()
	dst := t.TempDir()
	res, err := Import(t.Context(), dst, []string{dir(t, files)}, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return open(t, dst), res
}

func TestNative(t *testing.T) {
	db, res := importAll(t, map[string]string{
		"gems/rack/CVE-2020-0001.yml": "---\ngem: rack\ncve: 2020-0001\nghsa: aaaa-bbbb-cccc\nosvdb: 12\ntitle: Rack\ndate: 2020-02-03\ncvss_v3: 7.5\ncvss_v2: ~\n" +
			"patched_versions:\n  - \"~> 1.6.1\"\n  - \">= 2.0.8\"\nunaffected_versions:\n  - \"< 1\"\nrelated:\n  cve:\n    - 2019-9999\n",
		"gems/rack/GHSA-aaaa-dddd-eeee.yml": "gem: rack\nghsa: aaaa-dddd-eeee\ncve: 2020-0001\ntitle: Again\ndate: 2020-02-03\npatched_versions: ['>= 3']\n",
		"gems/bad/CVE-2020-0002.yml":        "gem: bad\ncve: 2020-0002\ntitle: t\npatched_versions: ['>= one two']\n",
		"gems/all/CVE-2020-0003.yml":        "gem: all\ncve: 2020-0003\ntitle: No version is good\n",
		"rubies/ruby/CVE-2020-0004.yml":     "engine: ruby\ncve: 2020-0004\ntitle: t\npatched_versions: ['>= 3']\n",
		"cakephp/cakephp/2015-08-06.yaml": "title: Access\nlink: https://example.com\ncve: ~\nreference: composer://CakePHP/CakePHP\nbranches:\n" +
			"  2.0.x:\n    time: 2015-08-06 22:08:00\n    versions: ['>=2.0.0', '<2.0.99']\n  2.1.x:\n    time: ~\n    versions: ['>=2.1.0', '<2.1.99']\n",
		"php/bad.yaml": "title: x\ncve: CVE-2020-0005\nreference: composer://a/b\nbranches:\n  master:\n    time: ~\n    versions: ['<dev master']\n",
		"npm/1.json": `{"id":1,"module_name":"Bassmaster","cves":["CVE-2014-7205"],"title":"T","overview":"O","publish_date":"2014-09-27","updated_at":"2016-04-28",
"vulnerable_versions":"<=1.5.1 || >=2 <2.1","patched_versions":">=1.5.2 <2","references":null,"cvss_vector":"CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:N","cvss_score":6.5}`,
		"npm/index.json": `{"1":{"id":1,"module_name":"bassmaster","cves":[],"vulnerable_versions":"*","patched_versions":null,"publish_date":"2010-01-01","updated_at":"2010-01-01","title":"older"}}`,
		"cves/1.json":    `{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-2020-1"}}`,
	})
	got, err := db.Advisories("rubygems", "rack")
	if err != nil || len(got) != 2 {
		t.Fatalf("rack: %+v, %v", got, err)
	}
	byID := map[string]vulndb.Advisory{}
	for _, a := range got {
		byID[a.ID] = a
	}
	first, second := byID["CVE-2020-0001"], byID["GHSA-aaaa-dddd-eeee"]
	if strings.Join(first.PatchedVersions, " || ") != "~> 1.6.1 || >= 2.0.8" || first.UnaffectedVersions[0] != "< 1" ||
		strings.Join(first.Aliases, " ") != "GHSA-aaaa-bbbb-cccc GHSA-aaaa-dddd-eeee OSVDB-12" {
		t.Errorf("rack: %+v", first)
	}
	if len(second.PatchedVersions) != 1 || second.Aliases[0] != "CVE-2020-0001" {
		t.Errorf("rack, again: %+v", second)
	}
	d, _, err := db.Details("CVE-2020-0001")
	if err != nil || d.Score() != 7.5 || d.Severity.String() != "HIGH" || d.Published.Year() != 2020 || len(d.Ratings()) != 1 || d.Ratings()[0].Source != "ruby-advisory-db" {
		t.Errorf("rack: %+v, %v", d, err)
	}
	if got, _ := db.Advisories("rubygems", "all"); len(got) != 1 || got[0].VulnerableVersions[0] != ">=0" {
		t.Errorf("all: %+v", got)
	}
	got, err = db.Advisories("composer", "cakephp/cakephp")
	if err != nil || len(got) != 1 || got[0].ID != "cakephp/cakephp/2015-08-06.yaml" && !strings.HasSuffix(got[0].ID, "/2015-08-06.yaml") ||
		strings.Join(got[0].VulnerableVersions, " || ") != ">=2.0.0, <2.0.99 || >=2.1.0, <2.1.99" {
		t.Errorf("cakephp: %+v, %v", got, err)
	}
	if d, _, _ := db.Details(got[0].ID); !d.Published.IsZero() {
		t.Errorf("the time of a fix was taken for that of the publication: %v", d.Published)
	}
	got, err = db.Advisories("npm", "bassmaster")
	if err != nil || len(got) != 1 || got[0].ID != "CVE-2014-7205" || strings.Join(got[0].VulnerableVersions, "|") != "<=1.5.1|>=2 <2.1" || got[0].Aliases[0] != "NSWG-ECO-1" {
		t.Errorf("bassmaster: %+v, %v", got, err)
	}
	if res.Unsupported["CVE record"] != 1 || res.Unsupported["ruby-advisory-db, interpreters"] != 1 || res.Duplicates != 1 || res.RejectedCount != 2 {
		t.Errorf("%+v", res)
	}
	if len(res.Reasons) != 2 {
		t.Errorf("the reasons are %v", res.Reasons)
	}
}

// TestFold: ids that mean one problem meet over all sources, and what is
// related, or an advisory about several problems, joins none.
func TestFold(t *testing.T) {
	events := `{"introduced":"0"},{"fixed":"2.0.0"}`
	db, _ := importAll(t, map[string]string{
		"1.json": osv("GHSA-aaaa-aaaa-aaaa", "PyPI", "django", events, `"aliases":["CVE-2026-0001"],`),
		"2.json": osv("PYSEC-2026-1", "PyPI", "django", events, `"aliases":["GHSA-aaaa-aaaa-aaaa"],"related":["CVE-2026-7777"],`),
		"3.json": osv("GO-2026-1", "Go", "example.com/x", events, `"aliases":["PYSEC-2026-1"],`),
		"4.json": osv("GHSA-bbbb-bbbb-bbbb", "npm", "many", events, `"aliases":["CVE-2026-0002","CVE-2026-0003"],`),
		"5.json": osv("OSV-2026-5", "npm", "many", events, `"aliases":["CVE-2026-0002"],`),
		"6.json": osv("X-1", "npm", "clash", events, `"aliases":["CVE-2026-0001"],`),
		"7.json": osv("Y-1", "npm", "clash", events, `"aliases":["X-1","CVE-2026-0009"],`),
		"8.json": osv("MAL-2026-1", "npm", "evil", `{"introduced":"0"}`, `"aliases":["GHSA-eeee-eeee-eeee"],`),
		"9.json": osv("GHSA-eeee-eeee-eeee", "npm", "evil", `{"introduced":"0"}`, ``),
	})
	for _, tt := range []struct{ ecosystem, pkg, want string }{
		{"pip", "django", "CVE-2026-0001[GHSA-aaaa-aaaa-aaaa GO-2026-1 PYSEC-2026-1 X-1] CVE-2026-0001[GHSA-aaaa-aaaa-aaaa GO-2026-1 PYSEC-2026-1 X-1]"},
		{"go", "example.com/x", "CVE-2026-0001[GHSA-aaaa-aaaa-aaaa GO-2026-1 PYSEC-2026-1 X-1]"},
		{"npm", "evil", "GHSA-eeee-eeee-eeee[MAL-2026-1] GHSA-eeee-eeee-eeee[MAL-2026-1]"},
	} {
		got, err := db.Advisories(tt.ecosystem, tt.pkg)
		var parts []string
		for _, a := range got {
			parts = append(parts, a.ID+"["+strings.Join(a.Aliases, " ")+"]")
		}
		if text := strings.Join(parts, " "); err != nil || text != tt.want {
			t.Errorf("%s: got %s, %v; want %s", tt.pkg, text, err, tt.want)
		}
	}
	ids := map[string]bool{}
	list, err := db.Advisories("npm", "many")
	for _, a := range list {
		ids[a.ID] = true
	}
	if err != nil || !ids["CVE-2026-0002"] || !ids["CVE-2026-0003"] {
		t.Errorf("an advisory about two problems: %+v, %v", list, err)
	}
	list, err = db.Advisories("npm", "clash")
	if err != nil || len(list) != 2 || list[0].ID != "CVE-2026-0001" || list[1].ID != "CVE-2026-0009" {
		t.Errorf("two CVE ids became one: %+v, %v", list, err)
	}
	if d, _, err := db.Details("GHSA-eeee-eeee-eeee"); err != nil || !d.Malicious {
		t.Errorf("a malicious package is not marked: %+v, %v", d, err)
	}
}

func TestSystems(t *testing.T) {
	for osv, want := range map[string]string{
		"Debian:12": "debian 12", "Debian": "", "Ubuntu:22.04:LTS": "ubuntu 22.04", "Ubuntu:Pro:18.04:LTS": "ubuntu 18.04-ESM",
		"Ubuntu:Pro:FIPS:18.04:LTS": "", "Alpine:v3.19": "alpine 3.19", "Alpine": "", "Rocky Linux:9": "rocky 9", "AlmaLinux:8": "alma 8",
		"SUSE:Linux Enterprise Server 15 SP5":                "SUSE Linux Enterprise 15.5",
		"SUSE:Linux Enterprise Module for Basesystem 15 SP6": "SUSE Linux Enterprise 15.6",
		"SUSE:Linux Enterprise Micro 5.5":                    "SUSE Linux Enterprise Micro 5.5",
		"openSUSE:Leap 15.6":                                 "openSUSE Leap 15.6",
		"openSUSE:Tumbleweed":                                "openSUSE Tumbleweed",
		"Red Hat:enterprise_linux:8::appstream":              "Red Hat 8",
		"Red Hat:openshift:4.12::el8":                        "",
		"Wolfi":                                              "wolfi",
		"Chainguard":                                         "chainguard",
		"Plan 9:4":                                           "",
		"npm:registry.example.com":                           "npm",
		"GitHub Actions":                                     "github-actions",
	} {
		got, ok := ecosystemOf(osv)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%s: got %q, %v, want %q", osv, got, ok, want)
		}
		if ok && !vulndb.IsSystem(got) && strings.Contains(got, " ") {
			t.Errorf("%q is no operating system", got)
		}
	}
}

func TestImportSystems(t *testing.T) {
	db, res := importAll(t, map[string]string{
		"dsa.json": osv("DSA-5678-1", "Debian:12", "ImageMagick", `{"introduced":"0"},{"fixed":"8:6.9.11.60+dfsg-1.6+deb12u1~x"}`, `"upstream":["CVE-2026-1","CVE-2026-2"],`),
		"open.json": strings.Replace(osv("DEBIAN-CVE-2026-3", "Debian:12", "bash", `{"introduced":"0"}`, `"upstream":["CVE-2026-3"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],`),
			`"ranges"`, `"versions":["5.2-1","5.2-2"],"ecosystem_specific":{"urgency":"unimportant"},"ranges"`, 1),
		"alsa.json":   osv("ALSA-2026:1", "AlmaLinux:9", "kernel", `{"introduced":"0"},{"fixed":"0:5.14.0-427.el9"}`, `"related":["CVE-2026-4"],`),
		"alpine.json": osv("CVE-2026-5", "Alpine:v3.19", "openssl", `{"introduced":"3.1.0-r0"},{"fixed":"3.1.4-r5"}`, ``),
		"bad.json":    osv("CVE-2026-6", "Alpine:v3.19", "openssl", `{"introduced":"0"},{"fixed":"not a version"}`, ``),
	})
	got, err := db.Advisories("debian 12", "ImageMagick")
	if err != nil || len(got) != 2 || got[0].ID != "CVE-2026-1" || len(got[0].Aliases) != 0 || got[0].Bulletins[0] != "DSA-5678-1" ||
		got[0].FixedVersion != "8:6.9.11.60+dfsg-1.6+deb12u1~x" || got[0].Source.ID != "debian" {
		t.Errorf("debian: %+v, %v", got, err)
	}
	got, err = db.Advisories("debian 12", "bash")
	if err != nil || len(got) != 1 || got[0].FixedVersion != "" || len(got[0].VulnerableVersions) != 1 || got[0].Severity.String() != "LOW" {
		t.Errorf("a problem without a fix: %+v, %v", got, err)
	}
	if got, err := db.Advisories("alma 9", "kernel"); err != nil || len(got) != 1 || got[0].ID != "CVE-2026-4" || len(got[0].Aliases) != 0 || got[0].Bulletins[0] != "ALSA-2026:1" {
		t.Errorf("alma: %+v, %v", got, err)
	}
	if got, err := db.Advisories("alpine 3.19", "openssl"); err != nil || len(got) != 1 || got[0].VulnerableVersions[0] != ">=3.1.0-r0, <3.1.4-r5" {
		t.Errorf("alpine: %+v, %v", got, err)
	}
	if res.RejectedCount != 1 {
		t.Errorf("rejected: %v", res.Rejected)
	}
}

func TestGoImports(t *testing.T) {
	entry := osv("GO-2026-1", "Go", "example.com/x", `{"introduced":"0"},{"fixed":"1.2.3"}`, `"aliases":["CVE-2026-1"],`)
	entry = strings.Replace(entry, `"ranges"`, `"ecosystem_specific":{"imports":[{"path":"example.com/x/y","goos":["linux"],"symbols":["F","T.M"]}]},"ranges"`, 1)
	db, _ := importAll(t, map[string]string{"a.json": entry})
	got, err := db.Imports("go", "example.com/x", "CVE-2026-1")
	if err != nil || len(got) != 1 || got[0].Path != "example.com/x/y" || strings.Join(got[0].Symbols, " ") != "F T.M" || got[0].GOOS[0] != "linux" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := db.Imports("go", "example.com/x", "CVE-2026-2"); err != nil || got != nil {
		t.Errorf("got %+v, %v for what is not there", got, err)
	}
}

// TestBinaries: SUSE names source packages, and what is built from them beside.
func TestBinaries(t *testing.T) {
	entry := strings.Replace(osv("SUSE-SU-2026:1-1", "SUSE:Linux Enterprise Module for Basesystem 15 SP5", "openssl-1_1", `{"introduced":"0"},{"fixed":"1.1.1l-5"}`, ""),
		`"ranges"`, `"ecosystem_specific":{"binaries":[{"libopenssl1_1":"1.1.1l-5","openssl-1_1":"1.1.1l-5","perl-x":"2-1"}]},"ranges"`, 1)
	if !strings.Contains(entry, "binaries") {
		t.Fatal("the entry has no place for ecosystem_specific")
	}
	db, _ := importAll(t, map[string]string{"a.json": entry})
	for name, want := range map[string]string{"openssl-1_1": "1.1.1l-5", "libopenssl1_1": "1.1.1l-5", "perl-x": "2-1"} {
		got, err := db.Advisories("SUSE Linux Enterprise 15.5", name)
		if err != nil || len(got) != 1 || got[0].FixedVersion != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
