package osvimport

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

const ghsaEntry = `{"schema_version":"1.6.0","id":"GHSA-35jh-r3h4-6jhm","modified":"2026-01-02T03:04:05Z","published":"2021-05-06T16:05:51Z",
"aliases":["CVE-2021-23337"],"summary":"Command Injection in lodash","details":"versions prior to 4.17.21",
"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"}],
"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]},
{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"5.0.0"},{"fixed":"5.0.1"}]}]},
{"package":{"ecosystem":"RubyGems","name":"Lodash-Rails"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]},
{"package":{"ecosystem":"Plan 9","name":"lodash"},"versions":["1"]}],
"references":[{"type":"WEB","url":"https://example.com/a"}],"database_specific":{"severity":"HIGH","cwe_ids":["CWE-94"]}}`

const pysecEntry = `id: PYSEC-2021-335
details: Bad.
affected:
- package: {name: Access_Control, ecosystem: PyPI}
  ranges:
  - type: ECOSYSTEM
    events:
    - introduced: "0"
    - fixed: 4.0
aliases: [GHSA-qcx9-j53g-ccgf]
modified: "2021-09-26T23:32:08.989778Z"
published: 2021-07-30T22:15:00Z
`

const rustEntry = "```toml\n[advisory]\nid = \"RUSTSEC-2020-0105\"\npackage = \"abi_stable\"\naliases = [\"CVE-2020-36212\"]\n" +
	"cvss = \"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H\"\ndate = \"2020-12-21\"\n\n[versions]\npatched = [\">= 0.9.1\", \"^0.8.5\"]\n```\n\n# Unsound\n\nWords.\n"

const demoEntry = `{"id":"DEMO-2026-0001","modified":"2026-03-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"example.com/Bad"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`

// dir writes files and returns the directory, whose name is "local-set".
func dir(t testing.TB, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "local-set")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		p := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func good() map[string]string {
	return map[string]string{
		"ghsa/GHSA-35jh-r3h4-6jhm.json":    ghsaEntry,
		"pypa/PYSEC-2021-335.yaml":         pysecEntry,
		"rust/RUSTSEC-2020-0105.md":        rustEntry,
		"own/many.json":                    "[" + demoEntry + "]",
		"README.md":                        "# Advisories",
		"package.json":                     `{"name":"not an advisory"}`,
		"gems/x/CVE-1.yml":                 "gem: x\ntitle: t\ncve: 2020-1\npatched_versions: ['>= 1']\n",
		"old/withdrawn.json":               `{"id":"GO-1","modified":"2026-01-01T00:00:00Z","withdrawn":"2026-01-01T00:00:00Z","affected":[]}`,
		"broken/cut.json":                  ghsaEntry[:200],
		"broken/noid.json":                 `{"schema_version":"1.0.0","affected":[]}`,
		"broken/types.json":                `{"id":"GO-2","modified":"2026-01-01T00:00:00Z","affected":{"a":1}}`,
		"broken/range.json":                strings.NewReplacer("DEMO-2026-0001", "DEMO-2", `"introduced":"0"`, `"introduced":"x"`).Replace(demoEntry),
		"broken/alias.yaml":                "id: &a X-1\naffected: []\nsummary: *a\n",
		"broken/keys.yaml":                 "id: A-1\nid: A-2\naffected: []\n",
		".git/objects/ignored-wholly.json": "{",
	}
}

func open(t testing.TB, dst string) *vulndb.DB {
	t.Helper()
	if err := vulndb.Verify(dst); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.Open(dst)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestImport(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "db")
	res, err := Import(t.Context(), dst, []string{dir(t, good())}, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, dst)
	npm, err := db.Advisories("npm", "lodash")
	if err != nil || len(npm) != 1 || npm[0].ID != "CVE-2021-23337" || npm[0].Aliases[0] != "GHSA-35jh-r3h4-6jhm" ||
		strings.Join(npm[0].VulnerableVersions, " || ") != "<4.17.21 || >=5.0.0, <5.0.1" || npm[0].Source.Name != "GitHub Security Advisory npm" {
		t.Errorf("npm: %+v, %v", npm, err)
	}
	for _, want := range []struct{ ecosystem, pkg, id, source string }{
		{"rubygems", "lodash-rails", "CVE-2021-23337", "GitHub Security Advisory RubyGems"},
		{"pip", "access-control", "GHSA-qcx9-j53g-ccgf", "Python Packaging Advisory Database"},
		{"cargo", "abi_stable", "CVE-2020-36212", "RustSec Advisory Database"},
		{"go", "example.com/Bad", "DEMO-2026-0001", "local-set"},
	} {
		got, err := db.Advisories(want.ecosystem, want.pkg)
		if err != nil || len(got) != 1 || got[0].ID != want.id || got[0].Source.Name != want.source {
			t.Errorf("%s: got %+v, %v", want.pkg, got, err)
		}
	}
	if got, _ := db.Advisories("cargo", "abi_stable"); strings.Join(got[0].PatchedVersions, " || ") != ">= 0.9.1 || ^0.8.5" {
		t.Errorf("RustSec: got %+v", got)
	}
	if got, _ := db.Advisories("pip", "access-control"); got[0].VulnerableVersions[0] != "<4.0" {
		t.Errorf("a number in YAML changed: %+v", got)
	}
	d, ok, err := db.Details("CVE-2021-23337")
	if err != nil || !ok || d.Title != "Command Injection in lodash" || d.SeverityOf("ghsa").String() != "HIGH" || d.Score() != 7.2 || d.CWEs[0] != "CWE-94" {
		t.Errorf("details: %+v, %v, %v", d, ok, err)
	}
	if d, _, _ := db.Details("CVE-2020-36212"); d.Severity.String() != "HIGH" || d.Title != "Unsound" || d.Description != "Words." {
		t.Errorf("RustSec details: %+v", d)
	}
	if !res.UpdatedAt.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) || db.Info().UpdatedAt != "2026-03-01T00:00:00Z" {
		t.Errorf("the age is %v, %v", res.UpdatedAt, db.Info().UpdatedAt)
	}
	if res.Withdrawn != 1 || res.UnknownEcosystems["Plan 9"] != 1 || res.Entries["Ruby Advisory Database"] != 1 || res.Ignored != 2 || len(res.Entries) != 5 {
		t.Errorf("result: %+v", res)
	}
	var rejected []string
	for _, r := range res.Rejected {
		rejected = append(rejected, r.String())
	}
	all := strings.Join(rejected, "\n")
	for _, want := range []string{
		"cut.json: no valid JSON", "noid.json: it has no id", "types.json: no valid OSV entry",
		"range.json: DEMO-2: example.com/Bad: range: introduced", "alias.yaml: no valid advisory: line 3: it uses an alias", "keys.yaml: ",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no rejection says %q", want)
		}
	}
	if res.RejectedCount != 6 || res.Manifest.Rejected != 6 {
		t.Errorf("%d rejections:\n%s", res.RejectedCount, all)
	}
}

func TestArchives(t *testing.T) {
	files := good()
	writeTar := func(w interface {
		Write([]byte) (int, error)
		Close() error
	}) {
		tw := tar.NewWriter(w)
		for name, text := range files {
			if err := tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			tw.Write([]byte(text))
		}
		if err := errors.Join(tw.Close(), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range archiveKinds {
		t.Run(kind, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "set"+kind)
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			switch kind {
			case ".zip":
				z := zip.NewWriter(f)
				for name, text := range files {
					w, err := z.Create(name)
					if err != nil {
						t.Fatal(err)
					}
					w.Write([]byte(text))
				}
				err = errors.Join(z.Close(), f.Close())
			case ".tar":
				writeTar(f)
			case ".tar.gz", ".tgz":
				writeTar(gzip.NewWriter(f))
			case ".tar.zst", ".tzst":
				z, zerr := zstd.NewWriter(f)
				if zerr != nil {
					t.Fatal(zerr)
				}
				writeTar(z)
			case ".tar.bz2", ".tbz2":
				t.Skip("the standard library cannot write bzip2")
			default:
				x, xerr := xz.NewWriter(f)
				if xerr != nil {
					t.Fatal(xerr)
				}
				writeTar(x)
			}
			if err != nil {
				t.Fatal(err)
			}
			dst := t.TempDir()
			res, err := Import(t.Context(), dst, []string{path}, Options{Now: now})
			if err != nil {
				t.Fatal(err)
			}
			if counts, err := open(t, dst).Ecosystems(); err != nil || len(counts) != 5 || res.Entries["set"] != 1 {
				t.Errorf("got %v, %v, %v", counts, res.Entries, err)
			}
			// An archive that is cut short is not half an import.
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data[:len(data)*2/3], 0o644); err != nil {
				t.Fatal(err)
			}
			before := open(t, dst).Info()
			if _, err := Import(t.Context(), dst, []string{path}, Options{Now: now}); err == nil {
				t.Error("a truncated archive was imported")
			}
			if after := open(t, dst).Info(); after.Digest != before.Digest {
				t.Error("the old database is gone")
			}
		})
	}
}

func TestBombs(t *testing.T) {
	zeros := func(n int) []byte { return bytes.Repeat([]byte("0"), n) }
	zipped := func(files int, each int) []byte {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for i := range files {
			w, err := z.Create(fmt.Sprintf("%d.json", i))
			if err != nil {
				t.Fatal(err)
			}
			w.Write(zeros(each))
		}
		z.Close()
		return out.Bytes()
	}
	var gz bytes.Buffer
	zw := gzip.NewWriter(&gz)
	tw := tar.NewWriter(zw)
	for i := range 8 {
		tw.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d.json", i), Size: 10 << 20, Mode: 0o644})
		tw.Write(zeros(10 << 20))
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"bomb.zip": zipped(8, 10<<20), "bomb.tar.gz": gz.Bytes()} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Import(t.Context(), t.TempDir(), []string{path}, Options{Now: now})
		if err == nil || !strings.Contains(err.Error(), "times its size") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 200_000) + "1" + strings.Repeat("}", 200_000)
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		laughs += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 8), c-1)
	}
	root := dir(t, map[string]string{
		"good.json":    demoEntry,
		"garbage.json": strings.Repeat("\xff\x00garbage", 10<<20/9),
		"huge.json":    strings.Repeat(" ", limits.MaxAdvisoryBytes+1),
		"huge.yaml":    strings.Repeat("- a\n", limits.MaxAdvisoryYAMLBytes/4+1),
		"deep.json":    `{"id":"X-1","affected":[],"database_specific":` + deep + "}",
		"deep.yaml":    "id: X-2\naffected: []\ndatabase_specific: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"laughs.yaml":  "id: X-3\naffected: []\n" + laughs,
		"tab.yaml":     "\tid: [",
		"empty.json":   "",
		"RUSTSEC-1.md": "```toml\n[advisory]\nid = 1\n```",
		"RUSTSEC-2.md": "no front matter",
	})
	if err := syscall.Mkfifo(filepath.Join(root, "fifo.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "link.json")); err != nil {
		t.Fatal(err)
	}
	res, err := Import(t.Context(), t.TempDir(), []string{root}, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if res.RejectedCount != 10 || res.Ignored != 2 || res.Entries["local-set"] != 1 {
		t.Errorf("got %+v", res)
	}
}

func TestNothing(t *testing.T) {
	dst := t.TempDir()
	for name, files := range map[string]map[string]string{
		"empty":        {},
		"other files":  {"a.json": "{}", "b.txt": "x"},
		"other format": {"a.json": `{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-2020-1"}}`},
		"withdrawn":    {"a.json": `{"id":"GO-1","withdrawn":"2020-01-01T00:00:00Z"}`},
		"rejected":     {"a.json": "{"},
	} {
		res, err := Import(t.Context(), dst, []string{dir(t, files)}, Options{Now: now})
		if !errors.Is(err, ErrNothing) {
			t.Errorf("%s: got %v", name, err)
		}
		if name == "other format" && (res.Unsupported["CVE record"] != 1 || !strings.Contains(err.Error(), "CVE record")) {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
	if _, err := Import(t.Context(), dst, nil, Options{Now: now}); !errors.Is(err, ErrNothing) {
		t.Errorf("no source: got %v", err)
	}
	if _, err := Import(t.Context(), dst, []string{filepath.Join(dst, "nowhere")}, Options{Now: now}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing source: got %v", err)
	}
	if _, err := vulndb.Open(dst); !errors.Is(err, vulndb.ErrNotFound) {
		t.Errorf("a database was left: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Import(ctx, dst, []string{dir(t, good())}, Options{Now: now}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// TestCopies imports an entry from several places: the newest counts.
func TestCopies(t *testing.T) {
	newer := strings.NewReplacer("2026-03-01", "2026-04-01", "example.com/Bad", "example.com/Other").Replace(demoEntry)
	gone := strings.NewReplacer("2026-03-01T", "2026-05-01T", `"affected"`, `"withdrawn":"2026-05-01T00:00:00Z","affected"`).Replace(demoEntry)
	other := strings.ReplaceAll(demoEntry, "DEMO-2026-0001", "DEMO-2026-0002")
	for _, tt := range []struct {
		name, files string
		pkgs        []string
		duplicates  int
	}{
		{"older first", demoEntry + "," + newer, []string{"example.com/Other"}, 1},
		{"newer first", newer + "," + demoEntry, []string{"example.com/Other"}, 1},
		{"withdrawn since", demoEntry + "," + gone + "," + other, []string{"example.com/Bad"}, 1},
	} {
		dst := t.TempDir()
		res, err := Import(t.Context(), dst, []string{dir(t, map[string]string{"a.json": "[" + tt.files + "]"})}, Options{Now: now, SourceName: "Demo"})
		if err != nil {
			t.Fatal(err)
		}
		var pkgs []string
		for a, err := range open(t, dst).All("go") {
			if err != nil || a.Source.ID != "demo" {
				t.Fatal(a, err)
			}
			pkgs = append(pkgs, a.Package)
		}
		if strings.Join(pkgs, " ") != strings.Join(tt.pkgs, " ") || res.Duplicates != tt.duplicates || res.Entries["Demo"] != 1 {
			t.Errorf("%s: got %v, %+v", tt.name, pkgs, res)
		}
	}
}

func TestConcurrentImports(t *testing.T) {
	src, dst := dir(t, good()), filepath.Join(t.TempDir(), "db")
	digests := make([]string, 6)
	var wg sync.WaitGroup
	for i := range digests {
		wg.Go(func() {
			res, err := Import(t.Context(), dst, []string{src}, Options{Now: now})
			if err != nil {
				t.Error(err)
			}
			digests[i] = res.Manifest.Digest
		})
	}
	wg.Wait()
	for _, d := range digests {
		if d != digests[0] {
			t.Errorf("the same input gave %s and %s", digests[0], d)
		}
	}
	if got := open(t, dst).Info().Digest; got != digests[0] {
		t.Errorf("got %s", got)
	}
}

// TestRealData imports the published advisories of six databases: all of them
// but what is named.
func TestRealData(t *testing.T) {
	data := os.Getenv("QUALITY_DATA")
	if data == "" {
		t.Skip("QUALITY_DATA is not set: the published advisories were NOT imported")
	}
	dst := t.TempDir()
	res, err := Import(t.Context(), dst, []string{filepath.Join(data, "sca/advisories")}, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		"The Go Vulnerability Database": 4200, "Python Packaging Advisory Database": 2600, "RustSec Advisory Database": 1150,
		"Ruby Advisory Database": 1150, "PHP Security Advisories Database": 1550, "Node.js Ecosystem Security Working Group": 450,
	} {
		if res.Entries[name] < want {
			t.Errorf("%s: %d entries, want at least %d", name, res.Entries[name], want)
		}
	}
	if res.RejectedCount > 5 || len(res.Unsupported) != 0 {
		t.Errorf("got %d rejected, unsupported %v", res.RejectedCount, res.Unsupported)
	}
	entries := 0
	for _, n := range res.Entries {
		entries += n
	}
	// An entry without a package is one that was withdrawn, is about a
	// toolchain, or was rejected; all else must be there.
	if left := res.Files - res.Ignored - entries - res.Withdrawn; left > 20 {
		t.Errorf("%d files gave no entry: %+v", left, res)
	}
	db := open(t, dst)
	published, total := 0, 0
	for e := range res.Manifest.Ecosystems {
		for a, err := range db.All(e) {
			if err != nil {
				t.Fatal(err)
			}
			d, ok, err := db.Details(a.ID)
			if err != nil || !ok {
				t.Fatalf("%s: %v, %v", a.ID, ok, err)
			}
			if total++; !d.Published.IsZero() {
				published++
			}
		}
	}
	// Each id of each entry leads to each package that it is about.
	lost := 0
	r := &reader{emit: func(f file) error {
		for _, p := range evaluate(f, now).entries {
			for _, a := range p.advisories {
				list, err := db.Advisories(a.ecosystem, a.pkg)
				if err != nil {
					return err
				}
				known := map[string]bool{}
				for _, have := range list {
					known[have.ID] = true
					for _, id := range have.Aliases {
						known[id] = true
					}
				}
				for _, id := range p.names {
					// Of a key that is a place in a database, the CVE id is the name.
					if !known[id] {
						lost++
						t.Logf("%s: %s of %s is not known", f.name, id, a.pkg)
					}
				}
			}
		}
		return nil
	}}
	if err := r.source(filepath.Join(data, "sca/advisories")); err != nil {
		t.Fatal(err)
	}
	if lost > 0 {
		t.Errorf("%d ids are lost", lost)
	}
	t.Logf("%d advisories, %d with a date of publication; %d withdrawn, %d rejected, %d duplicates", total, published, res.Withdrawn, res.RejectedCount, res.Duplicates)
	if got, err := db.Advisories("go", "go.etcd.io/etcd"); err != nil || len(got) < 2 {
		t.Errorf("an entry with several CVE ids: got %+v, %v", got, err)
	}
}
