package gitstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// git runs git in a directory, with an environment of its own.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=Bob", "GIT_COMMITTER_EMAIL=b@example.org"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// needGit skips where git is not installed, but not in CI.
func needGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("git is not installed")
		}
		t.Skip("git is not installed: repositories that it makes are not read")
	}
}

func put(t testing.TB, dir, name, data string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sample is a repository with branches, a merge, tags, renames and deltas.
func sample(t testing.TB) string {
	t.Helper()
	needGit(t)
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main", ".")
	commit := func(message string) {
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-q", "--allow-empty", "-m", message, "--date", "2020-01-02T03:04:05+02:00")
	}
	lines := make([]string, 400)
	for i := range lines {
		lines[i] = fmt.Sprintf("line %d of a file that changes a little", i)
	}
	for v := range 12 {
		lines[v*20] = fmt.Sprintf("changed %d", v)
		put(t, dir, "src/big.txt", strings.Join(lines, "\n"))
		put(t, dir, fmt.Sprintf("dir%d/file.txt", v%3), fmt.Sprintf("content %d\n", v))
		commit(fmt.Sprint(v))
	}
	git(t, dir, "checkout", "-q", "-b", "side", "HEAD~5")
	put(t, dir, "side.txt", "only on the side\n")
	commit("side")
	git(t, dir, "tag", "-a", "v1", "-m", "a tag")
	git(t, dir, "checkout", "-q", "-b", "lost")
	put(t, dir, "lost.txt", "on a branch that is not merged\n")
	commit("lost")
	git(t, dir, "checkout", "-q", "main")
	git(t, dir, "merge", "-q", "-m", "merge", "side")
	git(t, dir, "mv", "side.txt", "renamed.txt")
	git(t, dir, "rm", "-q", "dir1/file.txt")
	if err := os.Symlink("renamed.txt", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "späce \t.txt", "odd name\n")
	commit("rename")
	return dir
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func history(t testing.TB, dir string, r Range) *History {
	t.Helper()
	h, err := open(t, dir).History(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// blobsOf are the contents that git lists.
func blobsOf(t testing.TB, dir string, revs ...string) []string {
	t.Helper()
	var ids []string
	for line := range strings.Lines(git(t, dir, append([]string{"rev-list", "--objects"}, revs...)...)) {
		id, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if git(t, dir, "cat-file", "-t", id) == "blob" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func idsOf(h *History) []string {
	var ids []string
	for _, b := range h.Blobs {
		if !b.Before() {
			ids = append(ids, b.ID.String())
		}
	}
	slices.Sort(ids)
	return ids
}

// TestAgainstGit reads the same objects as git, however they are stored.
func TestAgainstGit(t *testing.T) {
	dir := sample(t)
	check := func(t *testing.T, dir string) {
		t.Helper()
		for name, tt := range map[string]struct {
			r    Range
			revs []string
		}{
			"head":  {Range{}, []string{"HEAD"}},
			"all":   {Range{All: true}, []string{"--all"}},
			"since": {Range{Since: "HEAD~3"}, []string{"HEAD", "^HEAD~3"}},
			"tag":   {Range{Since: "v1"}, []string{"HEAD", "^v1"}},
		} {
			h := history(t, dir, tt.r)
			want, got := blobsOf(t, dir, tt.revs...), idsOf(h)
			if !slices.Equal(got, want) || len(want) == 0 || len(h.Problems) > 0 {
				t.Errorf("%s: got %d contents, want %d; problems %v", name, len(got), len(want), h.Problems)
			}
			if n := git(t, dir, append([]string{"rev-list", "--count"}, tt.revs...)...); n != fmt.Sprint(h.Commits) {
				t.Errorf("%s: %d commits, want %s", name, h.Commits, n)
			}
			for _, b := range h.Blobs {
				f, err := h.Target("x").FS.Open(b.Path + "@" + b.ID.String())
				if err != nil {
					t.Fatal(err)
				}
				data, err := io.ReadAll(f)
				if err != nil || hashOf("blob", string(data)) != b.ID {
					t.Fatalf("%s: content of %s: %v", name, b.Path, err)
				}
			}
		}
	}
	t.Run("loose", func(t *testing.T) { check(t, dir) })
	t.Run("below", func(t *testing.T) { check(t, filepath.Join(dir, "src")) })
	bare := filepath.Join(t.TempDir(), "bare.git")
	git(t, dir, "clone", "-q", "--bare", "--no-local", dir, bare)
	t.Run("bare", func(t *testing.T) { check(t, bare) })
	git(t, dir, "gc", "-q", "--aggressive")
	t.Run("packed", func(t *testing.T) { check(t, dir) })
	git(t, dir, "-c", "pack.indexVersion=2", "repack", "-q", "-adf", "--depth=4000", "--window=50")
	t.Run("deep", func(t *testing.T) { check(t, dir) })
	git(t, dir, "multi-pack-index", "write")
	t.Run("multi-pack-index", func(t *testing.T) { check(t, dir) })
	shared := filepath.Join(t.TempDir(), "shared")
	git(t, dir, "clone", "-q", "--shared", dir, shared)
	git(t, shared, "fetch", "-q", "--tags")
	t.Run("alternates", func(t *testing.T) { check(t, shared) })
	tree := filepath.Join(t.TempDir(), "tree")
	git(t, dir, "worktree", "add", "-q", "--detach", tree)
	t.Run("worktree", func(t *testing.T) { check(t, tree) })
}

// TestFirst checks the attribution to the oldest commit.
func TestFirst(t *testing.T) {
	dir := sample(t)
	h := history(t, dir, Range{All: true})
	for _, tt := range []struct {
		path, message string
		atHead        bool
	}{
		{"side.txt", "side", true}, // renamed later
		{"lost.txt", "lost", false},
		{"dir1/file.txt", "1", false},
		{"späce %09.txt", "rename", true},
	} {
		i := slices.IndexFunc(h.Blobs, func(b Blob) bool { return b.Path == tt.path })
		if i < 0 {
			t.Errorf("%s is not listed", tt.path)
			continue
		}
		d := h.describe(&h.Blobs[i])
		if got := git(t, dir, "log", "-1", "--format=%s", d.Commit); got != tt.message || d.AtHead != tt.atHead {
			t.Errorf("%s came with %q, at HEAD %v; want %q, %v", tt.path, got, d.AtHead, tt.message, tt.atHead)
		}
		if d.Author != "Ann" || d.Date != "2020-01-02T03:04:05+02:00" {
			t.Errorf("author %q, date %q", d.Author, d.Date)
		}
	}
}

func TestStaged(t *testing.T) {
	dir := sample(t)
	for _, version := range []string{"2", "3", "4"} {
		git(t, dir, "update-index", "--index-version", version)
		put(t, dir, "new.txt", "staged "+version)
		put(t, dir, "src/big.txt", "changed "+version)
		put(t, dir, "unstaged.txt", "not staged")
		git(t, dir, "add", "new.txt", "src/big.txt")
		if version == "3" {
			git(t, dir, "add", "-N", "unstaged.txt")
		}
		h := history(t, dir, Range{Staged: true})
		var paths []string
		for _, b := range h.Blobs {
			if b.Before() {
				continue
			}
			paths = append(paths, b.Path)
			if d := h.describe(&b); d.Commit != "" || d.AtHead {
				t.Errorf("staged content has a commit: %+v", d)
			}
		}
		want := []string{"new.txt", "src/big.txt"}
		if version != "2" {
			paths = slices.DeleteFunc(paths, func(p string) bool { return p == "unstaged.txt" }) // empty
		}
		if !slices.Equal(paths, want) || len(h.Problems) > 0 {
			t.Errorf("version %s: staged %q, want %q; problems %v", version, paths, want, h.Problems)
		}
	}
	fresh := t.TempDir()
	git(t, fresh, "init", "-q", ".")
	put(t, fresh, "a", "first")
	git(t, fresh, "add", "a")
	if h := history(t, fresh, Range{Staged: true}); len(h.Blobs) != 1 {
		t.Errorf("before the first commit: %+v", h.Blobs)
	}
}

func TestGapsOfClones(t *testing.T) {
	dir := sample(t)
	put(t, dir, "x", "x")
	shallow := filepath.Join(t.TempDir(), "shallow")
	git(t, dir, "clone", "-q", "--depth", "2", "file://"+dir, shallow)
	h := history(t, shallow, Range{})
	if len(h.Problems) != 1 || !strings.Contains(h.Problems[0].Reason, "shallow") || len(h.Blobs) == 0 {
		t.Errorf("shallow: %+v", h.Problems)
	}
	git(t, dir, "config", "uploadpack.allowFilter", "true")
	partial := filepath.Join(t.TempDir(), "partial")
	git(t, dir, "clone", "-q", "--filter=blob:none", "--no-checkout", "file://"+dir, partial)
	h = history(t, partial, Range{})
	failed := 0
	for _, b := range h.Blobs {
		if _, err := h.Target("x").FS.Open(b.Path + "@" + b.ID.String()); err != nil {
			failed++
			if !strings.Contains(err.Error(), "partial") {
				t.Fatal(err)
			}
		}
	}
	if failed == 0 {
		t.Error("partial: all contents could be read")
	}
	sub := t.TempDir()
	git(t, sub, "init", "-q", ".")
	git(t, sub, "commit", "-q", "--allow-empty", "-m", "x")
	git(t, dir, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub, "vendor/sub")
	git(t, dir, "commit", "-q", "-m", "submodule")
	h = history(t, dir, Range{})
	if len(h.Problems) != 1 || h.Problems[0].Path != "vendor/sub" || !h.Problems[0].Foreign {
		t.Errorf("submodule: %+v", h.Problems)
	}
}

func TestErrors(t *testing.T) {
	dir := sample(t)
	for since, want := range map[string]string{
		"HEAD": "is HEAD itself", "lost": "", "nowhere": "there is no ref", "HEAD~1000": "parents", "v1^9": "parents",
		"../../etc/passwd": "there is no ref", "refs/../HEAD": "there is no ref", "HEAD@{1}": "there is no ref", "HEAD~x": "only ~N",
	} {
		_, err := open(t, dir).History(t.Context(), Range{Since: since})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("since %q: error %v, want %q", since, err, want)
		}
	}
	empty := t.TempDir()
	git(t, empty, "init", "-q", ".")
	if _, err := open(t, empty).History(t.Context(), Range{}); !errors.Is(err, ErrUnborn) {
		t.Errorf("no commit: %v", err)
	}
	var none *EmptyRangeError
	if _, err := open(t, empty).History(t.Context(), Range{All: true}); !errors.As(err, &none) {
		t.Errorf("no commit at all: %v", err)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoRepository) {
		t.Errorf("no repository: %v", err)
	}
	other := t.TempDir()
	git(t, other, "init", "-q", "--object-format=sha256", ".")
	if _, err := Open(other); err == nil || !strings.Contains(err.Error(), "SHA-1") {
		t.Errorf("sha256: %v", err)
	}
	r := newRepo(t)
	r.write("config", "[core]\nrepositoryformatversion = 1\n[extensions]\n\trefStorage = reftable\n")
	if _, err := Open(r.dir); err == nil || !strings.Contains(err.Error(), "reftable") {
		t.Errorf("reftable: %v", err)
	}
	moved := t.TempDir()
	put(t, moved, ".git", "gitdir: /nonexistent/place\n")
	if _, err := Open(moved); err == nil || !strings.Contains(err.Error(), "moved") {
		t.Errorf("moved: %v", err)
	}
}

// scan scans with a scanner that reports each file whose text has "key".
func scan(t testing.TB, h *History) *gatehouse.Report {
	t.Helper()
	s := &gatehouse.Scanner{Name: "test", Doc: "Keys", Reads: "all", Version: "1",
		Rules: []gatehouse.Rule{{ID: "key", Title: "Key", Kind: gatehouse.KindSecret}},
		Want:  func(gatehouse.FileInfo) gatehouse.Want { return gatehouse.Want{Scan: true} },
		ScanFile: func(_ context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
			if strings.Contains(string(f.Data), "key") {
				p.Report(gatehouse.Finding{Rule: "key", Kind: gatehouse.KindSecret, Fingerprint: "f " + f.Path, Secret: &gatehouse.Secret{}})
			}
			return nil
		}}
	r, err := gatehouse.Scan(t.Context(), h.Target("x"), []*gatehouse.Scanner{s}, gatehouse.ScanOptions{
		Exclude: func(p string, dir bool) (string, bool) { return "excluded by test", p == "vendor" && dir }})
	if err != nil {
		t.Fatal(err)
	}
	r.Findings = h.Attribute(r.Findings)
	return r
}

// TestScan checks the report: one finding for all versions of a file, from the
// first of them.
func TestScan(t *testing.T) {
	r := newRepo(t)
	file := func(text string) ID { return r.loose("blob", text) }
	tree := func(app, other ID) ID {
		vendor := r.loose("tree", entry("100644", "lib", file("key in vendor")))
		return r.loose("tree", entry("100644", "app", app)+entry("100644", "other", other)+entry("40000", "vendor", vendor))
	}
	one := r.commit(tree(file("nothing"), file("x")), 1)
	two := r.commit(tree(file("key v1"), file("x")), 2, one)
	three := r.commit(tree(file("key v2"), file("key elsewhere")), 3, two)
	r.commit(tree(file("key v3"), file("x")), 4, three)
	report := scan(t, r.history(Range{}))
	if len(report.Findings) != 2 || len(report.Coverage.Gaps) != 0 {
		t.Fatalf("findings %+v, gaps %+v", report.Findings, report.Coverage.Gaps)
	}
	app, other := report.Findings[0], report.Findings[1]
	if app.Location.Path != "app" || app.History.Commit != two.String() || !app.History.AtHead || app.History.Versions != 3 {
		t.Errorf("app: %+v %+v", app.Location, app.History)
	}
	if other.Location.Path != "other" || other.History.Commit != three.String() || other.History.AtHead || other.History.Versions != 1 {
		t.Errorf("other: %+v %+v", other.Location, other.History)
	}
	if app.History.Date != "2001-09-09T03:16:42+01:30" || app.History.Author != "Ann Other" {
		t.Errorf("app: %+v", app.History)
	}
	if s := report.Coverage.Skipped; len(s) != 1 || s[0].Path != "vendor/" {
		t.Errorf("skipped %+v", s)
	}
	if report.Target.Kind != gatehouse.TargetGit || report.Target.Files != 6 {
		t.Errorf("target %+v", report.Target)
	}
}

// Two branches bring the same content; the older one was first.
func TestFirstOfBranches(t *testing.T) {
	r := newRepo(t)
	blob := r.loose("blob", "key")
	base := r.commit(r.loose("tree", entry("100644", "a", r.loose("blob", "base"))), 1)
	with := r.loose("tree", entry("100644", "b", blob))
	newer := r.commit(with, 50, base)
	older := r.commit(with, 20, base)
	r.commit(with, 60, newer, older)
	if f := scan(t, r.history(Range{})).Findings; len(f) != 1 || f[0].History.Commit != older.String() {
		t.Errorf("findings %+v, want one of %s", f, older)
	}
}

func TestHostileTrees(t *testing.T) {
	r := newRepo(t)
	blob := func(s string) ID { return r.loose("blob", "key "+s) }
	long := strings.Repeat("n", 5000)
	root := r.loose("tree", entry("100644", "../../etc/passwd", blob("1"))+entry("100644", ".git", blob("2"))+
		entry("100644", "/abs", blob("3"))+entry("100644", "..", blob("4"))+entry("100644", "", blob("5"))+
		entry("100644", "bad\xff\x01name", blob("6"))+entry("100644", long, blob("7"))+entry("100644", ".", blob("8"))+
		entry("777", "odd mode", blob("9"))+entry("120000", "link", blob("10"))+entry("100644", "a@b", blob("11")))
	r.commit(root, 1)
	report := scan(t, r.history(Range{}))
	if len(report.Findings) != 11 || len(report.Coverage.Gaps) > 0 {
		t.Errorf("%d findings, gaps %+v", len(report.Findings), report.Coverage.Gaps)
	}
	for _, f := range report.Findings {
		if p := f.Location.Path; p == "" || strings.HasPrefix(p, "/") || strings.Contains(p, "..") || strings.ContainsAny(p, "\x00\x01") || !utf8.ValidString(p) {
			t.Errorf("path %q", p)
		}
	}
	// Each level has the next one ten times: 10^40 files, one content.
	id := r.loose("tree", entry("100644", "f", blob("x")))
	for range 40 {
		tree := ""
		for i := range 10 {
			tree += entry("40000", fmt.Sprint(i), id)
		}
		id = r.loose("tree", tree)
	}
	r.commit(id, 2)
	if h := r.history(Range{}); len(h.Blobs) != 1 || len(h.Problems) > 0 {
		t.Errorf("tree bomb: %d contents, %v", len(h.Blobs), h.Problems)
	}
	for range limits.MaxDepth + 10 {
		id = r.loose("tree", entry("40000", "d", id))
	}
	r.commit(id, 3)
	if h := r.history(Range{}); len(h.Problems) != 1 || !h.Problems[0].TooLarge {
		t.Errorf("deep tree: %v", h.Problems)
	}
}

func TestHostileDeltas(t *testing.T) {
	tree := func(r *repo, id ID) {
		r.commit(r.loose("tree", entry("100644", "f", id)), 1)
	}
	read := func(r *repo, id ID) ([]byte, error) {
		_, data, err := r.open().Read(id)
		return data, err
	}
	t.Run("chain", func(t *testing.T) {
		for _, tt := range []struct {
			links int
			ok    bool
		}{{50, true}, {limits.MaxDeltaDepth, true}, {limits.MaxDeltaDepth + 2, false}} {
			r := newRepo(t)
			text := "start "
			objects := []packed{{id: hashOf("blob", text), kind: TypeBlob, data: text}}
			for i := range tt.links {
				next := text + string(rune('a'+i%26))
				objects = append(objects, packed{id: hashOf("blob", next), kind: typeOfsDelta, back: 1,
					data: varint(len(text)) + varint(len(next)) + copyOp(0, len(text)) + insertOp(next[len(text):])})
				text = next
			}
			r.pack("p", objects...)
			last := objects[len(objects)-1].id
			tree(r, last)
			data, err := read(r, last)
			if tt.ok != (err == nil) || tt.ok && string(data) != text {
				t.Errorf("%d links: %v", tt.links, err)
			}
		}
	})
	t.Run("ref", func(t *testing.T) {
		r := newRepo(t)
		base, next := "base of it", "base of it all"
		id := hashOf("blob", next)
		r.pack("p", packed{id: id, kind: typeRefDelta, base: hashOf("blob", base), data: varint(len(base)) + varint(len(next)) + copyOp(0, 10) + insertOp(" all")})
		if _, err := read(r, id); !errors.Is(err, ErrMissing) {
			t.Errorf("the base is missing: %v", err)
		}
		r.loose("blob", base) // in another place
		if data, err := read(r, id); err != nil || string(data) != next {
			t.Errorf("the base is loose: %v", err)
		}
	})
	bad := map[string]func() []packed{
		"cycle": func() []packed {
			a, b := hashOf("blob", "a"), hashOf("blob", "b")
			return []packed{{id: a, kind: typeRefDelta, base: b, data: varint(1) + varint(1) + insertOp("a")}, {id: b, kind: typeRefDelta, base: a, data: varint(1) + varint(1) + insertOp("b")}}
		},
		"self": func() []packed {
			a := hashOf("blob", "a")
			return []packed{{id: a, kind: typeRefDelta, base: a, data: varint(1) + varint(1) + insertOp("a")}}
		},
		"beyond base": func() []packed {
			return []packed{{id: hashOf("blob", "base"), kind: TypeBlob, data: "base"}, {id: hashOf("blob", "a"), kind: typeOfsDelta, back: 1, data: varint(4) + varint(100) + copyOp(2, 100)}}
		},
		"huge result": func() []packed {
			return []packed{{id: hashOf("blob", "base"), kind: TypeBlob, data: "base"}, {id: hashOf("blob", "a"), kind: typeOfsDelta, back: 1, data: varint(4) + varint(1<<40) + copyOp(0, 4)}}
		},
		"wrong hash": func() []packed { return []packed{{id: hashOf("blob", "a"), kind: TypeBlob, data: "b"}} },
		"wrong size": func() []packed { return []packed{{id: hashOf("blob", "a"), kind: TypeBlob, data: "a", size: 2}} },
		"huge size":  func() []packed { return []packed{{id: hashOf("blob", "a"), kind: TypeBlob, data: "a", size: 1 << 50}} },
		"too small":  func() []packed { return []packed{{id: hashOf("blob", "abc"), kind: TypeBlob, data: "abc", size: 1}} },
		"bad type":   func() []packed { return []packed{{id: hashOf("blob", "a"), kind: 5, data: "a"}} },
		"no delta": func() []packed {
			return []packed{{id: hashOf("blob", "b"), kind: TypeBlob, data: "b"}, {id: hashOf("blob", "a"), kind: typeOfsDelta, back: 1, data: ""}}
		},
	}
	for name, objects := range bad {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			list := objects()
			r.pack("p", list...)
			id := hashOf("blob", "a")
			if name == "too small" {
				id = list[0].id
			}
			tree(r, id)
			report := scan(t, r.history(Range{}))
			if len(report.Coverage.Gaps) != 1 || report.Coverage.Gaps[0].Path != "f" || report.Coverage.Gaps[0].Entry == "" {
				t.Errorf("gaps %+v", report.Coverage.Gaps)
			}
		})
	}
	// A chain in which each link has 60 MB: the work of one object is bounded.
	t.Run("bomb", func(t *testing.T) {
		r := newRepo(t)
		const size = 60 << 20
		text := strings.Repeat("k", size)
		all := ""
		for at := 0; at < size; at += 0xffff00 {
			all += copyOp(at, min(0xffff00, size-at))
		}
		objects := []packed{{id: hashOf("blob", text), kind: TypeBlob, data: text}}
		for i := range 30 {
			objects = append(objects, packed{id: hashOf("blob", fmt.Sprint(i)), kind: typeOfsDelta, back: 1, data: varint(size) + varint(size) + all})
		}
		r.pack("p", objects...)
		if _, err := read(r, objects[30].id); !errors.Is(err, ErrTooLarge) {
			t.Errorf("bomb: %v", err)
		}
	})
}

func TestAlternates(t *testing.T) {
	a, b := newRepo(t), newRepo(t)
	a.write("objects/info/alternates", b.dir+"/objects\n")
	b.write("objects/info/alternates", "# comment\n"+a.dir+"/objects\n"+a.dir+"/objects/../objects\n")
	blob := b.loose("blob", "key")
	a.commit(a.loose("tree", entry("100644", "f", blob)), 1)
	if f := scan(t, a.history(Range{})).Findings; len(f) != 1 {
		t.Errorf("cyclic alternates: %+v", f)
	}
	a.write("objects/info/alternates", "/nonexistent/objects\n")
	h := a.history(Range{})
	if r := scan(t, h); len(h.Problems) != 1 || len(r.Coverage.Gaps) != 2 {
		t.Errorf("lost alternate: %+v, %+v", h.Problems, r.Coverage.Gaps)
	}
	// A chain that is too long.
	last := a
	for range limits.MaxAlternateDepth + 2 {
		next := newRepo(t)
		last.write("objects/info/alternates", next.dir+"/objects\n")
		last = next
	}
	if h := a.history(Range{}); len(h.Problems) != 1 || !h.Problems[0].TooLarge {
		t.Errorf("long chain: %+v", h.Problems)
	}
}

// TestCorrupt changes each byte of each file of a small repository in turn:
// whatever is read is right, and what is not is said.
func TestCorrupt(t *testing.T) {
	r := newRepo(t)
	texts := []string{"key one " + strings.Repeat("some text ", 5), "key one " + strings.Repeat("some text ", 5) + "more"}
	blobs := []ID{hashOf("blob", texts[0]), hashOf("blob", texts[1])}
	trees := []string{entry("100644", "f", blobs[0]), entry("100644", "f", blobs[1])}
	commits := []string{commitText(hashOf("tree", trees[0]), 1), ""}
	commits[1] = commitText(hashOf("tree", trees[1]), 2, hashOf("commit", commits[0]))
	r.pack("p",
		packed{id: blobs[0], kind: TypeBlob, data: texts[0]},
		packed{id: blobs[1], kind: typeOfsDelta, back: 1, data: varint(len(texts[0])) + varint(len(texts[1])) + copyOp(0, len(texts[0])) + insertOp("more")},
		packed{id: hashOf("tree", trees[0]), kind: TypeTree, data: trees[0]},
		packed{id: hashOf("tree", trees[1]), kind: TypeTree, data: trees[1]},
		packed{id: hashOf("commit", commits[0]), kind: TypeCommit, data: commits[0]})
	r.loose("commit", commits[1])
	r.write("refs/heads/main", hashOf("commit", commits[1]).String())
	r.write("packed-refs", "# pack-refs with: peeled\n"+hashOf("commit", commits[0]).String()+" refs/tags/v0\n")
	if f := scan(t, r.history(Range{})).Findings; len(f) != 1 || f[0].History.Versions != 2 {
		t.Fatalf("whole: %+v", f)
	}
	files, cases, silent := []string{}, 0, 0
	err := filepath.WalkDir(r.dir, func(p string, d os.DirEntry, err error) error {
		if d.Type().IsRegular() {
			files = append(files, p)
		}
		return err
	})
	if err != nil || len(files) < 6 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(whole) + 1 {
			for _, how := range []func([]byte) []byte{
				func(b []byte) []byte {
					if i < len(b) {
						b[i] ^= 0x10
					}
					return b
				},
				func(b []byte) []byte { return b[:i] },
			} {
				if err := os.WriteFile(file, how(slices.Clone(whole)), 0o644); err != nil {
					t.Fatal(err)
				}
				cases++
				s, err := Open(r.dir)
				if err != nil {
					continue
				}
				h, err := s.History(t.Context(), Range{})
				if err == nil {
					report := scan(t, h)
					full := len(report.Findings) == 1 && report.Findings[0].History.Versions == 2
					if !full && len(report.Coverage.Gaps) == 0 {
						silent++
						t.Errorf("%s, byte %d: %d findings, no gap", filepath.Base(file), i, len(report.Findings))
					}
				}
				s.Close()
			}
		}
		if err := os.WriteFile(file, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d cases", cases)
}

// FuzzParse looks for crashes.
func FuzzParse(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x00" + strings.Repeat("\x00", 20)))
	f.Add([]byte(commitText(ID{1}, 5, ID{2})))
	f.Add([]byte(entry("100644", "f", ID{3})))
	f.Add([]byte(varint(4) + varint(4) + copyOp(0, 4)))
	f.Fuzz(func(_ *testing.T, data []byte) {
		parseIndex(data)
		parseCommit(ID{}, data)
		for rest := data; len(rest) > 0; {
			var err error
			if _, rest, err = nextEntry(rest); err != nil {
				break
			}
		}
		if _, result, code, err := deltaSizes(data); err == nil && result < 1<<20 {
			applyDelta(nil, []byte("base"), code, result)
		}
		inflateLoose(strings.NewReader(string(data)))
	})
}

// One secret in two files is one finding.
func TestAttributeMerges(t *testing.T) {
	r := newRepo(t)
	one := r.loose("blob", "key one")
	first := r.commit(r.loose("tree", entry("100644", "z", one)), 1)
	r.commit(r.loose("tree", entry("100644", "a", r.loose("blob", "key two"))), 2, first)
	h := r.history(Range{})
	finding := func(path, text string, suppressed *gatehouse.Suppression) gatehouse.Finding {
		return gatehouse.Finding{ID: path, Rule: "r", Fingerprint: "same", Location: gatehouse.Location{Path: path, Line: 1},
			Secret: &gatehouse.Secret{}, Suppressed: suppressed, History: &gatehouse.History{Blob: hashOf("blob", text).String()}}
	}
	got := h.Attribute([]gatehouse.Finding{finding("a", "key two", nil), finding("z", "key one", nil), finding("z", "key one", &gatehouse.Suppression{})})
	if len(got) != 2 || got[0].Location.Path != "z" || got[0].History.Commit != first.String() || !got[0].History.AtHead ||
		got[0].History.Versions != 2 || len(got[0].Also) != 1 || got[0].Also[0].Path != "a" || got[0].ID != "a" {
		t.Errorf("%+v", got)
	}
}
