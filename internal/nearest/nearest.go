// Package nearest finds what somebody meant who wrote a name that does not exist.
package nearest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Names returns the names that s may have been meant to be, best first; at
// most three.
func Names(s string, names []string) []string {
	type scored struct {
		name string
		d    int
	}
	var all []scored
	low := strings.ToLower(s)
	for _, n := range names {
		d := Distance(low, strings.ToLower(n))
		d = min(d, Distance(low, strings.ToLower(lastParts(n, 1+strings.Count(s, "."))))+1)
		switch {
		case d <= max(1, len(s)/3):
		case len(s) >= 3 && strings.Contains(strings.ToLower(n), low):
			d = len(s)
		default:
			continue
		}
		all = append(all, scored{n, d})
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.name, b.name)) })
	var out []string
	for _, x := range all[:min(3, len(all))] {
		out = append(out, x.name)
	}
	return out
}

// lastParts are the last n dot-separated parts of a name.
func lastParts(name string, n int) string {
	i := len(name)
	for ; n > 0 && i >= 0; n-- {
		i = strings.LastIndexByte(name[:i], '.')
	}
	return name[i+1:]
}

// Hint is the end of an error about the unknown name s, with a semicolon in
// front: what may have been meant, or else what there is.
func Hint(s string, names []string) string {
	if n := Names(s, names); len(n) > 0 {
		return fmt.Sprintf("; did you mean %s?", Quote(n, " or "))
	}
	names = slices.Sorted(slices.Values(names))
	switch {
	case len(names) == 0:
		return "; there is none"
	case len(names) > 20:
		return fmt.Sprintf("; known are %s and %d more", Quote(names[:20], ", "), len(names)-20)
	}
	return "; known are " + Quote(names, ", ")
}

// Quote writes the names in quotes, with sep between them.
func Quote(names []string, sep string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, sep)
}

// Distance counts insertions, deletions, substitutions and swaps of
// neighbours. Long names are cut, since nobody misspells those by a little.
func Distance(a, b string) int {
	const longest = 200
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	var before, prev []int
	for j := range len(b) + 1 {
		prev = append(prev, j)
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev = prev, row
	}
	return prev[len(b)]
}
