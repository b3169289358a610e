package gitstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// ErrUnborn means that HEAD names a branch without commits.
var ErrUnborn = errors.New("there is no commit yet")

// Head returns the commit that is checked out.
func (s *Store) Head() (ID, error) {
	id, err := s.ref("HEAD", 0)
	if errors.Is(err, fs.ErrNotExist) {
		return id, fmt.Errorf("HEAD of %q: %w", s.gitDir, ErrUnborn)
	}
	if err != nil {
		return id, err
	}
	return s.peel(id)
}

// ref follows a ref to the object that it names.
func (s *Store) ref(name string, depth int) (id ID, err error) {
	const maxSymbolic = 5 // as git, MAXDEPTH in refs
	if depth > maxSymbolic {
		return id, fmt.Errorf("ref %q: it leads through more than %d others", name, maxSymbolic)
	}
	if !validRef(name) {
		return id, fmt.Errorf("ref %q: %w", name, fs.ErrNotExist)
	}
	for _, dir := range []string{s.gitDir, s.commonDir} {
		data, err := readBounded(filepath.Join(dir, filepath.FromSlash(name)), maxLineFile)
		if err != nil {
			continue
		}
		text := strings.TrimSpace(string(data))
		if to, ok := strings.CutPrefix(text, "ref:"); ok {
			return s.ref(strings.TrimSpace(to), depth+1)
		}
		if id, err = ParseID(text); err != nil {
			return id, fmt.Errorf("ref %q: is corrupt: %w", name, err)
		}
		return id, nil
	}
	packed, err := s.packedRefs()
	if err != nil {
		return id, err
	}
	if id, ok := packed[name]; ok {
		return id, nil
	}
	return id, fmt.Errorf("ref %q: %w", name, fs.ErrNotExist)
}

// validRef keeps a name within the git directory.
func validRef(name string) bool {
	return fs.ValidPath(name) && name != "." && !strings.ContainsAny(name, "\\\x00") && path.Clean(name) == name &&
		(strings.HasPrefix(name, "refs/") || !strings.Contains(name, "/") && strings.ToUpper(name) == name)
}

func (s *Store) packedRefs() (map[string]ID, error) {
	refs := map[string]ID{}
	data, err := readBounded(filepath.Join(s.commonDir, "packed-refs"), limits.MaxRefsBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return refs, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		hex, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || hex[:min(1, len(hex))] == "#" || !validRef(name) {
			continue
		}
		if id, err := ParseID(hex); err == nil {
			refs[name] = id
		}
	}
	return refs, nil
}

// refs returns all refs, of all worktrees.
func (s *Store) refs() (map[string]ID, error) {
	refs, err := s.packedRefs()
	if err != nil {
		return nil, err
	}
	for _, dir := range s.refDirs() {
		root := filepath.Join(dir, "refs")
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				if p == root {
					return fs.SkipAll
				}
				return err
			}
			if !d.Type().IsRegular() || strings.HasSuffix(p, ".lock") {
				return nil
			}
			rel, err := filepath.Rel(dir, p)
			if err != nil {
				return err
			}
			data, err := readBounded(p, maxLineFile)
			if err != nil {
				return err
			}
			id, err := ParseID(strings.TrimSpace(string(data)))
			if err == nil {
				refs[filepath.ToSlash(rel)] = id
			} else if !strings.HasPrefix(string(data), "ref:") {
				s.problems = append(s.problems, Problem{What: filepath.ToSlash(rel), Reason: "the ref is corrupt, and what it named was not looked at"})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read refs: %w", err)
		}
	}
	heads, err := filepath.Glob(filepath.Join(globQuote(s.commonDir), "worktrees", "*", "HEAD"))
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	for _, h := range heads {
		if data, err := readBounded(h, maxLineFile); err == nil {
			if id, err := ParseID(strings.TrimSpace(string(data))); err == nil {
				refs[h] = id
			}
		}
	}
	return refs, nil
}

func globQuote(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

func (s *Store) refDirs() []string {
	if s.gitDir == s.commonDir {
		return []string{s.gitDir}
	}
	return []string{s.commonDir, s.gitDir}
}

// Resolve returns the commit that a revision names: a ref, an id or the start
// of one, each with ~N and ^N after it.
func (s *Store) Resolve(rev string) (ID, error) {
	base, steps := rev, ""
	if i := strings.IndexAny(rev, "~^"); i > 0 {
		base, steps = rev[:i], rev[i:]
	}
	id, err := s.resolveBase(base)
	if err == nil {
		id, err = s.peel(id)
	}
	for err == nil && steps != "" {
		step := steps[0]
		steps = steps[1:]
		digits := strings.TrimLeft(steps, "0123456789")
		n := 1
		if d := steps[:len(steps)-len(digits)]; d != "" {
			if n, err = strconv.Atoi(d); err != nil {
				break
			}
		}
		if steps = digits; steps != "" && steps[0] != '~' && steps[0] != '^' {
			err = errors.New("only ~N and ^N are known after a name")
			break
		}
		id, err = s.step(id, step, n)
	}
	if err != nil {
		return ID{}, fmt.Errorf("revision %q: %w", rev, err)
	}
	return id, nil
}

func (s *Store) step(id ID, step byte, n int) (ID, error) {
	times, parent := n, 1
	if step == '^' {
		times, parent = min(n, 1), n
	}
	for range times {
		c, err := s.Commit(id)
		if err != nil {
			return id, err
		}
		if s.shallow[id] {
			return id, fmt.Errorf("the parents of %s are not there: the clone is shallow; run git fetch --unshallow", id)
		}
		if len(c.Parents) < parent {
			return id, fmt.Errorf("commit %s has %d parents", id, len(c.Parents))
		}
		id = c.Parents[parent-1]
	}
	return id, nil
}

func (s *Store) resolveBase(name string) (ID, error) {
	if id, err := ParseID(name); err == nil {
		return id, nil
	}
	if name == "@" {
		name = "HEAD"
	}
	// The order is that of gitrevisions(7).
	for _, form := range []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s", "refs/remotes/%s/HEAD"} {
		id, err := s.ref(fmt.Sprintf(form, name), 0)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return id, err
		}
	}
	if len(name) >= 4 && len(name) < 40 && strings.Trim(name, "0123456789abcdef") == "" {
		return s.abbreviated(name)
	}
	return ID{}, errors.New("there is no ref, tag, branch or commit of that name; is it fetched?")
}

// abbreviated finds the one commit whose id starts with prefix.
func (s *Store) abbreviated(prefix string) (ID, error) {
	var found []ID
	add := func(id ID) {
		if !slices.Contains(found, id) && len(found) < 100 {
			found = append(found, id)
		}
	}
	for _, p := range s.packs {
		p.withPrefix(prefix, add)
	}
	for _, dir := range s.objectDirs {
		entries, err := os.ReadDir(filepath.Join(dir, prefix[:2]))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if id, err := ParseID(prefix[:2] + e.Name()); err == nil && strings.HasPrefix(id.String(), prefix) {
				add(id)
			}
		}
	}
	found = slices.DeleteFunc(found, func(id ID) bool {
		t, _, err := s.Read(id)
		return err == nil && t != TypeCommit && t != TypeTag
	})
	switch len(found) {
	case 0:
		return ID{}, errors.New("there is no ref, tag, branch or commit of that name; is it fetched?")
	case 1:
		return found[0], nil
	}
	return ID{}, errors.New("more than one commit starts with it; give more digits")
}

// peel follows tags to a commit.
func (s *Store) peel(id ID) (ID, error) {
	const maxTags = 16
	for range maxTags {
		t, data, err := s.Read(id)
		if err != nil {
			return id, err
		}
		switch t {
		case TypeCommit:
			return id, nil
		case TypeTag:
			line, _, _ := strings.Cut(string(data[:min(len(data), 100)]), "\n")
			to, ok := strings.CutPrefix(line, "object ")
			next, err := ParseID(to)
			if !ok || err != nil {
				return id, &ObjectError{id, errors.New("is not a valid tag")}
			}
			id = next
		default:
			return id, &ObjectError{id, errNotCommit}
		}
	}
	return id, &ObjectError{id, errors.New("is a tag of tags without end")}
}

var errNotCommit = errors.New("is not a commit")

// Commit reads a commit.
func (s *Store) Commit(id ID) (*Commit, error) {
	data, err := s.readAs(id, TypeCommit)
	if err != nil {
		return nil, err
	}
	c, err := parseCommit(id, data)
	if err != nil {
		return nil, &ObjectError{id, err}
	}
	return c, nil
}
