package sca_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// FuzzScan scans any bytes under each name that is read. Nothing may crash, and
// no file may vanish from the coverage.
func FuzzScan(f *testing.F) {
	for i, c := range everyFormat {
		f.Add(uint(i), []byte(c.text))
	}
	for i, text := range []string{`{"dependencies":{"a":"1.0.0"}}`, "[project]\ndependencies=['a']\n", "gem 'a'\n"} {
		f.Add(uint(len(everyFormat)+i), []byte(text))
	}
	names := []string{"package.json", "pyproject.toml", "Gemfile", "environment.yml", "Pipfile", "composer.json", "Cargo.toml", "pubspec.yaml", "a.csproj", "build.gradle", "Project.toml"}
	for _, c := range everyFormat {
		names = append([]string{c.path}, names...)
	}
	s := newScanner(f, testDB())
	s.Canaries = nil
	f.Fuzz(func(t *testing.T, which uint, data []byte) {
		name := names[which%uint(len(names))]
		r := scannertest.Scan(t, s, map[string]string{name: string(data)})
		for _, g := range r.Coverage.Gaps {
			if g.Code == gatehouse.GapPanic || g.Code == gatehouse.GapTimeout {
				t.Errorf("%s: %s", name, g.Reason)
			}
		}
		c := r.Coverage.Scanners[0]
		if c.Scanned+c.Failed+c.Skipped != 1 {
			t.Errorf("%s ends in %+v", name, c)
		}
	})
}

// BenchmarkScan scans a lockfile of 2,000 packages, each with advisories.
func BenchmarkScan(b *testing.B) {
	db := &memoryDB{}
	var text strings.Builder
	text.WriteString(`{"lockfileVersion":3,"packages":{"":{"dependencies":{"p0":"1"}}`)
	for i := range 2000 {
		fmt.Fprintf(&text, ",\n\"node_modules/p%d\": {\"version\": \"1.%d.0\", \"dependencies\": {\"p%d\": \"1\", \"p%d\": \"1\"}}", i, i, (i+1)%2000, (i*7)%2000)
		for k := range 5 {
			db.add("npm", fmt.Sprintf("p%d", i), vulndb.Advisory{ID: fmt.Sprintf("CVE-%d-%d", i, k), VulnerableVersions: []string{fmt.Sprintf(">=1.0.0, <1.%d.0", k*200), ">=2.0.0, <2.1.0"}})
		}
	}
	text.WriteString("}}")
	files := map[string]string{"package-lock.json": text.String()}
	s := newScanner(b, db)
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		r := scannertest.Scan(b, s, files)
		if len(r.Components) != 2000 || len(r.Findings) == 0 {
			b.Fatal(len(r.Components), len(r.Findings), gapLines(r))
		}
	}
}
