package vulndb_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/builder"
)

// writeLargeDB builds a database of some hundred pages.
func writeLargeDB(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	b, err := builder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 400 {
		id := fmt.Sprintf("GHSA-%04d-aaaa-aaaa", i)
		e, _, err := b.Entry(ghsaNpm.Source, id, testNow, vulndb.Detail{Title: "Title " + id, Description: string(bytes.Repeat([]byte("x"), i*3)), Published: testNow})
		if err != nil {
			t.Fatal(err)
		}
		for p := range 3 {
			err := e.Advisory("npm", ghsaNpm, fmt.Sprintf("pkg-%d", i%50+p), vulndb.Advisory{ID: id, VulnerableVersions: []string{fmt.Sprintf("<%d.0.0", i)}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := b.Finish(vulndb.Metadata{Version: 2, UpdatedAt: testNow, DownloadedAt: testNow}, vulndb.Manifest{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// answers is what a scan would learn from a database, or the error.
func answers(dir string) (string, error) {
	db, err := vulndb.Open(dir)
	if err != nil {
		return "", err
	}
	defer db.Close()
	var out bytes.Buffer
	info := db.Info()
	fmt.Fprintln(&out, info.Digest, info.UpdatedAt, info.Advisories, info.Sources)
	for i := 0; i < 53; i += 7 {
		list, err := db.Advisories("npm", fmt.Sprintf("pkg-%d", i))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&out, list)
		for _, a := range list {
			d, ok, err := db.Details(a.ID)
			if err != nil {
				return "", err
			}
			fmt.Fprintln(&out, ok, d)
		}
	}
	counts, err := db.Ecosystems()
	if err != nil {
		return "", err
	}
	fmt.Fprintln(&out, counts)
	return out.String(), nil
}

// TestDamage cuts the files of a database at each page and changes bytes in
// them: what is read then is either the truth or ErrCorrupt, and the full check
// notices it in any case.
func TestDamage(t *testing.T) {
	src := writeLargeDB(t)
	want, err := answers(src)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := copyDB(src, dir); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	try := func(t *testing.T, name string, bad []byte, what string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := vulndb.Verify(dir); !errors.Is(err, vulndb.ErrCorrupt) && !errors.Is(err, vulndb.ErrSchema) && name != vulndb.MetadataName {
			t.Errorf("%s: %s: the full check says %v", name, what, err)
		}
		got, err := answers(dir)
		if err == nil && got != want {
			t.Errorf("%s: %s: the answers are wrong", name, what)
		}
		if err != nil && !errors.Is(err, vulndb.ErrCorrupt) && name != vulndb.MetadataName {
			t.Errorf("%s: %s: got %v", name, what, err)
		}
	}
	for _, name := range []string{vulndb.FileName, vulndb.SumsName, vulndb.ManifestName, vulndb.MetadataName} {
		t.Run(name, func(t *testing.T) {
			good, err := os.ReadFile(filepath.Join(src, name))
			if err != nil {
				t.Fatal(err)
			}
			defer os.WriteFile(filepath.Join(dir, name), good, 0o644)
			step := 4096
			if len(good) < 20*step {
				step = 1 + len(good)/40
			}
			for n := 0; n < len(good); n += step {
				for _, cut := range []int{n, n + 1, n + step/2} {
					if cut < len(good) {
						try(t, name, good[:cut], fmt.Sprintf("cut at %d", cut))
					}
				}
			}
			try(t, name, append(bytes.Clone(good), make([]byte, 4096)...), "longer")
			if name != vulndb.MetadataName {
				for n := 0; n < len(good); n += step {
					bad := bytes.Clone(good)
					bad[n+r.IntN(min(step, len(good)-n))] ^= byte(1 + r.IntN(255))
					try(t, name, bad, fmt.Sprintf("a byte changed in page %d", n/step))
				}
			}
		})
	}
	if got, err := answers(dir); err != nil || got != want {
		t.Errorf("the test did not restore the files: %v", err)
	}
}

// TestNewerMetadata: a database cannot be made to look younger.
func TestNewerMetadata(t *testing.T) {
	dir := writeTestDB(t)
	if err := vulndb.WriteMetadata(dir, vulndb.Metadata{Version: 2, UpdatedAt: testNow.AddDate(1, 0, 0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := vulndb.Open(dir); !errors.Is(err, vulndb.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

// TestReplacedWhileOpen looks things up while the database is replaced again
// and again: who has it open sees the old one to the end.
func TestReplacedWhileOpen(t *testing.T) {
	large, small, dir := writeLargeDB(t), writeTestDB(t), t.TempDir()
	install := func(src string) error {
		return vulndb.Install(dir, func(tmp string) error { return copyDB(src, tmp) })
	}
	if err := install(large); err != nil {
		t.Fatal(err)
	}
	want, err := answers(large)
	if err != nil {
		t.Fatal(err)
	}
	wantSmall, err := answers(small)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 30 {
				if got, err := answers(dir); err != nil || got != want && got != wantSmall {
					t.Errorf("a mixture was read, or %v", err)
					return
				}
			}
		})
	}
	for i := range 20 {
		if err := install([]string{small, large}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}
