package gitstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// treeWalk visits each tree and each blob once, whatever the number of commits
// that have it.
type treeWalk struct {
	ctx   context.Context
	h     *History
	order int32 // of the commit
	// knowing is true while what is visited is marked, but not listed.
	knowing bool
	// before has the contents that are marked, by path.
	before map[string][]ID
	path   []byte
	seen   [][]uint64  // a bit for each object, by pack
	loose  map[ID]bool // seen, of those in no pack
	links  map[string]bool
	recent [1 << 14]ID
}

func newTreeWalk(ctx context.Context, h *History) *treeWalk {
	w := &treeWalk{ctx: ctx, h: h, before: map[string][]ID{}, loose: map[ID]bool{}, links: map[string]bool{}}
	for _, p := range h.store.packs {
		w.seen = append(w.seen, make([]uint64, (p.count+63)/64))
	}
	return w
}

// see marks an object, and reports whether it was marked before.
func (w *treeWalk) see(id *ID) bool {
	// Most entries of a tree are those of the tree before.
	slot := &w.recent[(uint(id[18])<<8|uint(id[19]))%uint(len(w.recent))]
	if *slot == *id {
		return true
	}
	*slot = *id
	for i, p := range w.h.store.packs {
		if n, ok := p.find(id); ok {
			bit := uint64(1) << (n % 64)
			seen := w.seen[i][n/64]&bit != 0
			w.seen[i][n/64] |= bit
			return seen
		}
	}
	seen := w.loose[*id]
	w.loose[*id] = true
	return seen
}

// knowCommit marks what a commit has, so that it is not listed.
func (w *treeWalk) knowCommit(id ID) {
	c, err := w.h.store.Commit(id)
	if err != nil {
		return // has been said, or lies beyond the range: it is listed again
	}
	w.knowing = true
	w.tree(c.Tree, 0)
	w.knowing = false
}

// tree visits a tree at w.path.
func (w *treeWalk) tree(id ID, depth int) {
	if w.ctx.Err() != nil || w.see(&id) {
		return
	}
	if depth > limits.MaxDepth {
		w.h.Problems = append(w.h.Problems, Problem{What: "tree " + id.String(), Path: cleanPath(w.path), TooLarge: true,
			Reason: fmt.Sprintf("directories nest deeper than %d; nothing below was looked at", limits.MaxDepth)})
		return
	}
	o, err := w.h.store.borrow(id, TypeTree)
	if err != nil {
		if !w.knowing {
			w.h.problem("tree "+id.String(), cleanPath(w.path), err)
		}
		return
	}
	defer w.h.store.cache.release(o)
	data := o.data
	length := len(w.path)
	for len(data) > 0 {
		var e treeEntry
		if e, data, err = nextEntry(data); err != nil {
			if !w.knowing {
				w.h.problem("tree "+id.String(), cleanPath(w.path), &ObjectError{id, err})
			}
			return
		}
		if e.mode&modeType == modeTree && w.recent[(uint(e.id[18])<<8|uint(e.id[19]))%uint(len(w.recent))] == e.id {
			continue
		}
		w.path = appendName(w.path, e.name)
		w.entry(&e, depth)
		w.path = w.path[:length]
	}
}

func (w *treeWalk) entry(e *treeEntry, depth int) {
	switch e.mode & modeType {
	case modeTree:
		w.tree(e.id, depth+1)
	case modeGitlink:
		w.link(e.id)
	default:
		if w.knowing {
			path := cleanPath(w.path)
			w.before[path] = append(w.before[path], e.id)
		}
		if !w.see(&e.id) && !w.knowing {
			w.h.Blobs = append(w.h.Blobs, Blob{ID: e.id, Path: cleanPath(w.path), order: w.order})
		}
	}
}

// link notes a submodule, once for each path.
func (w *treeWalk) link(id ID) {
	path := cleanPath(w.path)
	if w.links[path] {
		return
	}
	w.links[path] = true
	if w.knowing {
		return
	}
	w.h.Problems = append(w.h.Problems, Problem{What: "commit " + id.String(), Path: path, Foreign: true,
		Reason: "is a submodule, a repository of its own, and was not looked at; scan it where it is, or exclude the path"})
}

func appendName(path, name []byte) []byte {
	if len(path) > 0 {
		path = append(path, '/')
	}
	// A name is one element. What tries to be more stays one.
	if len(name) == 0 || bytes.IndexByte(name, '/') >= 0 || string(name) == "." || string(name) == ".." {
		return append(path, strings.ReplaceAll(url.PathEscape(string(name)), ".", "%2E")+"%00"[:3*b2i(len(name) == 0)]...)
	}
	return append(path, name...)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cleanPath makes a path of a tree fit for a report: bytes that are no
// characters, and control characters, are shown as in a URL.
func cleanPath(path []byte) string {
	if len(path) == 0 {
		return ""
	}
	clean := utf8.Valid(path)
	for _, c := range path {
		clean = clean && c >= ' ' && c != 0x7f
	}
	if clean {
		return string(path)
	}
	var b strings.Builder
	for len(path) > 0 {
		r, n := utf8.DecodeRune(path)
		if r == utf8.RuneError && n <= 1 || r < ' ' || r == 0x7f {
			fmt.Fprintf(&b, "%%%02X", path[0])
			n = 1
		} else {
			b.WriteRune(r)
		}
		path = path[n:]
	}
	return b.String()
}

// standing marks the contents in the tree of HEAD.
func (h *History) standing(ctx context.Context, head ID) {
	c, err := h.store.Commit(head)
	if err != nil {
		return // has been said
	}
	h.eachFile(ctx, c.Tree, func(_ string, id ID) { h.atHead[id] = true }, false)
}

// eachFile calls f for each file below a tree. With every it visits a tree that
// is there twice twice, and so knows each path.
func (h *History) eachFile(ctx context.Context, root ID, f func(path string, id ID), every bool) {
	seen := map[ID]bool{}
	files := 0
	var walk func(id ID, path []byte, depth int)
	walk = func(id ID, path []byte, depth int) {
		if depth > limits.MaxDepth || seen[id] && !every || files > limits.MaxFiles || ctx.Err() != nil {
			return
		}
		seen[id] = true
		data, err := h.store.readAs(id, TypeTree)
		if err != nil {
			return // said where the history is walked
		}
		for len(data) > 0 {
			var e treeEntry
			if e, data, err = nextEntry(data); err != nil {
				return
			}
			switch e.mode & modeType {
			case modeTree:
				walk(e.id, appendName(path, e.name), depth+1)
			case modeGitlink:
			default:
				files++
				name := ""
				if every {
					name = cleanPath(appendName(path, e.name))
				}
				f(name, e.id)
			}
		}
	}
	walk(root, nil, 0)
}

var errNoIndex = errors.New("the index cannot be read")
