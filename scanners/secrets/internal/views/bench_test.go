package views_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/views"
)

// BenchmarkWalk measures what views cost on plain source code, without what is
// looked for in them: the time to find them, and how much text they add.
func BenchmarkWalk(b *testing.B) {
	var files [][]byte
	total := 0
	root := filepath.Join(runtime.GOROOT(), "src", "net")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(p, ".go") {
			return err
		}
		data, err := os.ReadFile(p)
		files = append(files, data)
		total += len(data)
		return err
	})
	if err != nil || total == 0 {
		b.Fatalf("no source files in %s: %v", root, err)
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	added := 0
	for b.Loop() {
		added = 0
		for _, data := range files {
			_, err := views.Walk(b.Context(), "f.go", data, func(v *views.View) error {
				if v.Derived {
					added += len(v.Text)
				}
				return nil
			}, func(gatehouse.Gap) {})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(100*float64(added)/float64(total), "%added")
}
