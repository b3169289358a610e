package inventory

import "slices"

// mostVisited bounds how many packages are looked at to find out how one comes
// in. The largest lockfiles of public repositories have some 10,000 packages.
const mostVisited = 20_000

// Paths lead from a direct dependency to p: for each direct dependency the
// shortest one, the shortest of all first, and no more than most. Empty if p is
// direct itself or the file does not say how it comes in.
func (g *Graph) Paths(p *Package, most int) [][]*Package {
	start, ok := g.index[p.ID]
	if p.Direct || !ok {
		return nil
	}
	g.searches++
	g.seen[start] = g.searches
	if g.toward == nil {
		g.toward = make([]int32, len(g.packages))
	}
	var paths [][]*Package
	g.queue = append(g.queue[:0], start)
	for next := 0; next < len(g.queue) && len(paths) < most && next < mostVisited; next++ {
		at := g.queue[next]
		for _, i := range g.users[at] {
			user := &g.packages[i]
			if g.seen[i] == g.searches || user.FirstParty {
				continue
			}
			g.seen[i] = g.searches
			g.toward[i] = int32(at)
			if !user.Direct {
				g.queue = append(g.queue, i)
				continue
			}
			var path []*Package
			for k := i; ; k = int(g.toward[k]) {
				path = append(path, &g.packages[k])
				if k == start {
					break
				}
			}
			paths = append(paths, path)
			if len(paths) == most {
				break
			}
		}
	}
	slices.SortStableFunc(paths, func(a, b []*Package) int { return len(a) - len(b) })
	return paths
}

// Users are the packages that need p themselves; empty if the file does not
// say.
func (g *Graph) Users(p *Package) []*Package {
	var users []*Package
	if start, ok := g.index[p.ID]; ok {
		for _, i := range g.users[start] {
			users = append(users, &g.packages[i])
		}
	}
	return users
}
