package gitstore

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Range says which part of the history is of interest. The zero value is all
// that HEAD reaches.
type Range struct {
	// All is true for what all refs reach, not HEAD alone.
	All bool
	// Since is a revision: what it reaches is left out. Empty leaves out
	// nothing.
	Since string
	// Staged is true for what is in the index and differs from HEAD; the other
	// fields are then of no account.
	Staged bool
}

// EmptyRangeError means that there is no commit in a range.
type EmptyRangeError struct{ Reason string }

func (e *EmptyRangeError) Error() string { return e.Reason }

// History is a part of the history: each different content in it, once.
type History struct {
	// Blobs are sorted by path; those of one path in the order in which they
	// came, with what the path had before the range; see [Blob.Before].
	Blobs []Blob
	// Commits counts the commits of the range.
	Commits int
	// Problems are what could not be looked at.
	Problems []Problem

	store  *Store
	nodes  []node
	order  []int32 // of nodes, parents first
	atHead map[ID]bool
	byID   map[ID]int32 // of Blobs
}

// Blob is a content that came into the history.
type Blob struct {
	ID ID
	// Path is where it first was, fit to be shown; see [cleanPath].
	Path string
	// order is that of the commit; -1 if it is not committed, or [beforeRange].
	order int32
}

// node is a commit while the history is put in order.
type node struct {
	id, tree ID
	date     int64
	parents  []int32 // in the range
	waiting  int32   // parents that are not in the order yet
	outside  []ID    // parents that are left out
}

// History lists the contents that came with the commits of the range.
func (s *Store) History(ctx context.Context, r Range) (*History, error) {
	h := &History{store: s, atHead: map[ID]bool{}, Problems: slices.Clone(s.problems)}
	head, err := s.Head()
	switch {
	case err == nil:
	case errors.Is(err, ErrUnborn) && (r.All || r.Staged):
	case r.All: // the other refs may lead somewhere
		h.problem("HEAD", "", err)
		head = ID{}
	default:
		return nil, err
	}
	w := newTreeWalk(ctx, h)
	if r.Staged {
		if err := h.addStaged(w, head); err != nil {
			return nil, err
		}
	} else if err := h.addCommits(w, head, r); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(h.Blobs, func(a, b Blob) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.order, b.order), slices.Compare(a.ID[:], b.ID[:]))
	})
	h.byID = make(map[ID]int32, len(h.Blobs))
	for i, b := range h.Blobs {
		h.byID[b.ID] = int32(i)
	}
	return h, nil
}

func (h *History) addCommits(w *treeWalk, head ID, r Range) error {
	s := h.store
	tips := []ID{}
	if !head.IsZero() {
		tips = append(tips, head)
	}
	if r.All {
		known := s.problems
		refs, err := s.refs()
		if err != nil {
			return err
		}
		h.Problems = append(h.Problems, s.problems[len(known):]...)
		names := make([]string, 0, len(refs))
		for name := range refs {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			id, err := s.peel(refs[name])
			if errors.Is(err, errNotCommit) {
				continue // a tag of a tree or blob
			}
			if err != nil {
				h.problem(name, "", err)
				continue
			}
			tips = append(tips, id)
		}
	}
	excluded := map[ID]bool{}
	var since ID
	if r.Since != "" {
		var err error
		if since, err = s.Resolve(r.Since); err != nil {
			return err
		}
		if err := h.paint(w.ctx, since, excluded); err != nil {
			return err
		}
	}
	if err := h.collect(w.ctx, tips, excluded); err != nil {
		return err
	}
	h.Commits = len(h.nodes)
	if h.Commits == 0 && len(h.Problems) == 0 {
		switch {
		case r.Since != "" && head == since:
			return &EmptyRangeError{fmt.Sprintf("%q is HEAD itself, so there is no commit since then; name an older commit or another branch", r.Since)}
		case r.Since != "":
			return &EmptyRangeError{fmt.Sprintf("%q reaches all of the commits, so there is none since then; name an older commit or another branch", r.Since)}
		}
		return &EmptyRangeError{"there is no commit in the repository; commit something, or scan the directory or what is staged"}
	}
	h.sort()

	// What the commits just outside have is not new.
	for i := range h.nodes {
		for _, id := range h.nodes[i].outside {
			w.knowCommit(id)
		}
		h.nodes[i].outside = nil
	}
	if !since.IsZero() {
		w.knowCommit(since)
	}
	for i, n := range h.order {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		w.order = int32(i)
		w.tree(h.nodes[n].tree, 0)
	}
	h.addBefore(w.before)
	if !head.IsZero() {
		h.standing(w.ctx, head)
	}
	return nil
}

// problem notes what an error of a read means.
func (h *History) problem(what, path string, err error) {
	p := Problem{What: what, Path: path, Reason: err.Error(), TooLarge: errors.Is(err, ErrTooLarge)}
	if errors.Is(err, ErrMissing) {
		p.Reason += "; run git fsck, and fetch it again"
		if h.store.partial {
			p.Reason = strings.TrimSuffix(err.Error(), ": file does not exist") + ": the clone is partial; clone it without --filter, or fetch the rest"
		}
	}
	p.Reason = strings.Replace(p.Reason, ": file does not exist", "", 1)
	h.Problems = append(h.Problems, p)
}

// paint marks all that a commit reaches. What cannot be read ends there.
func (h *History) paint(ctx context.Context, from ID, marked map[ID]bool) error {
	stack := []ID{from}
	marked[from] = true
	for len(stack) > 0 && ctx.Err() == nil {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		c, err := h.store.Commit(id)
		if err != nil {
			if id == from {
				return err
			}
			if !h.store.shallow[id] {
				h.problem("commit "+id.String(), "", err)
			}
			continue
		}
		if h.store.shallow[id] {
			continue
		}
		for _, p := range c.Parents {
			if !marked[p] {
				marked[p] = true
				stack = append(stack, p)
			}
		}
		if len(marked) > limits.MaxCommits {
			return fmt.Errorf("the history has more than %d commits", limits.MaxCommits)
		}
	}
	return ctx.Err()
}

// collect reads the commits that the tips reach.
func (h *History) collect(ctx context.Context, tips []ID, excluded map[ID]bool) error {
	index := map[ID]int32{}
	var queue []ID
	want := func(id ID) bool {
		if _, ok := index[id]; ok {
			return true
		}
		if excluded[id] {
			return false
		}
		index[id] = -1
		queue = append(queue, id)
		return true
	}
	for _, t := range tips {
		want(t)
	}
	parents := [][]ID{}
	cut := 0
	for len(queue) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		c, err := h.store.Commit(id)
		if err != nil {
			h.problem("commit "+id.String(), "", err)
			continue
		}
		if len(h.nodes) >= limits.MaxCommits {
			h.Problems = append(h.Problems, Problem{What: "history", TooLarge: true,
				Reason: fmt.Sprintf("it has more than %d commits; look at parts of it with --since", limits.MaxCommits)})
			break
		}
		n := node{id: id, tree: c.Tree, date: c.Committed}
		index[id] = int32(len(h.nodes))
		if h.store.shallow[id] && len(c.Parents) > 0 {
			cut++
			c.Parents = nil
		}
		var inside []ID
		for _, p := range c.Parents {
			if want(p) {
				inside = append(inside, p)
			} else {
				n.outside = append(n.outside, p)
			}
		}
		h.nodes = append(h.nodes, n)
		parents = append(parents, inside)
	}
	if cut > 0 {
		h.Problems = append(h.Problems, Problem{What: "shallow",
			Reason: fmt.Sprintf("the clone is shallow: what was before %d of its commits is not there; run git fetch --unshallow", cut)})
	}
	for i := range h.nodes {
		for _, p := range parents[i] {
			if k := index[p]; k >= 0 {
				h.nodes[i].parents = append(h.nodes[i].parents, k)
			}
		}
	}
	return nil
}

// sort puts parents before children and, where that leaves a choice, the older
// commit before the newer.
func (h *History) sort() {
	children := make([][]int32, len(h.nodes))
	ready := &byDate{h: h}
	for i := range h.nodes {
		n := &h.nodes[i]
		n.waiting = int32(len(n.parents))
		for _, p := range n.parents {
			children[p] = append(children[p], int32(i))
		}
		if n.waiting == 0 {
			ready.list = append(ready.list, int32(i))
		}
	}
	heap.Init(ready)
	h.order = make([]int32, 0, len(h.nodes))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int32)
		h.order = append(h.order, i)
		for _, c := range children[i] {
			if h.nodes[c].waiting--; h.nodes[c].waiting == 0 {
				heap.Push(ready, c)
			}
		}
	}
}

type byDate struct {
	h    *History
	list []int32
}

func (b *byDate) Len() int { return len(b.list) }
func (b *byDate) Less(i, j int) bool {
	x, y := &b.h.nodes[b.list[i]], &b.h.nodes[b.list[j]]
	return cmp.Or(cmp.Compare(x.date, y.date), slices.Compare(x.id[:], y.id[:])) < 0
}
func (b *byDate) Swap(i, j int) { b.list[i], b.list[j] = b.list[j], b.list[i] }
func (b *byDate) Push(x any)    { b.list = append(b.list, x.(int32)) }
func (b *byDate) Pop() any {
	x := b.list[len(b.list)-1]
	b.list = b.list[:len(b.list)-1]
	return x
}
