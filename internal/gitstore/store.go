package gitstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Store is a repository that is open for reading.
type Store struct {
	// gitDir has HEAD and the index; commonDir, which is the same but for
	// linked worktrees, has refs and objects.
	gitDir, commonDir string
	objectDirs        []string // the own one first, then alternates
	packs             []*pack
	cache             *cache
	shallow           map[ID]bool
	partial           bool
	problems          []Problem
}

// Problem is something of a repository that cannot be looked at.
type Problem struct {
	// What is a name: an object, a file of the repository, a path.
	What string
	// Path is the path in a tree, if it is known.
	Path string
	// Reason is a sentence without a period.
	Reason string
	// TooLarge is true if a bound was hit, else the thing is missing or broken.
	TooLarge bool
	// Foreign is true if it belongs to another repository.
	Foreign bool
}

// ErrNoRepository means that there is no repository at the path.
var ErrNoRepository = errors.New("is not in a git repository")

// Open opens the repository that path is in: a working tree or a directory
// below it, a linked worktree, or a bare repository. Close it after use.
func Open(path string) (*Store, error) {
	gitDir, err := locate(path)
	if err != nil {
		return nil, err
	}
	s := &Store{gitDir: gitDir, commonDir: gitDir, cache: newCache(limits.DeltaCacheBytes), shallow: map[ID]bool{}}
	if data, err := readBounded(filepath.Join(gitDir, "commondir"), maxLineFile); err == nil {
		s.commonDir = below(gitDir, strings.TrimSpace(string(data)))
	}
	if err := s.configure(); err != nil {
		return nil, err
	}
	if err := s.readShallow(); err != nil {
		return nil, err
	}
	if err := s.addObjects(filepath.Join(s.commonDir, "objects"), map[string]bool{}, 0); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close releases the files of the repository.
func (s *Store) Close() error {
	var errs []error
	for _, p := range s.packs {
		errs = append(errs, p.file.Close())
	}
	s.packs = nil
	return errors.Join(errs...)
}

// maxLineFile bounds files that have one line: a path or a ref.
const maxLineFile = 16 << 10

// locate finds the git directory.
func locate(path string) (string, error) {
	start, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("open repository: %w", err)
	}
	info, err := os.Stat(start)
	if err != nil {
		return "", fmt.Errorf("open repository: %w", err)
	}
	if !info.IsDir() {
		start = filepath.Dir(start)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		dotGit := filepath.Join(dir, ".git")
		switch info, err := os.Stat(dotGit); {
		case err != nil:
		case info.IsDir():
			if isGitDir(dotGit) {
				return dotGit, nil
			}
		case info.Mode().IsRegular():
			data, err := readBounded(dotGit, maxLineFile)
			if err != nil {
				return "", fmt.Errorf("open repository: %w", err)
			}
			to, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir:")
			if !ok {
				return "", fmt.Errorf("open repository: %q does not say where the repository is: want a line gitdir: PATH", dotGit)
			}
			to = below(dir, strings.TrimSpace(to))
			if !isGitDir(to) {
				return "", fmt.Errorf("open repository: %q leads to %q, where there is no repository; was it moved or removed?", dotGit, to)
			}
			return to, nil
		}
		if isGitDir(dir) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%q %w: neither it nor a directory above it has .git", path, ErrNoRepository)
		}
	}
}

// below resolves a path that a file in dir has.
func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// isGitDir recognises a git directory as git does.
func isGitDir(dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil {
		return false
	}
	if _, err := os.Stat(filepath.Join(dir, "commondir")); err == nil {
		return true
	}
	for _, sub := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(dir, sub)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// configure reads what the configuration says about formats.
func (s *Store) configure() error {
	data, err := readBounded(filepath.Join(s.commonDir, "config"), limits.MaxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open repository: %w", err)
	}
	section := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "["); ok {
			name, after, _ := strings.Cut(rest, "]")
			section, line = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(after)
		}
		key, value, _ := strings.Cut(line, "=")
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.Trim(strings.TrimSpace(value), `"`)
		switch {
		case section == "extensions" && key == "objectformat" && !strings.EqualFold(value, "sha1"):
			return fmt.Errorf("open repository %q: its object ids are %.20q, and only SHA-1 can be read; check out the commits of interest and scan the directory", s.gitDir, value)
		case section == "extensions" && key == "refstorage" && !strings.EqualFold(value, "files"):
			return fmt.Errorf("open repository %q: its refs are stored as %.20q, and only files can be read; run git refs migrate --ref-format=files", s.gitDir, value)
		case section == "extensions" && key == "partialclone":
			s.partial = true
		}
	}
	return nil
}

func (s *Store) readShallow() error {
	data, err := readBounded(filepath.Join(s.commonDir, "shallow"), limits.MaxRefsBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open repository: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if id, err := ParseID(strings.TrimSpace(line)); err == nil {
			s.shallow[id] = true
		}
	}
	return nil
}

// addObjects adds a directory of objects and the alternates that it names.
func (s *Store) addObjects(dir string, seen map[string]bool, depth int) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		if depth == 0 {
			return fmt.Errorf("open repository: %w", err)
		}
		s.problems = append(s.problems, Problem{What: "objects/info/alternates",
			Reason: fmt.Sprintf("it borrows objects from %q, which cannot be read; restore that directory", dir)})
		return nil
	}
	if seen[real] {
		return nil
	}
	seen[real] = true
	if len(seen) > limits.MaxAlternates || depth > limits.MaxAlternateDepth {
		s.problems = append(s.problems, Problem{What: "objects/info/alternates", TooLarge: true,
			Reason: fmt.Sprintf("it borrows objects over more than %d levels or from more than %d directories; run git repack -a -d", limits.MaxAlternateDepth, limits.MaxAlternates)})
		return nil
	}
	s.objectDirs = append(s.objectDirs, dir)
	s.addPacks(dir)
	data, err := readBounded(filepath.Join(dir, "info", "alternates"), limits.MaxConfigBytes)
	if err != nil {
		return nil // there is none, in general
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := s.addObjects(below(dir, line), seen, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) addPacks(dir string) {
	entries, err := os.ReadDir(filepath.Join(dir, "pack"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.problems = append(s.problems, Problem{What: "objects/pack", Reason: fmt.Sprintf("its packfiles cannot be listed: %s", cause(err))})
	}
	first := len(s.packs)
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".promisor") {
			s.partial = true
		}
		if !strings.HasSuffix(name, ".idx") {
			continue
		}
		p, err := openPack(filepath.Join(dir, "pack", name))
		if err != nil {
			s.problems = append(s.problems, Problem{What: "objects/pack/" + strings.TrimSuffix(name, ".idx"),
				Reason: fmt.Sprintf("the packfile %s; its objects are missing", cause(err))})
			continue
		}
		s.packs = append(s.packs, p)
	}
	// Large packs have most objects, so they are asked first.
	slices.SortStableFunc(s.packs[first:], func(a, b *pack) int { return cmp.Compare(b.count, a.count) })
}

// cause is an error without the path, which the message has.
func cause(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return "cannot be read: " + pe.Err.Error()
	}
	return err.Error()
}
