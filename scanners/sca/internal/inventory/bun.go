package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// parseBunLock reads bun.lock: JSON with comments, in which a package is a
// list; see https://bun.com/docs/pm/lockfile.
func parseBunLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := looseJSONTree(f.Data)
	if err != nil {
		return inv, err
	}
	packages, workspaces := root.get("packages"), root.get("workspaces")
	if !root.get("lockfileVersion").exists() {
		return inv, errors.New(`it has no "lockfileVersion", so it is no lockfile of bun`)
	}
	if packages.exists() && !packages.isMap() || workspaces.exists() && !workspaces.isMap() {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: `"packages" or "workspaces" is no table`}
	}
	inv.tellRepeated(root)
	b := bunLock{inv: &inv, places: map[string]int{}, origins: npmOrigins{}}
	for e := range packages.children() {
		b.add(e)
	}
	scopes := map[string]gatehouse.Scope{}
	asked := npmAsks(f)
	for w := range workspaces.children() {
		npmAsksIn(w, func(a ask) {
			i, ok := b.places[cmp.Or(w.get("name").text(), w.key())+"/"+a.name]
			if !ok {
				if i, ok = b.places[a.name]; !ok {
					return
				}
			}
			a.workspace = w.key()
			for _, m := range asked[a.name] {
				if m.workspace == a.workspace {
					a = m
					break
				}
			}
			p := &inv.Packages[i]
			p.Direct = true
			p.declare([]ask{a})
			scopes[p.ID] = wider(scopes[p.ID], a.scope)
		})
	}
	for e := range packages.children() {
		b.connect(e)
	}
	inv.spreadScopes(scopes)
	return inv, nil
}

type bunLock struct {
	inv     *Inventory
	places  map[string]int // to packages
	origins npmOrigins
}

// add reads ["name@version", registry, {…}, integrity]; what does not come from
// a registry has no second part.
func (b *bunLock) add(e node) {
	parts := make([]node, 0, 4)
	for c := range e.children() {
		parts = append(parts, c)
	}
	if !e.isList() || len(parts) == 0 || parts[0].text() == "" {
		b.inv.gap(gatehouse.GapParse, e.line(), e.key(), "the entry is no list that starts with name@version")
		return
	}
	if len(e.key()) > longestPlace {
		b.inv.gap(gatehouse.GapParse, e.line(), e.key()[:80], "the entry is not read: its path is too long")
		return
	}
	name, version := splitPattern(parts[0].text())
	p := Package{Eco: NPM, Name: name, Version: version, Line: e.line()}
	last := parts[len(parts)-1]
	if len(parts) > 1 {
		p.Hashes = sriDigests(last.text())
	}
	placeNpm(&p, version)
	switch {
	case plainVersion(version) && len(parts) > 1:
		p.Origin = b.origins.registry(cmp.Or(strings.TrimSuffix(registryOf(parts[1].text(), name), "/"), "https://registry.npmjs.org"))
	case version == "":
		b.inv.gap(gatehouse.GapUnresolved, p.Line, name, fmt.Sprintf("%s has no version in the lockfile", name))
	default:
		p.Origin = placeOrigin(version, len(p.Hashes) > 0)
	}
	b.places[e.key()] = len(b.inv.Packages)
	b.inv.add(p)
}

// registryOf is the registry of a URL that may be that of an archive.
func registryOf(url, name string) string {
	before, _, _ := strings.Cut(url, "/-/")
	return strings.TrimSuffix(before, name)
}

// connect finds what a package needs: "a/b" is the b that a gets, if it is not
// the one that all others get.
func (b *bunLock) connect(e node) {
	i, ok := b.places[e.key()]
	if !ok {
		return
	}
	p := &b.inv.Packages[i]
	for part := range e.children() {
		for _, table := range []string{"dependencies", "optionalDependencies", "peerDependencies"} {
			for d := range part.get(table).children() {
				name := d.key()
				if j, ok := b.resolve(e.key(), name); ok {
					name = b.inv.Packages[j].Name
					p.DependsOn = append(p.DependsOn, b.inv.Packages[j].ID)
				}
				if p.Ranges == nil {
					p.Ranges = map[string]string{}
				}
				p.Ranges[name] = d.text()
			}
		}
	}
}

func (b *bunLock) resolve(from, name string) (int, bool) {
	for range limits.MaxNesting {
		if j, ok := b.places[from+"/"+name]; ok {
			return j, true
		}
		i := strings.LastIndexByte(from, '/')
		if i < 0 {
			break
		}
		from = from[:i]
	}
	j, ok := b.places[name]
	return j, ok
}
