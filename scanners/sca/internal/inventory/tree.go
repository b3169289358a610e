package inventory

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// tree is a document of JSON, YAML or TOML with the lines of its parts. All
// nodes are in one list and all texts are parts of that of the document, so
// that a lockfile of 50,000 packages costs a few allocations.
type tree struct {
	nodes []treeNode
	// repeated are keys that stand twice in one map. Programs differ on which
	// of them counts.
	repeated []repeatedKey
}

type treeNode struct {
	key, text string
	// line is that of the key, or where there is none of the start; end is that
	// of the closing bracket in JSON, and 0 elsewhere.
	line, end int32
	// first, last and next are indices of nodes; 0 is none, as the root is
	// nobody's child.
	first, last, next int32
	kind              nodeKind
}

type repeatedKey struct {
	line int
	key  string
}

// nodeKind is what a node is.
type nodeKind uint8

const (
	nodeNone   nodeKind = iota
	nodePlain           // a number, a truth value, null, or a text without quotes
	nodeString          // a text in quotes
	nodeMap
	nodeList
)

// node is a place in a tree; the zero value is nothing, and has nothing.
type node struct {
	t *tree
	i int32
}

func (t *tree) root() node { return node{t, 0} }

// add appends a node below parent, and returns its index.
func (t *tree) add(parent int32, key, text string, line int, kind nodeKind) int32 {
	i := int32(len(t.nodes)) //nolint:gosec // a document has fewer bytes than this has numbers
	t.nodes = append(t.nodes, treeNode{key: key, text: text, line: int32(line), kind: kind})
	if i == 0 {
		return i
	}
	p := &t.nodes[parent]
	if p.first == 0 {
		p.first = i
	} else {
		t.nodes[p.last].next = i
	}
	p.last = i
	return i
}

func (n node) at() *treeNode {
	if n.t == nil || len(n.t.nodes) == 0 {
		return &treeNode{}
	}
	return &n.t.nodes[n.i]
}

func (n node) kind() nodeKind { return n.at().kind }
func (n node) exists() bool   { return n.t != nil && n.at().kind != nodeNone }
func (n node) isMap() bool    { return n.at().kind == nodeMap }
func (n node) isList() bool   { return n.at().kind == nodeList }
func (n node) key() string    { return n.at().key }
func (n node) line() int      { return int(n.at().line) }
func (n node) end() int       { return int(n.at().end) }

// text is a scalar as text; empty for anything else and for null.
func (n node) text() string {
	at := n.at()
	if at.kind == nodePlain && (at.text == "null" || at.text == "~") {
		return ""
	}
	return at.text
}

// isTrue is true for the truth value, and not for the text.
func (n node) isTrue() bool { at := n.at(); return at.kind == nodePlain && at.text == "true" }

// children yields the entries of a map or the items of a list.
func (n node) children() iter.Seq[node] {
	return func(yield func(node) bool) {
		if n.t == nil || len(n.t.nodes) == 0 {
			return
		}
		for i := n.t.nodes[n.i].first; i != 0; i = n.t.nodes[i].next {
			if !yield(node{n.t, i}) {
				return
			}
		}
	}
}

// get is the value at the path of keys. Of a key that is there twice the last
// one counts, as for most programs.
func (n node) get(keys ...string) node {
	for _, key := range keys {
		if n.t == nil || len(n.t.nodes) == 0 || n.t.nodes[n.i].kind != nodeMap {
			return node{}
		}
		found := int32(0)
		for i := n.t.nodes[n.i].first; i != 0; i = n.t.nodes[i].next {
			if n.t.nodes[i].key == key {
				found = i
			}
		}
		if found == 0 {
			return node{}
		}
		n.i = found
	}
	return n
}

// table gives the entries of a map by key, for maps that are asked for many
// keys; the last one counts.
func (n node) table() map[string]node {
	if !n.isMap() {
		return nil
	}
	found := map[string]node{}
	for c := range n.children() {
		found[c.key()] = c
	}
	return found
}

// texts are the scalars of a list, or the one that stands for a list.
func (n node) texts() []string {
	if n.kind() == nodeString || n.kind() == nodePlain {
		if s := n.text(); s != "" {
			return []string{s}
		}
		return nil
	}
	var list []string
	if n.isList() {
		for c := range n.children() {
			if s := c.text(); s != "" {
				list = append(list, s)
			}
		}
	}
	return list
}

// count is how many children there are.
func (n node) count() int {
	k := 0
	for range n.children() {
		k++
	}
	return k
}

// findRepeated finds the keys that are twice in one map.
func (t *tree) findRepeated() {
	const few = 16
	var seen map[string]bool
	for i := range t.nodes {
		if t.nodes[i].kind != nodeMap {
			continue
		}
		size := 0
		for c := t.nodes[i].first; c != 0 && size <= few; c = t.nodes[c].next {
			size++
		}
		if size <= few {
			for c := t.nodes[i].first; c != 0; c = t.nodes[c].next {
				for d := t.nodes[i].first; d != c; d = t.nodes[d].next {
					if t.nodes[c].key == t.nodes[d].key {
						t.repeated = append(t.repeated, repeatedKey{int(t.nodes[c].line), t.nodes[c].key})
						break
					}
				}
			}
			continue
		}
		if seen == nil {
			seen = map[string]bool{}
		}
		clear(seen)
		for c := t.nodes[i].first; c != 0; c = t.nodes[c].next {
			if seen[t.nodes[c].key] {
				t.repeated = append(t.repeated, repeatedKey{int(t.nodes[c].line), t.nodes[c].key})
			}
			seen[t.nodes[c].key] = true
		}
	}
}

// tellMissing adds one gap for packages that others need and that the file
// does not have: it was cut short, or merged by hand.
func (inv *Inventory) tellMissing(names map[string]bool) {
	if len(names) == 0 {
		return
	}
	list := slices.Sorted(maps.Keys(names))
	inv.gap(gatehouse.GapUnresolved, 0, "", fmt.Sprintf("it does not have %s, which packages in it need; it may be cut short or merged by hand, so make it anew", some(list)))
}

// tellRepeated adds a gap for each key that is there twice. Both entries of a
// list of packages are read, but within one the last one counts.
func (inv *Inventory) tellRepeated(n node) {
	const most = 20
	if n.t == nil {
		return
	}
	for i, r := range n.t.repeated {
		if i == most {
			inv.gap(gatehouse.GapParse, r.line, "", fmt.Sprintf("%d more keys stand twice in one table", len(n.t.repeated)-most))
			return
		}
		inv.gap(gatehouse.GapParse, r.line, strings.Clone(r.key), fmt.Sprintf("the key %q stands twice in one table, and programs differ on which one counts; make the file anew", r.key))
	}
}
