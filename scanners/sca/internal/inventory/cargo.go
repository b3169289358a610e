package inventory

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// parseCargoLock reads Cargo.lock of versions 1 to 4.
func parseCargoLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, packages, err := lockTree(f.Data, &inv, "package", "version", "metadata", "root")
	if err != nil {
		return inv, err
	}
	if v, err := strconv.Atoi(root.get("version").text()); err == nil && v > 4 {
		return inv, fmt.Errorf("version %d of the lockfile is not known; write it with a cargo that uses version 4", v)
	}
	checksums := map[string]string{} // version 1 has them at the end
	for c := range root.get("metadata").children() {
		checksums[c.key()] = c.text()
	}
	origins := map[string]*gatehouse.Origin{}
	byName, byID := make(map[string][]int32, len(packages)), make(map[string]int32, len(packages))
	for _, p := range packages {
		name, version, source := p.get("name").text(), p.get("version").text(), p.get("source").text()
		checksum := p.get("checksum").text()
		if checksum == "" && len(checksums) > 0 {
			checksum = checksums["checksum "+name+" "+version+" ("+source+")"]
		}
		// A package without a source is part of the workspace. One from a
		// repository has the name and version of the one on crates.io.
		entry := Package{ID: name + "@" + version, Eco: Cargo, Name: name, Version: version, Line: p.line(),
			FirstParty: source == "", Hashes: digests(hexDigest("sha256", checksum))}
		if source != "" {
			if origins[source] == nil {
				origins[source] = cargoOrigin(strings.Clone(source))
			}
			entry.Origin = origins[source]
		}
		if version == "" {
			inv.gap(gatehouse.GapUnresolved, p.line(), name, fmt.Sprintf("%s has no version in the lockfile", name))
		}
		byName[name] = append(byName[name], int32(len(inv.Packages)))
		byID[entry.ID] = int32(len(inv.Packages))
		inv.add(entry)
	}
	missing := map[string]bool{}
	for i, p := range packages {
		for d := range p.get("dependencies").children() {
			j := cargoNeed(byID, byName, d.text())
			if j < 0 {
				missing[d.text()] = true
				continue
			}
			inv.Packages[i].DependsOn = append(inv.Packages[i].DependsOn, inv.Packages[j].ID)
		}
	}
	inv.tellMissing(missing)
	inv.cargoDirect(f)
	return inv, nil
}

// cargoNeed finds what "name", "name version" or "name version (source)" means;
// negative if it is not there.
func cargoNeed(byID map[string]int32, byName map[string][]int32, need string) int {
	name, rest, _ := strings.Cut(need, " ")
	version, _, _ := strings.Cut(rest, " ")
	if version == "" && len(byName[name]) > 0 {
		return int(byName[name][0])
	}
	if i, ok := byID[name+"@"+version]; ok {
		return int(i)
	}
	return -1
}

// cargoOrigin reads "registry+URL", "sparse+URL" and "git+URL?rev=…#commit".
func cargoOrigin(source string) *gatehouse.Origin {
	kind, url, _ := strings.Cut(source, "+")
	switch kind {
	case "registry", "sparse":
		return fromRegistry(url)
	case "git":
		url, revision, _ := strings.Cut(url, "#")
		return repository(url, revision)
	case "path":
		return &gatehouse.Origin{Kind: "path", URL: url, Pinned: true}
	}
	return &gatehouse.Origin{Kind: "url", URL: redactURL(source)}
}

// cargoDirect marks what the packages of the workspace need; the manifests say
// what for. Without them, everything counts as shipped.
func (inv *Inventory) cargoDirect(f *Lockfile) {
	manifests := cargoAsksOf(f)
	index := make(map[string]int, len(inv.Packages))
	for i := range inv.Packages {
		index[inv.Packages[i].ID] = i
	}
	scopes := map[string]gatehouse.Scope{}
	for i := range inv.Packages {
		root := &inv.Packages[i]
		if !root.FirstParty {
			continue
		}
		asked, known := manifests[root.Name]
		for _, id := range root.DependsOn {
			p := &inv.Packages[index[id]]
			if p.FirstParty {
				continue
			}
			p.Direct = true
			all := asked[p.Name]
			switch {
			case !known:
				scopes[id] = wider(scopes[id], gatehouse.ScopeRuntime)
			case len(all) == 0:
				scopes[id] = wider(scopes[id], gatehouse.ScopeDev)
			default:
				p.declare(all)
				scopes[id] = wider(scopes[id], widest(all))
				if root.Ranges == nil {
					root.Ranges = map[string]string{}
				}
				root.Ranges[p.Name] = all[0].requirement
			}
		}
	}
	if len(manifests) == 0 {
		return
	}
	inv.spreadScopes(scopes)
	for i := range inv.Packages {
		if p := &inv.Packages[i]; p.Scope == "" && !p.FirstParty {
			p.Dev = true
		}
	}
}

// cargoTable is a table of Cargo.toml that asks for packages.
type cargoTable struct {
	node
	scope gatehouse.Scope
}

func cargoTablesOf(m node) (tables []cargoTable) {
	add := func(n node) {
		for key, scope := range map[string]gatehouse.Scope{"dependencies": gatehouse.ScopeRuntime, "build-dependencies": gatehouse.ScopeBuild, "build_dependencies": gatehouse.ScopeBuild,
			"dev-dependencies": gatehouse.ScopeDev, "dev_dependencies": gatehouse.ScopeDev} {
			if t := n.get(key); t.isMap() {
				tables = append(tables, cargoTable{t, scope})
			}
		}
	}
	add(m)
	for target := range m.get("target").children() {
		add(target)
	}
	slices.SortFunc(tables, func(a, b cargoTable) int { return int(a.i) - int(b.i) })
	return tables
}

// cargoAsksOf gives for each package of the workspace what its manifest asks
// for, by the real names.
func cargoAsksOf(f *Lockfile) map[string]asks {
	found := map[string]asks{}
	roots := map[string]node{}
	shared := map[string]node{} // what members inherit
	for _, p := range f.manifests("Cargo.toml") {
		root, err := tomlTree(PlainText(f.Others[p].Data))
		if err != nil {
			continue // said where it is compared with the lockfile
		}
		roots[p] = root
		maps.Copy(shared, root.get("workspace", "dependencies").table())
	}
	for _, p := range f.manifests("Cargo.toml") {
		name := roots[p].get("package", "name").text()
		if name == "" {
			continue
		}
		list := found[name]
		if list == nil {
			list = asks{}
			found[name] = list
		}
		for _, table := range cargoTablesOf(roots[p]) {
			for d := range table.children() {
				a := ask{name: d.key(), requirement: d.text(), scope: table.scope, workspace: workspaceOf(f.Path, p),
					at: gatehouse.Location{Path: p, Line: d.line()}}
				spec := d
				if d.get("workspace").isTrue() {
					spec = shared[d.key()]
				}
				if spec.isMap() {
					a.requirement = spec.get("version").text()
				} else if spec.exists() {
					a.requirement = spec.text()
				}
				if real := spec.get("package").text(); real != "" {
					a.name = real
				}
				if (d.get("optional").isTrue() || spec.get("optional").isTrue()) && a.scope == gatehouse.ScopeRuntime {
					a.scope = gatehouse.ScopeOptional
				}
				list.add(a)
			}
		}
	}
	return found
}

type cargoTables struct {
	Dependencies      map[string]any
	BuildDependencies map[string]any `toml:"build-dependencies"`
}
