package secrets_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	builtin "github.com/aquasecurity/trivy/pkg/fanal/secret"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

// sources is a tree of real source code: the Go standard library, which is
// wherever the tests run, or the tree that BENCH_TREE names.
func sources(b *testing.B) map[string][]byte {
	b.Helper()
	root := os.Getenv("BENCH_TREE")
	if root == "" {
		root = filepath.Join(runtime.GOROOT(), "src", "net")
	}
	files := map[string][]byte{}
	total := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || total > 64<<20 {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.IndexByte(data[:min(len(data), 8000)], 0) < 0 {
			files[strings.TrimPrefix(path, root+"/")] = data
			total += len(data)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		b.Fatalf("no source files in %s: %v", root, err)
	}
	return files
}

// BenchmarkTree compares with the scanner the rules come from, on one core and
// the same files, with its allow rules for paths off as far as possible.
func BenchmarkTree(b *testing.B) {
	files := sources(b)
	total := int64(0)
	for _, data := range files {
		total += int64(len(data))
	}
	b.Run("gatehouse", func(b *testing.B) {
		s, err := secrets.New(secrets.Options{Key: []byte(testKey)})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(total)
		b.ReportAllocs()
		for b.Loop() {
			for path, data := range files {
				s.ScanFile(b.Context(), &gatehouse.File{FileInfo: gatehouse.FileInfo{Path: path}, Data: data}, &gatehouse.Pass{})
			}
		}
	})
	b.Run("trivy", func(b *testing.B) {
		none := []string{}
		s := builtin.NewScanner(&builtin.Config{
			DisableAllowRuleIDs: []string{"tests", "examples", "vendor", "markdown", "usr-dirs", "dist-info", "locale-dir"},
			SkipPatterns:        &none,
		})
		b.SetBytes(total)
		b.ReportAllocs()
		for b.Loop() {
			for path, data := range files {
				s.Scan(builtin.ScanArgs{FilePath: path, Content: bytes.NewReader(data)})
			}
		}
	})
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := secrets.New(secrets.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
