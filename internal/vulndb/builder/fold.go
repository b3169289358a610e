package builder

import (
	"cmp"
	"slices"
	"strings"
)

// group holds the ids of one problem.
type group struct {
	parent string
	// cve is the CVE id among them; a group has at most one.
	cve string
}

// names is which ids mean the same problem, over all sources.
type names struct {
	groups map[string]*group
	// members has the ids of each group by its root, sorted.
	members map[string][]string
}

// fold finds out which ids mean the same problem: a source that knows only the
// GHSA id of it meets one that knows GHSA and CVE. Entries with several CVE ids
// are about several problems, and join none; nor does an entry by which two CVE
// ids would become one.
func (b *Builder) fold() *names {
	n := &names{groups: map[string]*group{}, members: map[string][]string{}}
	order := make([]int, 0, len(b.entries))
	for i, e := range b.entries {
		if !e.superseded && len(e.names) > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(x, y int) int {
		ex, ey := &b.entries[x], &b.entries[y]
		return cmp.Or(cmp.Compare(ex.source.ID, ey.source.ID), cmp.Compare(ex.id, ey.id), cmp.Compare(x, y))
	})
	for _, i := range order {
		ids := b.entries[i].names
		cves := 0
		for _, id := range ids {
			if strings.HasPrefix(id, "CVE-") {
				cves++
			}
		}
		if cves > 1 {
			continue
		}
		for _, id := range ids {
			n.join(ids[0], id)
		}
	}
	for id := range n.groups {
		root := n.root(id)
		n.members[root] = append(n.members[root], id)
	}
	for _, m := range n.members {
		slices.Sort(m)
	}
	return n
}

func (n *names) root(id string) string {
	for {
		g := n.groups[id]
		if g == nil {
			g = &group{parent: id}
			if strings.HasPrefix(id, "CVE-") {
				g.cve = id
			}
			n.groups[id] = g
		}
		if g.parent == id {
			return id
		}
		// Halving the path keeps the trees flat.
		g.parent = n.groups[g.parent].parent
		id = g.parent
	}
}

func (n *names) join(a, b string) {
	a, b = n.root(a), n.root(b)
	ga, gb := n.groups[a], n.groups[b]
	if a == b || ga.cve != "" && gb.cve != "" {
		return
	}
	ga.cve = cmp.Or(ga.cve, gb.cve)
	gb.parent = a
}

// of returns all ids of the problem that id means, sorted; nil if nothing is
// known about it.
func (n *names) of(id string) []string {
	if n.groups[id] == nil {
		return nil
	}
	return n.members[n.root(id)]
}

// primary returns the id under which the problem is stored: a CVE id, else a
// GHSA id, else id itself.
func (n *names) primary(id string) string {
	if strings.HasPrefix(id, "CVE-") {
		return id
	}
	all := n.of(id)
	for _, prefix := range []string{"CVE-", "GHSA-"} {
		for _, a := range all {
			if strings.HasPrefix(a, prefix) {
				return a
			}
		}
	}
	return id
}
