package gatehouse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// words is a scanner that reports each line with the word "bad".
func words() *gatehouse.Scanner {
	return &gatehouse.Scanner{
		Name: "words", Doc: "finds bad words", Reads: "text files", Version: "1",
		Want: func(f gatehouse.FileInfo) gatehouse.Want {
			switch filepath.Ext(f.Path) {
			case ".txt":
				return gatehouse.Want{Scan: true}
			case ".png":
				return gatehouse.Want{Skip: "image file"}
			}
			return gatehouse.Want{}
		},
		ScanFile: func(_ context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
			if bytes.HasPrefix(f.Data, []byte("\x00")) {
				p.Skip("binary file")
			}
			for i, line := range bytes.Split(f.Data, []byte("\n")) {
				if bytes.Contains(line, []byte("bad")) {
					p.Report(gatehouse.Finding{Rule: "bad-word", Kind: gatehouse.KindSecret, Title: "Bad word", Message: "a bad word",
						Location: gatehouse.Location{Line: i + 1}, Fingerprint: gatehouse.Fingerprint(gatehouse.KindSecret, "bad-word"),
						Secret: &gatehouse.Secret{Redacted: "***"}})
				}
			}
			return nil
		},
		Canaries: []gatehouse.Canary{{Name: "a bad line", Path: "canary.txt", Rule: "bad-word", Data: func() []byte { return []byte("bad") }}},
	}
}

func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t testing.TB, dir string) *gatehouse.Target {
	t.Helper()
	target, err := gatehouse.OpenTarget(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	target.Name = "target"
	return target
}

func scan(t testing.TB, target *gatehouse.Target, opts gatehouse.ScanOptions, scanners ...*gatehouse.Scanner) *gatehouse.Report {
	t.Helper()
	r, err := gatehouse.Scan(t.Context(), target, scanners, opts)
	if err != nil {
		t.Fatal(err)
	}
	checkLedger(t, r)
	return r
}

// checkLedger holds what must be true of every report: each file ends for each
// scanner in exactly one way, and nothing failed without a gap.
func checkLedger(t testing.TB, r *gatehouse.Report) {
	t.Helper()
	for _, f := range r.Coverage.Files {
		ended := map[string]int{}
		for _, list := range [][]string{f.Scanned, f.NotApplicable} {
			for _, s := range list {
				ended[s]++
			}
		}
		for _, list := range [][]gatehouse.ScannerReason{f.Skipped, f.Failed} {
			for _, s := range list {
				ended[s.Scanner]++
				if s.Reason == "" {
					t.Errorf("%s: no reason is given for %s", f.Path, s.Scanner)
				}
			}
		}
		for _, s := range r.Coverage.Scanners {
			if ended[s.Name] != 1 {
				t.Errorf("%s ends %d times for %s: %+v", f.Path, ended[s.Name], s.Name, f)
			}
		}
	}
	failed := 0
	for _, s := range r.Coverage.Scanners {
		failed += s.Failed
	}
	if failed > 0 && len(r.Coverage.Gaps) == 0 {
		t.Error("files failed, but there is no gap")
	}
	ids := map[string]bool{}
	for _, f := range r.Findings {
		if f.ID == "" || ids[f.ID] {
			t.Errorf("finding id %q is empty or used twice", f.ID)
		}
		ids[f.ID] = true
	}
	for _, g := range r.Coverage.Gaps {
		if g.ID == "" || ids[g.ID] || g.Reason == "" || g.Code == "" {
			t.Errorf("gap %+v lacks an id of its own, a code or a reason", g)
		}
		ids[g.ID] = true
	}
}

func gap(t testing.TB, r *gatehouse.Report, code gatehouse.GapCode, path string) gatehouse.Gap {
	t.Helper()
	for _, g := range r.Coverage.Gaps {
		if g.Code == code && g.Path == path {
			return g
		}
	}
	t.Fatalf("no gap %s for %q in %+v", code, path, r.Coverage.Gaps)
	return gatehouse.Gap{}
}

func TestScanLedger(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": "good\nbad\n", "b/c.txt": "fine", "b/d.png": "x", "e.go": "package e", "b/f.txt": "\x00bad?"})
	r := scan(t, open(t, dir), gatehouse.ScanOptions{}, words())
	// A secret in two places is one finding.
	if len(r.Findings) != 1 || r.Findings[0].Location.String() != "a.txt:2" || r.Findings[0].Scanner != "words" ||
		len(r.Findings[0].Also) != 1 || r.Findings[0].Also[0].String() != "b/f.txt:1" {
		t.Errorf("findings: %+v", r.Findings)
	}
	got := r.Coverage.Scanners[0]
	if got.Scanned != 2 || got.Skipped != 2 || got.NotApplicable != 1 || got.Failed != 0 || got.Status != gatehouse.StatusComplete || got.Canaries != 1 {
		t.Errorf("coverage: %+v", got)
	}
	if len(r.Coverage.Gaps) != 0 {
		t.Errorf("gaps: %+v", r.Coverage.Gaps)
	}
	if r.Target.Files != 5 || !strings.HasPrefix(r.Target.Digest, "sha256:") {
		t.Errorf("target: %+v", r.Target)
	}
}

// countingFS counts how often each file is opened and how many bytes are read.
type countingFS struct {
	gatehouse.FS
	mu    sync.Mutex
	opens map[string]int
	bytes map[string]int
}

type countingFile struct {
	fs.File
	name string
	c    *countingFS
}

func (c *countingFS) Open(name string) (fs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opens[name]++
	return &countingFile{f, name, c}, nil
}

func (f *countingFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	f.c.bytes[f.name] += n
	return n, err
}

func TestEachFileIsReadOnce(t *testing.T) {
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprintf("d%d/f%d.txt", i%7, i)] = strings.Repeat("bad line\n", i)
	}
	target := open(t, tree(t, files))
	counter := &countingFS{FS: target.FS, opens: map[string]int{}, bytes: map[string]int{}}
	target.FS = counter
	second, third := words(), grouping()
	second.Name = "second"
	scan(t, target, gatehouse.ScanOptions{}, words(), second, third)
	if len(counter.opens) != 200 {
		t.Errorf("%d files were opened, not 200", len(counter.opens))
	}
	for name, n := range counter.opens {
		if n != 1 {
			t.Errorf("%s was opened %d times", name, n)
		}
		if counter.bytes[name] != len(files[name]) {
			t.Errorf("%s: %d bytes were read of %d", name, counter.bytes[name], len(files[name]))
		}
	}
}

// grouping is a scanner that looks at all .txt files of a directory together.
func grouping() *gatehouse.Scanner {
	s := words()
	s.Name = "grouping"
	s.Groups = func(files []gatehouse.FileInfo) []gatehouse.Group {
		byDir := map[string][]string{}
		for _, f := range files {
			if filepath.Ext(f.Path) == ".txt" {
				byDir[filepath.Dir(f.Path)] = append(byDir[filepath.Dir(f.Path)], f.Path)
			}
		}
		var groups []gatehouse.Group
		for dir, paths := range byDir {
			groups = append(groups, gatehouse.Group{Type: "dir", Dir: dir, Owned: paths})
		}
		slices.SortFunc(groups, func(a, b gatehouse.Group) int { return strings.Compare(a.Dir, b.Dir) })
		return groups
	}
	s.ScanGroup = func(_ context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
		for _, path := range slices.Sorted(func(yield func(string) bool) {
			for k := range g.Files {
				if !yield(k) {
					return
				}
			}
		}) {
			switch string(g.Files[path].Data) {
			case "fail":
				p.FailFile(path, "it says so")
			case "error":
				return errors.New("the group is broken")
			case "bad":
				p.Report(gatehouse.Finding{Rule: "bad-word", Kind: gatehouse.KindSecret, Location: gatehouse.Location{Path: path}, Fingerprint: "x"})
			}
		}
		return nil
	}
	return s
}

func TestGroups(t *testing.T) {
	dir := tree(t, map[string]string{"a/1.txt": "bad", "a/2.txt": "fail", "b/1.txt": "error", "b/2.txt": "bad", "c/1.txt": "fine"})
	r := scan(t, open(t, dir), gatehouse.ScanOptions{}, grouping())
	if len(r.Findings) != 1 || r.Findings[0].Location.Path != "a/1.txt" {
		t.Errorf("findings: %+v", r.Findings)
	}
	gap(t, r, gatehouse.GapParse, "a/2.txt")
	if g := gap(t, r, gatehouse.GapParse, "b"); g.Reason != "the group is broken" {
		t.Errorf("gap of the group: %+v", g)
	}
	if s := r.Coverage.Scanners[0]; s.Scanned != 2 || s.Failed != 3 || s.Status != gatehouse.StatusPartial {
		t.Errorf("coverage: %+v", s)
	}
}

func TestExcludesAreSkipsWithReason(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": "bad", "vendor/b.txt": "bad", ".git/config": "bad"})
	r := scan(t, open(t, dir), gatehouse.ScanOptions{Exclude: func(p string, dir bool) (string, bool) {
		return "because", dir && (p == "vendor" || p == ".git")
	}}, words())
	want := []gatehouse.Skip{{Path: ".git/", Reason: "because"}, {Path: "vendor/", Reason: "because"}}
	if !slices.Equal(r.Coverage.Skipped, want) || len(r.Findings) != 1 {
		t.Errorf("skipped: %+v, findings: %+v", r.Coverage.Skipped, r.Findings)
	}
}

// TestLinksAndSpecialFiles guards against TM-04.
func TestLinksAndSpecialFiles(t *testing.T) {
	outside := tree(t, map[string]string{"secret.txt": "bad"})
	dir := tree(t, map[string]string{"real.txt": "bad"})
	for name, dest := range map[string]string{"in.txt": "real.txt", "out.txt": filepath.Join(outside, "secret.txt"), "up": "../", "loop": ".", "self": "self"} {
		if err := os.Symlink(dest, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.txt"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := scan(t, open(t, dir), gatehouse.ScanOptions{}, words())
	if len(r.Findings) != 1 || len(r.Coverage.Files) != 1 {
		t.Errorf("files: %+v, findings: %+v", r.Coverage.Files, r.Findings)
	}
	if len(r.Coverage.Skipped) != 6 {
		t.Errorf("skipped: %+v", r.Coverage.Skipped)
	}
	for _, s := range r.Coverage.Skipped {
		if out := strings.Contains(s.Reason, "out of the target"); out != (s.Path == "out.txt" || s.Path == "up") {
			t.Errorf("%s: %s", s.Path, s.Reason)
		}
	}
}

// TestLinksByName guards against TM-01: a link may give a file a name that a
// scanner reads, while the file itself has none.
func TestLinksByName(t *testing.T) {
	dir := tree(t, map[string]string{"data.bin": "bad", "sub/x.txt": "fine", "left/y.txt": "bad"})
	links := map[string]string{
		"other-name.txt": "data.bin", "through.txt": "dir/../data.bin", "dir": "sub",
		"out.txt": "../elsewhere.txt", "absolute.txt": "/etc/hostname", "missing.txt": "nowhere", "circle.txt": "circle.txt", "excluded.txt": "left/y.txt",
		// These lose nothing: what they lead to is looked at, or has no name that promises anything.
		"same.txt": "sub/x.txt", "by-dir.txt": "dir/x.txt", "folder.txt": "sub", "sub/up": "../..", "none": "nowhere",
	}
	for name, dest := range links {
		if err := os.Symlink(dest, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	// A group may own what the scanner does not want by itself.
	grouped := words()
	grouped.Name = "grouped"
	grouped.Groups = func(files []gatehouse.FileInfo) []gatehouse.Group {
		for _, f := range files {
			if f.Path == "group.xml" {
				return []gatehouse.Group{{Type: "g", Dir: ".", Owned: []string{f.Path}}}
			}
		}
		return nil
	}
	grouped.ScanGroup = func(context.Context, *gatehouse.Group, *gatehouse.Pass) error { return nil }
	if err := os.Symlink("data.bin", filepath.Join(dir, "group.xml")); err != nil {
		t.Fatal(err)
	}
	if r := scan(t, open(t, dir), gatehouse.ScanOptions{}, grouped); !slices.ContainsFunc(r.Coverage.Gaps, func(g gatehouse.Gap) bool { return g.Path == "group.xml" }) {
		t.Errorf("a link to a member of a group is no gap: %+v", r.Coverage.Gaps)
	}
	if err := os.Remove(filepath.Join(dir, "group.xml")); err != nil {
		t.Fatal(err)
	}
	everything := words()
	everything.Name, everything.Want = "everything", func(gatehouse.FileInfo) gatehouse.Want { return gatehouse.Want{Scan: true} }
	r := scan(t, open(t, dir), gatehouse.ScanOptions{Exclude: func(p string, _ bool) (string, bool) { return "excluded", p == "left" }}, words(), everything)
	got := map[string]string{}
	for _, g := range r.Coverage.Gaps {
		if g.Code != gatehouse.GapUnresolved || g.Scanner != "words" {
			t.Errorf("unexpected gap %+v", g)
		}
		got[g.Path] = g.Reason
	}
	for path, want := range map[string]string{
		"other-name.txt": "leads to data.bin, which is no name that the scanner reads", "through.txt": "leads to data.bin, which is no name",
		"out.txt": "leads out of the target, to ../elsewhere.txt", "absolute.txt": "leads out of the target, to /etc/hostname",
		"missing.txt": "leads to nowhere, which is missing or left out", "circle.txt": "leads in a circle", "excluded.txt": "leads to left/y.txt, which is missing or left out",
	} {
		if !strings.Contains(got[path], want) {
			t.Errorf("%s: got %q, want %q", path, got[path], want)
		}
		delete(got, path)
	}
	if len(got) > 0 {
		t.Errorf("links that lose nothing are gaps: %v", got)
	}
	if len(r.Coverage.Skipped) != len(links)+1 {
		t.Errorf("skipped: %+v", r.Coverage.Skipped)
	}
}

// swapFS replaces a file by something else between listing and reading.
type swapFS struct {
	gatehouse.FS
	before func(name string)
}

func (s *swapFS) Open(name string) (fs.File, error) {
	s.before(name)
	return s.FS.Open(name)
}

// TestFileThatChangesUnderTheScan guards against TM-04.
func TestFileThatChangesUnderTheScan(t *testing.T) {
	outside := tree(t, map[string]string{"secret.txt": "bad"})
	for name, swap := range map[string]func(p string) error{
		"gone":    os.Remove,
		"link":    func(p string) error { os.Remove(p); return os.Symlink(filepath.Join(outside, "secret.txt"), p) },
		"fifo":    func(p string) error { os.Remove(p); return syscall.Mkfifo(p, 0o644) },
		"no more": func(p string) error { return os.Truncate(p, 0) },
		"less":    func(p string) error { return os.Truncate(p, 2) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, map[string]string{"a.txt": "fine"})
			target := open(t, dir)
			target.FS = &swapFS{target.FS, func(string) {
				if err := swap(filepath.Join(dir, "a.txt")); err != nil {
					t.Error(err)
				}
			}}
			r := scan(t, target, gatehouse.ScanOptions{}, words())
			if len(r.Findings) != 0 {
				t.Errorf("read outside of the target: %+v", r.Findings)
			}
			gap(t, r, gatehouse.GapUnreadable, "a.txt")
		})
	}
}

// TestUnreadable guards against TM-01.
func TestUnreadable(t *testing.T) {
	target := open(t, tree(t, map[string]string{"a.txt": "bad", "b.txt": "bad"}))
	target.FS = &failingFS{target.FS}
	r := scan(t, target, gatehouse.ScanOptions{}, words())
	if g := gap(t, r, gatehouse.GapUnreadable, "a.txt"); g.Reason != "permission denied" || g.Scanner != "" {
		t.Errorf("gap: %+v", g)
	}
	if len(r.Findings) != 1 {
		t.Errorf("findings: %+v", r.Findings)
	}
}

type failingFS struct{ gatehouse.FS }

func (f *failingFS) Open(name string) (fs.File, error) {
	if name == "a.txt" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	return f.FS.Open(name)
}

// TestTooLargeIsAGap guards against TM-05.
func TestTooLargeIsAGap(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": strings.Repeat("x", 2000), "b.txt": "bad"})
	r := scan(t, open(t, dir), gatehouse.ScanOptions{MaxFileBytes: 1000}, words())
	gap(t, r, gatehouse.GapTooLarge, "a.txt")
	if r.Coverage.Files[0].SHA256 == "" {
		t.Error("a file that is too large to scan is still part of the digest")
	}
}

// TestScannerMisbehaves guards against TM-01 and TM-03.
func TestScannerMisbehaves(t *testing.T) {
	for name, c := range map[string]struct {
		scan func(context.Context, *gatehouse.File, *gatehouse.Pass) error
		code gatehouse.GapCode
		text string
	}{
		"panic": {func(_ context.Context, f *gatehouse.File, _ *gatehouse.Pass) error {
			var m []int
			_ = m[len(f.Data)]
			return nil
		}, gatehouse.GapPanic, "crashed"},
		"error": {func(context.Context, *gatehouse.File, *gatehouse.Pass) error {
			return errors.New("line 3: odd\x1b[31m\nthing")
		}, gatehouse.GapParse, "line 3: odd[31m thing"},
		"unscannable": {func(context.Context, *gatehouse.File, *gatehouse.Pass) error {
			return &gatehouse.Unscannable{Code: gatehouse.GapUnresolved, Line: 7, Reason: "why"}
		}, gatehouse.GapUnresolved, "why"},
		"polite hang": {func(ctx context.Context, _ *gatehouse.File, _ *gatehouse.Pass) error { <-ctx.Done(); return ctx.Err() }, gatehouse.GapTimeout, "longer than"},
		"hang":        {func(context.Context, *gatehouse.File, *gatehouse.Pass) error { select {} }, gatehouse.GapTimeout, "longer than"},
		"flood": {func(_ context.Context, _ *gatehouse.File, p *gatehouse.Pass) error {
			for i := range 20_000 {
				p.Report(gatehouse.Finding{Rule: "r", Location: gatehouse.Location{Line: i + 1}})
			}
			return nil
		}, gatehouse.GapTooMany, "10000 more findings"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := words()
			bad.Name, bad.Canaries, bad.ScanFile = "misbehaving", nil, c.scan
			r := scan(t, open(t, tree(t, map[string]string{"a.txt": "bad"})), gatehouse.ScanOptions{FileTimeout: 50 * time.Millisecond}, bad, words())
			g := gap(t, r, c.code, "a.txt")
			if !strings.Contains(g.Reason, c.text) || g.Scanner != "misbehaving" {
				t.Errorf("gap: %+v", g)
			}
			if s := r.Coverage.Scanners; s[0].Status != gatehouse.StatusPartial || s[1].Status != gatehouse.StatusComplete {
				t.Errorf("coverage: %+v", s)
			}
		})
	}
}

// TestCanary guards against TM-02.
// A scanner that fails before it sees a file is no reason to go without it.
func TestScannerMisbehavesEarly(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": "bad", "b.txt": "bad"})
	t.Run("want", func(t *testing.T) {
		bad := words()
		bad.Name = "misbehaving"
		bad.Want = func(f gatehouse.FileInfo) gatehouse.Want {
			if f.Path == "a.txt" {
				panic("no idea")
			}
			return gatehouse.Want{Scan: true}
		}
		r := scan(t, open(t, dir), gatehouse.ScanOptions{}, bad, words())
		gap(t, r, gatehouse.GapPanic, "a.txt")
		if s := r.Coverage.Scanners; s[0].Scanned != 1 || s[0].Failed != 1 || s[1].Scanned != 2 {
			t.Errorf("coverage: %+v", s)
		}
	})
	for name, groups := range map[string]func([]gatehouse.FileInfo) []gatehouse.Group{
		"groups panic": func([]gatehouse.FileInfo) []gatehouse.Group { panic("no idea") },
		"groups hang":  func([]gatehouse.FileInfo) []gatehouse.Group { select {} },
	} {
		t.Run(name, func(t *testing.T) {
			bad := grouping()
			bad.Groups = groups
			r := scan(t, open(t, dir), gatehouse.ScanOptions{FileTimeout: 20 * time.Millisecond}, bad)
			if len(r.Coverage.Gaps) != 1 || r.Coverage.Gaps[0].Scanner != "grouping" || r.Coverage.Scanners[0].Status != gatehouse.StatusPartial {
				t.Errorf("gaps: %+v, coverage: %+v", r.Coverage.Gaps, r.Coverage.Scanners)
			}
		})
	}
}

func TestCanary(t *testing.T) {
	for name, change := range map[string]func(*gatehouse.Scanner){
		"misses": func(s *gatehouse.Scanner) {
			s.ScanFile = func(context.Context, *gatehouse.File, *gatehouse.Pass) error { return nil }
		},
		"fails": func(s *gatehouse.Scanner) {
			s.ScanFile = func(context.Context, *gatehouse.File, *gatehouse.Pass) error { return errors.New("no rules") }
		},
		"panics": func(s *gatehouse.Scanner) {
			s.ScanFile = func(context.Context, *gatehouse.File, *gatehouse.Pass) error { panic("no rules") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := words()
			change(s)
			r := scan(t, open(t, tree(t, map[string]string{"a.go": ""})), gatehouse.ScanOptions{}, s)
			if g := gap(t, r, gatehouse.GapCanary, ""); !strings.Contains(g.Reason, "its silence means nothing") {
				t.Errorf("gap: %+v", g)
			}
			if r.Coverage.Scanners[0].Status != gatehouse.StatusFailed {
				t.Errorf("coverage: %+v", r.Coverage.Scanners)
			}
		})
	}
}

// mapCache is a cache in memory.
type mapCache struct {
	mu sync.Mutex
	m  map[[32]byte][]byte
}

func (c *mapCache) Get(k [32]byte) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.m[k]
	return v, ok
}

func (c *mapCache) Put(k [32]byte, v []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[k] = v
}

func TestCache(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": "bad\nbad", "b.txt": "fine", "c/1.txt": "bad", "d.txt": "error"})
	cache := &mapCache{m: map[[32]byte][]byte{}}
	opts := gatehouse.ScanOptions{Cache: cache}
	s := func() []*gatehouse.Scanner { return []*gatehouse.Scanner{words(), grouping()} }
	first := scan(t, open(t, dir), opts, s()...)
	second := scan(t, open(t, dir), opts, s()...)
	if a, b := asJSON(t, first), asJSON(t, second); a != b {
		t.Errorf("the second run differs:\n%s\n%s", a, b)
	}
	// Four files, and the groups in "." (which fails) and "c".
	if first.Stats.CacheHits != 0 || second.Stats.CacheHits != 6 || second.Stats.CacheMisses != 0 {
		t.Errorf("first %+v, second %+v", first.Stats, second.Stats)
	}
	for name, change := range map[string]func(*gatehouse.Scanner){
		"version":  func(s *gatehouse.Scanner) { s.Version = "2" },
		"rules":    func(s *gatehouse.Scanner) { s.RulesDigest = "2" },
		"options":  func(s *gatehouse.Scanner) { s.OptionsDigest = "2" },
		"database": func(s *gatehouse.Scanner) { s.DatabaseDigest = "2" },
	} {
		sc := words()
		change(sc)
		if r := scan(t, open(t, dir), opts, sc); r.Stats.CacheHits != 0 {
			t.Errorf("another %s still hits: %+v", name, r.Stats)
		}
	}
	for k := range cache.m {
		cache.m[k] = []byte("{broken")
	}
	if r := scan(t, open(t, dir), opts, s()...); asJSON(t, r) != asJSON(t, first) {
		t.Error("broken entries change the result")
	}
}

// TestDocumentsAreNotCached guards against TM-06.
// What may go well the next time is tried again.
func TestCrashesAreNotCached(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": "x"})
	opts := gatehouse.ScanOptions{Cache: &mapCache{m: map[[32]byte][]byte{}}, FileTimeout: 20 * time.Millisecond}
	calls := 0
	s := words()
	s.Canaries = nil
	for _, f := range []func(context.Context, *gatehouse.File, *gatehouse.Pass) error{
		func(context.Context, *gatehouse.File, *gatehouse.Pass) error { calls++; panic("x") },
		func(ctx context.Context, _ *gatehouse.File, _ *gatehouse.Pass) error {
			calls++
			<-ctx.Done()
			return ctx.Err()
		},
		func(context.Context, *gatehouse.File, *gatehouse.Pass) error { calls++; return errors.New("broken") },
		func(context.Context, *gatehouse.File, *gatehouse.Pass) error { calls++; return nil },
	} {
		s.ScanFile = f
		r := scan(t, open(t, dir), opts, s)
		if len(r.Coverage.Gaps) != 1 {
			t.Errorf("gaps: %+v", r.Coverage.Gaps)
		}
	}
	if calls != 3 {
		t.Errorf("%d calls were made; the last should have had the error of the third", calls)
	}
}

func TestDocumentsAreNotCached(t *testing.T) {
	s := words()
	s.ScanFile = func(_ context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
		p.AddDocument(gatehouse.Document{JSON: gatehouse.RawJSON(`{"password":"x"}`)})
		return nil
	}
	s.Canaries = nil
	cache := &mapCache{m: map[[32]byte][]byte{}}
	r := scan(t, open(t, tree(t, map[string]string{"a.txt": "x"})), gatehouse.ScanOptions{Cache: cache}, s)
	if len(cache.m) != 0 || len(r.Documents) != 1 {
		t.Errorf("cache: %d entries, documents: %+v", len(cache.m), r.Documents)
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSameInputSameBytes(t *testing.T) {
	files := map[string]string{}
	for i := range 100 {
		files[fmt.Sprintf("%d/%d.txt", i%5, i)] = strings.Repeat("bad\n", i%4)
	}
	dir := tree(t, files)
	var want string
	for i := range 5 {
		got := asJSON(t, scan(t, open(t, dir), gatehouse.ScanOptions{Parallelism: 1 + i*3}, words(), grouping()))
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatal("two scans of one tree differ")
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := words()
	s.Canaries = nil
	s.ScanFile = func(ctx context.Context, _ *gatehouse.File, _ *gatehouse.Pass) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	files := map[string]string{}
	for i := range 100 {
		files[fmt.Sprintf("%d.txt", i)] = "x"
	}
	cache := &mapCache{m: map[[32]byte][]byte{}}
	_, err := gatehouse.Scan(ctx, open(t, tree(t, files)), []*gatehouse.Scanner{s}, gatehouse.ScanOptions{Cache: cache})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if len(cache.m) > 0 {
		t.Errorf("a cancelled scan left %d results: %q", len(cache.m), cache.m)
	}
}

func TestOpenTarget(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": "bad", "b.txt": "bad"})
	r := scan(t, open(t, filepath.Join(dir, "a.txt")), gatehouse.ScanOptions{}, words())
	if len(r.Findings) != 1 || len(r.Coverage.Files) != 1 || r.Target.Kind != gatehouse.TargetFile {
		t.Errorf("a single file: %+v", r)
	}
	if err := os.Symlink("a.txt", filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	if r := scan(t, open(t, filepath.Join(dir, "link.txt")), gatehouse.ScanOptions{}, words()); len(r.Findings) != 1 || r.Findings[0].Location.Path != "link.txt" {
		t.Errorf("a link to a single file: %+v", r)
	}
	if _, err := gatehouse.OpenTarget(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := gatehouse.OpenTarget("/dev/null"); err == nil || !strings.Contains(err.Error(), "is a device") {
		t.Errorf("device: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*gatehouse.Scanner){
		"name":    func(s *gatehouse.Scanner) { s.Name = "Two Words" },
		"doc":     func(s *gatehouse.Scanner) { s.Doc = "" },
		"version": func(s *gatehouse.Scanner) { s.Version = "" },
		"want":    func(s *gatehouse.Scanner) { s.Want = nil },
		"groups":  func(s *gatehouse.Scanner) { s.Groups = func([]gatehouse.FileInfo) []gatehouse.Group { return nil } },
		"rule":    func(s *gatehouse.Scanner) { s.Rules = []gatehouse.Rule{{ID: "x"}} },
		"canary":  func(s *gatehouse.Scanner) { s.Canaries = []gatehouse.Canary{{Name: "x"}} },
	} {
		s := words()
		change(s)
		if err := gatehouse.Validate([]*gatehouse.Scanner{s}); err == nil {
			t.Errorf("%s: a bad scanner is accepted", name)
		}
	}
	if err := gatehouse.Validate([]*gatehouse.Scanner{words(), words()}); err == nil {
		t.Error("two scanners of one name are accepted")
	}
	if err := gatehouse.Validate(nil); err == nil {
		t.Error("no scanner is accepted")
	}
}

func TestZeroOutcomeIsNoPass(t *testing.T) {
	var v gatehouse.Verdict
	if v.Outcome == gatehouse.OutcomePass || v.Outcome.String() != "INCOMPLETE" {
		t.Errorf("the zero verdict says %s", v.Outcome)
	}
	var o gatehouse.Outcome
	if err := o.UnmarshalText([]byte("pass")); err == nil {
		t.Error("a misspelt outcome is accepted")
	}
}

// TestCacheOfAnotherBuild: what another build of the same version found is not reused.
func TestCacheOfAnotherBuild(t *testing.T) {
	cache := &mapCache{m: map[[32]byte][]byte{}}
	calls := 0
	s := &gatehouse.Scanner{
		Name: "x", Doc: "X", Reads: "all", Version: "1",
		Want:     func(gatehouse.FileInfo) gatehouse.Want { return gatehouse.Want{Scan: true} },
		ScanFile: func(context.Context, *gatehouse.File, *gatehouse.Pass) error { calls++; return nil },
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, build := range []string{"one", "one", "two"} {
		target, err := gatehouse.OpenTarget(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gatehouse.Scan(t.Context(), target, []*gatehouse.Scanner{s}, gatehouse.ScanOptions{Cache: cache, Build: build}); err != nil {
			t.Fatal(err)
		}
		if err := target.Close(); err != nil {
			t.Fatal(err)
		}
		if want := []int{1, 1, 2}[i]; calls != want {
			t.Errorf("after build %q the scanner was called %d times, want %d", build, calls, want)
		}
	}
}
