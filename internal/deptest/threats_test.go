package deptest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var threatID = regexp.MustCompile(`TM-\d\d`)

// Each threat of SECURITY.md is named by a test that guards against it, and no
// test names a threat that is not there.
func TestThreatsAreGuarded(t *testing.T) {
	data, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	guards := map[string]int{}
	for _, id := range threatID.FindAllString(string(data), -1) {
		guards[id] = 0
	}
	if len(guards) < 10 {
		t.Fatalf("only %d threats were found in SECURITY.md", len(guards))
	}
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "build") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") && filepath.Ext(path) != ".txtar" || d.Name() == "threats_test.go" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, id := range threatID.FindAllString(string(data), -1) {
			if _, ok := guards[id]; !ok {
				t.Errorf("%s names %s, which SECURITY.md does not have", path, id)
			}
			guards[id]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range guards {
		if n == 0 {
			t.Errorf("no test names %s", id)
		}
	}
}
