package deptest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each package has a row in the table of rooms, or is in a room that has one:
// below scanners/NAME or internal/NAME. Each row is about a package.
func TestRoomsAreDocumented(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Rooms")
	rows := map[string]bool{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
				rows[m[1]] = true
			}
		}
	}
	packages := map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil || name == "testdata" || name == "fixtures" || name == "build" || strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
		}
		if dir, err := filepath.Rel(root, filepath.Dir(path)); err == nil && strings.HasSuffix(name, ".go") && dir != "." {
			packages[filepath.ToSlash(dir)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 20 || len(rows) < 20 {
		t.Fatalf("found %d packages and %d rows", len(packages), len(rows))
	}
	for dir := range packages {
		covered := rows[dir]
		// Rooms with more inside: the row of the room is enough.
		for _, room := range []string{"scanners/*", "internal/*", "policies", "attest/sign"} {
			depth := 1 + strings.Count(room, "/")
			parts := strings.SplitN(dir, "/", depth+1)
			above := strings.Join(parts[:min(depth, len(parts))], "/")
			if ok, _ := filepath.Match(room, above); ok && rows[above] {
				covered = true
			}
		}
		if !covered {
			t.Errorf("docs/architecture.md has no row for %s", dir)
		}
	}
	for row := range rows {
		if row != "gatehouse" && !packages[row] {
			t.Errorf("docs/architecture.md has a row for %s, which is no package", row)
		}
	}
}
