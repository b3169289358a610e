package inventory

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// endless are formats of which the start may be a whole file as well: a
// cut between two packages, or within a version, cannot always be seen.
var endless = []string{"requirements-dev.txt", "pdm.lock", "go.mod", "cargo.lock", "uv.lock", "pylock.toml", "yarn.lock", "pnpm-lock.yaml", "manifest.toml"}

// labels are the packages that a text names; told is true if an error or a gap
// says that there may be more.
func labels(path, text string) (found map[string]bool, told bool) {
	found = map[string]bool{}
	f := &Lockfile{Path: path, Data: []byte(text)}
	inv, err := Safely(f, FormatOf(path).Parse)
	for i := range inv.Packages {
		found[inv.Packages[i].Label()] = true
	}
	return found, err != nil || len(inv.Gaps) > 0 || inv.Skip != ""
}

// TestTruncation cuts a lockfile of each format at each byte: what is left may
// not look whole with a package missing or with a version that is not in it.
func TestTruncation(t *testing.T) {
	for _, c := range factCases {
		name := strings.ToLower(filepath.Base(c.path))
		whole, _ := labels(c.path, c.text)
		if len(whole) == 0 {
			t.Errorf("%s names no packages", c.path)
		}
		silent := 0
		for i := 1; i < len(c.text); i++ {
			cut := c.text[:i]
			if strings.TrimSpace(c.text[i:]) == "" {
				continue
			}
			got, told := labels(c.path, cut)
			lost := false
			for l := range whole {
				lost = lost || !got[l]
			}
			if told || !lost {
				continue
			}
			silent++
			if !slices.Contains(endless, name) {
				t.Errorf("%s cut after %q: names %v in silence, want %v", c.path, cut[max(0, len(cut)-40):], got, whole)
				break
			}
		}
		t.Logf("%s: %d of %d cuts cannot be seen", c.path, silent, len(c.text))
	}
}

// TestTruncationOfRealFiles does the same with real lockfiles, cut in many
// places. JSON must tell each cut.
func TestTruncationOfRealFiles(t *testing.T) {
	data := os.Getenv("QUALITY_DATA")
	if data == "" {
		t.Skip("QUALITY_DATA is not set: NOT cutting real lockfiles")
	}
	files := 0
	err := filepath.WalkDir(filepath.Join(data, "sca"), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || FormatOf(p) == nil || FormatOf(p).Binary || ManifestOf(p) != nil || FormatOf(p).eco.Delivery() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		text := string(PlainText(b))
		whole, _ := labels(p, text)
		if len(whole) == 0 {
			return nil
		}
		files++
		silent, cuts := 0, 0
		step := max(1, len(text)/200)
		for i := 1; i < len(text); i += step {
			if strings.TrimSpace(text[i:]) == "" {
				continue
			}
			cuts++
			if got, told := labels(p, text[:i]); !told && len(got) < len(whole) {
				silent++
			}
		}
		t.Logf("%s: %d of %d cuts cannot be seen", filepath.Base(p), silent, cuts)
		if strings.HasSuffix(p, ".json") && silent > 0 {
			t.Errorf("%s: %d cuts are read in silence", p, silent)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatal(files, err)
	}
}
