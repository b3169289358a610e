package image

import "strings"

// place names an entry of an image.
type place struct{ layer, entry int }

// node is a name in the tree of an image.
type node struct {
	children map[string]*node
	at       place
	present  bool // it is more than a directory that something is in
}

func (n *node) child(name string, create bool) *node {
	c := n.children[name]
	if c == nil && create {
		if n.children == nil {
			n.children = map[string]*node{}
		}
		c = &node{}
		n.children[name] = c
	}
	return c
}

// find returns the node of a path; nil if it is not there and not to be made.
func (n *node) find(path string, create bool) *node {
	for part := range strings.SplitSeq(path, "/") {
		if part == "." {
			continue
		}
		if n = n.child(part, create); n == nil {
			return nil
		}
	}
	return n
}

// merge puts the layers over each other, from the base up, and returns the tree that
// a container sees.
//
// https://github.com/opencontainers/image-spec/blob/main/layer.md#applying-changesets
func merge(layers [][]entry) *node {
	root := &node{}
	for i, entries := range layers {
		// What a layer hides is hidden in those below it, wherever in the
		// layer the whiteout stands.
		for _, e := range entries {
			switch e.Kind {
			case kindOpaque:
				if n := root.find(e.Path, false); n != nil {
					n.children = nil
				}
			case kindWhiteout:
				dir, base := cut(e.Path)
				if n := root.find(dir, false); n != nil {
					delete(n.children, base)
				}
			}
		}
		for j, e := range entries {
			switch e.Kind {
			case kindOpaque, kindWhiteout, kindBad:
				continue
			}
			n := root.find(e.Path, true)
			if e.Kind != kindDir {
				n.children = nil // a file takes the place of a directory
			}
			n.at, n.present = place{i, j}, true
		}
	}
	return root
}

// cut splits a path into directory and name.
func cut(path string) (dir, base string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return ".", path
}

// visible are the entries that a container sees.
func (n *node) visible(out map[place]bool) {
	if n.present {
		out[n.at] = true
	}
	for _, c := range n.children {
		c.visible(out)
	}
}
