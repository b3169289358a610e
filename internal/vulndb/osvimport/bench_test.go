package osvimport

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// BenchmarkImport imports all published advisories, and opens what it made.
func BenchmarkImport(b *testing.B) {
	data := os.Getenv("QUALITY_DATA")
	if data == "" {
		b.Skip("QUALITY_DATA is not set: the published advisories were NOT imported")
	}
	dst := b.TempDir()
	b.Run("import", func(b *testing.B) {
		for b.Loop() {
			if _, err := Import(b.Context(), dst, []string{filepath.Join(data, "sca/advisories")}, Options{Now: now}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			db, err := vulndb.Open(dst)
			if err != nil {
				b.Fatal(err)
			}
			db.Close()
		}
	})
}
