package sca_test

import (
	"archive/tar"
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/sca"
)

// memoryDB is a database in memory, by ecosystem and normalised name.
type memoryDB struct {
	advisories map[string]map[string][]vulndb.Advisory
	details    map[string]vulndb.Detail
	updated    string
	err        error
}

func (m *memoryDB) add(ecosystem, name string, a vulndb.Advisory) {
	if m.advisories == nil {
		m.advisories = map[string]map[string][]vulndb.Advisory{}
	}
	if m.advisories[ecosystem] == nil {
		m.advisories[ecosystem] = map[string][]vulndb.Advisory{}
	}
	name = vulndb.NormalizeName(ecosystem, name)
	m.advisories[ecosystem][name] = append(m.advisories[ecosystem][name], a)
}

func (m *memoryDB) Advisories(ecosystem, name string) ([]vulndb.Advisory, error) {
	return m.advisories[ecosystem][vulndb.NormalizeName(ecosystem, name)], m.err
}

func (m *memoryDB) Details(id string) (vulndb.Detail, bool, error) {
	d, ok := m.details[id]
	return d, ok, m.err
}

func (m *memoryDB) All(ecosystem string) iter.Seq2[vulndb.PackageAdvisory, error] {
	return func(yield func(vulndb.PackageAdvisory, error) bool) {
		var names []string
		for name := range m.advisories[ecosystem] {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			for _, a := range m.advisories[ecosystem][name] {
				if !yield(vulndb.PackageAdvisory{Package: name, Advisory: a}, nil) {
					return
				}
			}
		}
	}
}

func (m *memoryDB) Systems() []string {
	var list []string
	for ecosystem := range m.advisories {
		if vulndb.IsSystem(ecosystem) {
			list = append(list, ecosystem)
		}
	}
	slices.Sort(list)
	return list
}

func (m *memoryDB) Info() gatehouse.Database {
	return gatehouse.Database{Digest: "sha256:test", UpdatedAt: m.updated}
}

func scanTree(t testing.TB, dir string, db sca.Database) *gatehouse.Report {
	t.Helper()
	scanner, err := sca.New(db, "")
	if err != nil {
		t.Fatal(err)
	}
	target, err := gatehouse.OpenTarget(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	report, err := gatehouse.Scan(t.Context(), target, []*gatehouse.Scanner{scanner}, gatehouse.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// qualityData is the directory with real data; the test is skipped without.
func qualityData(t testing.TB) string {
	dir := os.Getenv("QUALITY_DATA")
	if dir == "" {
		t.Skip("QUALITY_DATA is not set: NOT comparing with real data")
	}
	return dir
}

type yamlPair struct {
	Bucket string
	Pairs  []yamlPair
	Key    string
	Value  yaml.Node
}

// fixtureDB reads advisories in the form of trivy's fixtures.
func fixtureDB(t testing.TB, dir string) *memoryDB {
	db := &memoryDB{details: map[string]vulndb.Detail{}}
	files, _ := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if len(files) == 0 {
		t.Fatalf("no advisories in %s", dir)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var buckets []yamlPair
		if err := yaml.Unmarshal(data, &buckets); err != nil {
			t.Fatal(err)
		}
		for _, b := range buckets {
			ecosystem, source, ok := strings.Cut(b.Bucket, "::")
			if b.Bucket == "vulnerability" {
				for _, p := range b.Pairs {
					var d struct {
						Title, Severity string
						VendorSeverity  map[string]int
					}
					if err := p.Value.Decode(&d); err != nil {
						t.Fatal(err)
					}
					s, _ := gatehouse.ParseSeverity(d.Severity)
					db.details[p.Key] = vulndb.Detail{Title: d.Title, Severity: s}
				}
			}
			if !ok {
				continue
			}
			for _, pkg := range b.Pairs {
				for _, p := range pkg.Pairs {
					var a struct{ PatchedVersions, VulnerableVersions, UnaffectedVersions []string }
					dec := map[string]any{}
					if err := p.Value.Decode(&dec); err != nil {
						t.Fatal(err)
					}
					raw, _ := json.Marshal(dec)
					if err := json.Unmarshal(raw, &a); err != nil {
						t.Fatal(err)
					}
					db.add(ecosystem, pkg.Bucket, vulndb.Advisory{ID: p.Key, Source: vulndb.Source{Name: source},
						PatchedVersions: a.PatchedVersions, VulnerableVersions: a.VulnerableVersions, UnaffectedVersions: a.UnaffectedVersions})
				}
			}
		}
	}
	return db
}

type golden struct {
	ArtifactName string
	Results      []struct {
		Target, Class, Type string
		Packages            []struct{ Name, Version string }
		Vulnerabilities     []struct{ VulnerabilityID, PkgName, InstalledVersion string }
	}
}

// TestQualityTrivyGoldens compares with what trivy finds in its own fixtures.
func TestQualityTrivyGoldens(t *testing.T) {
	data := filepath.Join(qualityData(t), "sca", "trivy")
	db := fixtureDB(t, filepath.Join(data, "fixtures", "db"))
	files, _ := filepath.Glob(filepath.Join(data, "golden", "*.json.golden"))
	compared := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var g golden
		if json.Unmarshal(raw, &g) != nil || !strings.HasPrefix(g.ArtifactName, "testdata/fixtures/repo/") {
			continue
		}
		dir := filepath.Join(data, "fixtures", strings.TrimPrefix(g.ArtifactName, "testdata/fixtures/"))
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		want := map[string]bool{}
		for _, r := range g.Results {
			if r.Class != "lang-pkgs" {
				continue
			}
			for _, v := range r.Vulnerabilities {
				want[fmt.Sprintf("%s: %s %s@%s", r.Target, v.VulnerabilityID, v.PkgName, v.InstalledVersion)] = true
			}
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json.golden"), func(t *testing.T) {
			report := scanTree(t, dir, db)
			got := map[string]bool{}
			for _, f := range report.Findings {
				got[fmt.Sprintf("%s: %s %s@%s", f.Location.Path, f.Rule, f.Vulnerability.Package.Name, f.Vulnerability.Package.Version)] = true
			}
			for k := range want {
				compared++
				if !got[k] {
					t.Errorf("missed %s", k)
				}
			}
			for k := range got {
				if !want[k] && !slices.Contains(leftOut, strings.TrimSuffix(filepath.Base(file), ".json.golden")+": "+k) {
					t.Errorf("more: %s", k)
				}
			}
			for _, g := range report.Coverage.Gaps {
				t.Logf("gap %s %s:%d %s: %s", g.Code, g.Path, g.Line, g.Entry, g.Reason)
			}
			t.Logf("%d components, %d findings", len(report.Components), len(report.Findings))
		})
	}
	if compared == 0 {
		t.Fatal("no golden file was compared")
	}
}

// leftOut are findings that trivy was told to leave out when it made the golden
// file, by a flag or a VEX document: both are right.
var leftOut = []string{
	"gomod-skip: submod2/go.mod: GMS-2022-20 github.com/docker/distribution@v2.7.1+incompatible",
	"gomod-vex: go.mod: CVE-2022-23628 github.com/open-policy-agent/opa@v0.35.0",
}

// archive calls f for each regular file of a .tar.xz archive.
func archive(t testing.TB, path string, f func(name string, data []byte)) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	x, err := xz.NewReader(bufio.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := tar.NewReader(x); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		n++
		f(h.Name, data)
	}
	if n == 0 {
		t.Fatalf("%s is empty", path)
	}
}

// compareSets fails for each difference, and wants at least one agreement.
func compareSets(t *testing.T, got, want map[string]bool) {
	t.Helper()
	agreed := 0
	for k := range want {
		if !got[k] {
			t.Errorf("missed %s", k)
			continue
		}
		agreed++
	}
	for k := range got {
		if !want[k] {
			t.Errorf("wrong %s", k)
		}
	}
	if agreed == 0 {
		t.Error("nothing was found")
	}
}

func TestQualityNodeGoat(t *testing.T) {
	data := filepath.Join(qualityData(t), "sca")
	db := &memoryDB{}
	archive(t, filepath.Join(data, "advisories", "npm.tar.xz"), func(name string, b []byte) {
		var a struct {
			ID         int
			ModuleName string  `json:"module_name"`
			Vulnerable *string `json:"vulnerable_versions"`
			Patched    *string `json:"patched_versions"`
		}
		if err := json.Unmarshal(b, &a); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		adv := vulndb.Advisory{ID: fmt.Sprint(a.ID)}
		if a.Vulnerable != nil {
			adv.VulnerableVersions = []string{*a.Vulnerable}
		}
		if a.Patched != nil {
			adv.PatchedVersions = []string{*a.Patched}
		}
		db.add("npm", a.ModuleName, adv)
	})
	dir := filepath.Join(data, "lockfiles", "NodeGoat")
	var expected struct{ Findings [][3]any }
	readJSON(t, filepath.Join(dir, "expected.json"), &expected)
	want, got := map[string]bool{}, map[string]bool{}
	for _, f := range expected.Findings {
		want[fmt.Sprint(f[0], " ", f[1], " ", f[2])] = true
	}
	report := scanTree(t, dir, db)
	for _, f := range report.Findings {
		p := f.Vulnerability.Package
		got[p.Name+" "+p.Version+" "+f.Rule] = true
	}
	compareSets(t, got, want)
	t.Logf("%d components, %d gaps", len(report.Components), len(report.Coverage.Gaps))
	for _, g := range report.Coverage.Gaps {
		t.Logf("%+v", g)
	}
}

func TestQualityRailsGoat(t *testing.T) {
	data := filepath.Join(qualityData(t), "sca")
	db := &memoryDB{}
	archive(t, filepath.Join(data, "advisories", "rubysec.tar.xz"), func(name string, b []byte) {
		var a struct {
			Gem        string
			Cve, Ghsa  string
			Osvdb      int
			Patched    []string `yaml:"patched_versions"`
			Unaffected []string `yaml:"unaffected_versions"`
		}
		if err := yaml.Unmarshal(b, &a); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		id := strings.TrimSuffix(filepath.Base(name), ".yml")
		adv := vulndb.Advisory{ID: id, PatchedVersions: a.Patched, UnaffectedVersions: a.Unaffected}
		if len(a.Patched)+len(a.Unaffected) == 0 {
			adv.VulnerableVersions = []string{">= 0"}
		}
		db.add("rubygems", a.Gem, adv)
	})
	dir := filepath.Join(data, "lockfiles", "railsgoat")
	var expected [][3]string
	readJSON(t, filepath.Join(dir, "expected.json"), &expected)
	want, got := map[string]bool{}, map[string]bool{}
	for _, f := range expected {
		version, _, _ := strings.Cut(f[1], "-") // without the platform: a gem is one package
		want[f[0]+" "+version+" "+f[2]] = true
	}
	report := scanTree(t, dir, db)
	for _, f := range report.Findings {
		p := f.Vulnerability.Package
		got[p.Name+" "+p.Version+" "+f.Rule] = true
	}
	compareSets(t, got, want)
	for _, g := range report.Coverage.Gaps {
		t.Errorf("gap %+v", g)
	}
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}
