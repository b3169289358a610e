package vulndb_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	trivydb "github.com/aquasecurity/trivy-db/pkg/db"
	trivytypes "github.com/aquasecurity/trivy-db/pkg/types"
	bolt "go.etcd.io/bbolt"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

func copyDB(from, to string) error {
	for _, name := range []string{"trivy.db", "metadata.json", "gatehouse.sums", "gatehouse.json"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func TestInstall(t *testing.T) {
	src := writeTestDB(t)
	dst := filepath.Join(t.TempDir(), "a", "b")
	if err := vulndb.Install(dst, func(tmp string) error { return copyDB(src, tmp) }); err != nil {
		t.Fatal(err)
	}
	want := openTestDB(t, dst).Info().Digest
	// A failure leaves everything as it was.
	boom := errors.New("boom")
	err := vulndb.Install(dst, func(tmp string) error {
		os.WriteFile(filepath.Join(tmp, "trivy.db"), []byte("x"), 0o644)
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if got := openTestDB(t, dst).Info().Digest; got != want {
		t.Errorf("the database changed: got %s, want %s", got, want)
	}
	entries, err := os.ReadDir(dst)
	if err != nil || len(entries) != 4 {
		t.Errorf("the directory holds %v, %v; want four files", entries, err)
	}
	// What a killed process left is removed, but not at once.
	old, young := filepath.Join(dst, ".gatehouse-db-old"), filepath.Join(dst, ".gatehouse-db-young")
	past := time.Now().Add(-2 * time.Hour)
	if err := errors.Join(os.Mkdir(old, 0o755), os.Mkdir(young, 0o755), os.Chtimes(old, past, past)); err != nil {
		t.Fatal(err)
	}
	if err := vulndb.Install(dst, func(tmp string) error { return copyDB(src, tmp) }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("an abandoned directory was left")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("a directory that may be in use was removed")
	}
}

// TestInstallAndOpen replaces the database while others read it.
func TestInstallAndOpen(t *testing.T) {
	src := writeTestDB(t)
	dst := t.TempDir()
	install := func() error {
		return vulndb.Install(dst, func(tmp string) error { return copyDB(src, tmp) })
	}
	if err := install(); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 1000)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 20 {
				errs <- install()
			}
		})
		wg.Go(func() {
			for range 40 {
				db, err := vulndb.Open(dst)
				if err == nil {
					var found []vulndb.Advisory
					found, err = db.Advisories("npm", "lodash")
					if len(found) != 3 || db.Info().Advisories != 4 {
						err = errors.Join(err, fmt.Errorf("got %d advisories and %+v", len(found), db.Info()))
					}
					db.Close()
				}
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := vulndb.Verify(dst); err != nil {
		t.Error(err)
	}
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := writeTestDB(t)
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	db := openTestDB(t, dir)
	if got, err := db.Advisories("npm", "lodash"); err != nil || len(got) != 3 {
		t.Errorf("got %v, %v", got, err)
	}
	if err := vulndb.Verify(dir); err != nil {
		t.Error(err)
	}
	after, err := os.ReadDir(dir)
	if err != nil || len(after) != len(before) {
		t.Errorf("the directory changed: %v, %v", after, err)
	}
}

func TestOpenLocked(t *testing.T) {
	dir := writeTestDB(t)
	db, err := bolt.Open(filepath.Join(dir, "trivy.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := vulndb.Open(dir); !errors.Is(err, vulndb.ErrLocked) || !strings.Contains(err.Error(), "wait") {
		t.Errorf("got %v", err)
	}
}

func TestOpenEmpty(t *testing.T) {
	dir := t.TempDir()
	db, err := bolt.Open(filepath.Join(dir, "trivy.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		v, err := tx.CreateBucket([]byte("vulnerability"))
		if err != nil {
			return err
		}
		b, err := tx.CreateBucket([]byte("npm::Some source"))
		if err != nil {
			return err
		}
		_, err = b.CreateBucket([]byte("lodash")) // a package without advisories
		return errors.Join(err, v.Put([]byte("CVE-1"), []byte("{}")))
	})
	if err := errors.Join(err, db.Close(), vulndb.WriteMetadata(dir, vulndb.Metadata{Version: 2})); err != nil {
		t.Fatal(err)
	}
	if _, err := vulndb.Open(dir); !errors.Is(err, vulndb.ErrEmpty) {
		t.Errorf("got %v, want ErrEmpty", err)
	}
}

// TestForeign opens a database without manifest, which trivy-db's own code
// wrote.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	if err := trivydb.Init(dir); err != nil {
		t.Fatal(err)
	}
	dbc := trivydb.Config{}
	published := testNow.Add(-time.Hour)
	err := dbc.BatchUpdate(func(tx *bolt.Tx) error {
		adv := &trivytypes.Advisory{VendorIDs: []string{"GHSA-x"}, VulnerableVersions: []string{"<1.0"}, PatchedVersions: []string{"1.0"}, Severity: trivytypes.SeverityLow}
		return errors.Join(
			dbc.PutDataSource(tx, "npm::Foreign", trivytypes.DataSource{ID: "ghsa", Name: "Foreign", URL: "https://example.com"}),
			dbc.PutAdvisory(tx, []string{"npm::Foreign", "thing"}, "CVE-2020-1", adv),
			dbc.PutAdvisory(tx, []string{"alpine 3.18", "musl"}, "CVE-2020-2", &trivytypes.Advisory{FixedVersion: "1.2.3-r4"}),
			dbc.PutVulnerability(tx, "CVE-2020-1", trivytypes.Vulnerability{
				Title: "T", Severity: "HIGH", PublishedDate: &published,
				VendorSeverity: trivytypes.VendorSeverity{"nvd": trivytypes.SeverityCritical, "ghsa": trivytypes.SeverityMedium},
				CVSS:           trivytypes.VendorCVSS{"nvd": {V3Vector: "v", V3Score: 9.8}},
			}),
		)
	})
	if err := errors.Join(err, trivydb.Close(), vulndb.WriteMetadata(dir, vulndb.Metadata{Version: 2, UpdatedAt: testNow})); err != nil {
		t.Fatal(err)
	}
	db := openTestDB(t, dir)
	got, err := db.Advisories("npm", "thing")
	if err != nil || len(got) != 1 || got[0].ID != "CVE-2020-1" || got[0].Aliases[0] != "GHSA-x" || got[0].PatchedVersions[0] != "1.0" ||
		got[0].Severity.String() != "LOW" || got[0].Source != (vulndb.Source{ID: "ghsa", Name: "Foreign", URL: "https://example.com"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	d, ok, err := db.Details("CVE-2020-1")
	if err != nil || !ok || d.Title != "T" || d.Score() != 9.8 || !d.Published.Equal(published) ||
		d.Severity.String() != "HIGH" || d.SeverityOf("ghsa").String() != "MEDIUM" || d.SeverityOf("osv").String() != "CRITICAL" {
		t.Errorf("got %+v, %v, %v", d, ok, err)
	}
	s, err := db.Status(testNow.Add(time.Hour))
	if err != nil || s.Advisories != 2 || s.Ecosystems["npm"] != 1 || s.Ecosystems["alpine 3.18"] != 1 || s.Age != time.Hour || !s.WholeDigest {
		t.Errorf("got %+v, %v", s, err)
	}
	if err := vulndb.Verify(dir); err != nil {
		t.Error(err)
	}
}

// TestTrivyReadsOurs opens our file with trivy-db's own code.
func TestTrivyReadsOurs(t *testing.T) {
	dir := writeTestDB(t)
	if err := trivydb.Init(dir, trivydb.WithBoltOptions(&bolt.Options{ReadOnly: true})); err != nil {
		t.Fatal(err)
	}
	defer trivydb.Close()
	dbc := trivydb.Config{}
	advisories, err := dbc.GetAdvisories("npm::", "lodash")
	if err != nil || len(advisories) != 2 { // one for each id
		t.Errorf("got %v, %v", advisories, err)
	}
	for _, a := range advisories {
		if a.DataSource == nil || a.DataSource.Name == "" || len(a.VulnerableVersions) == 0 {
			t.Errorf("got %+v", a)
		}
	}
	v, err := dbc.GetVulnerability("CVE-2021-0001")
	if err != nil || v.Title != "Command injection" || v.Severity != "HIGH" || v.VendorSeverity["osv"] != trivytypes.SeverityCritical {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestVerifyManifest(t *testing.T) {
	dir := writeTestDB(t)
	path := filepath.Join(dir, "gatehouse.json")
	var m vulndb.Manifest
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := vulndb.Verify(dir); err != nil {
		t.Fatal(err)
	}
	m.Ecosystems["npm"]++
	if err := vulndb.WriteManifest(dir, m); err != nil {
		t.Fatal(err)
	}
	if err := vulndb.Verify(dir); !errors.Is(err, vulndb.ErrCorrupt) {
		t.Errorf("a wrong count was not noticed: %v", err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := vulndb.Open(dir); err == nil || !strings.Contains(err.Error(), "gatehouse.json") {
		t.Errorf("a broken manifest: got %v", err)
	}
}
