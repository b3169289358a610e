package vulndb_test

import (
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

func BenchmarkOpen(b *testing.B) {
	dir := writeTestDB(b)
	for b.Loop() {
		db, err := vulndb.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		db.Close()
	}
}

// BenchmarkOpenLarge opens a database of some hundred pages and reads one
// package, as a scan of a small project does.
func BenchmarkOpenLarge(b *testing.B) {
	dir := writeLargeDB(b)
	for b.Loop() {
		db, err := vulndb.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if got, err := db.Advisories("npm", "pkg-7"); err != nil || len(got) == 0 {
			b.Fatal(got, err)
		}
		db.Close()
	}
}

func BenchmarkLookup(b *testing.B) {
	db := openTestDB(b, writeTestDB(b))
	b.Run("hit", func(b *testing.B) {
		for b.Loop() {
			if got, err := db.Advisories("npm", "lodash"); err != nil || len(got) != 3 {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("miss", func(b *testing.B) {
		for b.Loop() {
			if got, err := db.Advisories("npm", "left-pad"); err != nil || got != nil {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				if got, err := db.Advisories("npm", "lodash"); err != nil || len(got) != 3 {
					b.Error(got, err)
				}
			}
		})
	})
	b.Run("details", func(b *testing.B) {
		for b.Loop() {
			if _, ok, err := db.Details("CVE-2021-0001"); err != nil || !ok {
				b.Fatal(ok, err)
			}
		}
	})
}
