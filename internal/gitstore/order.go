package gitstore

import (
	"cmp"
	"slices"
)

// stored is where a content is stored.
type stored struct {
	pack, blob int
	offset     int64
}

// readingOrder returns the indexes of the contents in the order in which they are
// best read: those of one path together, and each behind the one that it is
// stored as changes of.
func (h *History) readingOrder() []int {
	parent := h.bases()
	// The contents that are stored as changes of each, as lists: the first one,
	// and behind each the next.
	first, next := make([]int32, len(parent)), make([]int32, len(parent))
	for i := len(parent) - 1; i >= 0; i-- {
		if p := parent[i]; p > 0 {
			next[i], first[p-1] = first[p-1], int32(i+1)
		}
	}
	order := make([]int, 0, len(parent))
	var stack []int32
	for i := range parent {
		if parent[i] == 0 {
			stack = append(stack, int32(i+1))
		}
		for len(stack) > 0 {
			n := stack[len(stack)-1] - 1
			stack = stack[:len(stack)-1]
			order = append(order, int(n))
			for c := first[n]; c > 0; c = next[c-1] {
				stack = append(stack, c)
			}
		}
	}
	return order
}

// bases returns for each content the one of the same path that it is stored as
// changes of, counted from 1; 0 if there is none.
func (h *History) bases() []int32 {
	s := h.store
	list := make([]stored, 0, len(h.Blobs))
	for i := range h.Blobs {
		for k, p := range s.packs {
			if n, ok := p.find(&h.Blobs[i].ID); ok {
				if offset, err := p.offset(n); err == nil {
					list = append(list, stored{k, i, offset})
				}
				break
			}
		}
	}
	compare := func(a, b stored) int { return cmp.Or(cmp.Compare(a.pack, b.pack), cmp.Compare(a.offset, b.offset)) }
	slices.SortFunc(list, compare)
	parent := make([]int32, len(h.Blobs))
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	for _, l := range list {
		p := s.packs[l.pack]
		head, err := in.open(p, l.offset)
		if err != nil {
			continue // said when it is read
		}
		base := stored{pack: l.pack, offset: head.baseOffset}
		if head.kind == typeRefDelta {
			n, ok := p.find(&head.baseID)
			if !ok {
				continue
			}
			if base.offset, err = p.offset(n); err != nil {
				continue
			}
		}
		i, ok := slices.BinarySearchFunc(list, base, compare)
		if !ok {
			continue
		}
		// Deltas by id may go in circles, which are no order.
		if list[i].offset < l.offset && h.Blobs[list[i].blob].Path == h.Blobs[l.blob].Path {
			parent[l.blob] = int32(list[i].blob + 1)
		}
	}
	return parent
}
