package inventory

import (
	"slices"

	"github.com/gatehouse-sec/gatehouse"
)

// scopeOrder is how much of the target depends on a package of each scope, the
// most first: what is shipped, what comes with it, what may come, and what only
// those need who build, test or develop.
var scopeOrder = []gatehouse.Scope{
	gatehouse.ScopeRuntime, gatehouse.ScopePeer, gatehouse.ScopeOptional, gatehouse.ScopeBuild, gatehouse.ScopeTest, gatehouse.ScopeDev,
}

// wider is the scope of a package that is needed for both; an empty one says
// nothing.
func wider(a, b gatehouse.Scope) gatehouse.Scope {
	if a == "" || b == "" {
		return gatehouse.Scope(string(a) + string(b))
	}
	if slices.Index(scopeOrder, b) < slices.Index(scopeOrder, a) {
		return b
	}
	return a
}

// shippedScope is false for what only those need who test or develop. What is
// needed to build makes what is shipped.
func shippedScope(s gatehouse.Scope) bool {
	return s != gatehouse.ScopeDev && s != gatehouse.ScopeTest
}

// spreadScopes gives each package the widest of the scopes for which it is
// asked, directly or by others, from the direct ones. It says nothing about
// those that nothing leads to. Packages are found by their ids, and those of
// the project itself are asked for by nobody.
func (inv *Inventory) spreadScopes(direct map[string]gatehouse.Scope) {
	index := make(map[string][]int32, len(inv.Packages))
	for i := range inv.Packages {
		id := inv.Packages[i].ID
		index[id] = append(index[id], int32(i))
	}
	seen := make([]bool, len(inv.Packages))
	starts := map[gatehouse.Scope][]int32{}
	for id, scope := range direct {
		starts[scope] = append(starts[scope], index[id]...)
	}
	for _, scope := range scopeOrder {
		queue := starts[scope]
		for len(queue) > 0 {
			i := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			if seen[i] {
				continue
			}
			seen[i] = true
			p := &inv.Packages[i]
			p.Scope, p.Dev = scope, !shippedScope(scope)
			for _, d := range p.DependsOn {
				queue = append(queue, index[d]...)
			}
		}
	}
}
