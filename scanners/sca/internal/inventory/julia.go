package inventory

import (
	"cmp"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// parseJuliaManifest reads Manifest.toml, if it is one of Julia; see
// https://pkgdocs.julialang.org/v1/toml-files/#Manifest.toml.
func parseJuliaManifest(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := tomlTree(f.Data)
	if err != nil {
		return inv, err
	}
	list := root.get("deps")
	if !root.get("manifest_format").exists() && !list.exists() {
		list = root // version 1 has the packages at the top
	}
	julia := root.get("julia_version").text()
	known := julia != "" || root.get("manifest_format").exists()
	ids := map[string][]string{}
	var entries []node
	for named := range list.children() {
		for n := range named.children() {
			if named.isList() && n.get("uuid").exists() {
				known = true
				ids[named.key()] = append(ids[named.key()], n.get("uuid").text())
				entries = append(entries, n)
				inv.add(Package{ID: n.get("uuid").text(), Eco: Julia, Name: named.key(), Version: n.get("version").text(), Line: n.line()})
			} else if known && named.isList() {
				inv.gap(gatehouse.GapUnresolved, n.line(), named.key(), "the package has no uuid")
			}
		}
	}
	if !known {
		inv.Skip = "not a manifest of Julia: no package has a uuid"
		inv.Packages, inv.Gaps = nil, nil
		return inv, nil
	}
	inv.tellRepeated(root)
	missing := map[string]bool{}
	for i, n := range entries {
		p := &inv.Packages[i]
		juliaSource(p, n, julia)
		deps := n.get("deps")
		for d := range deps.children() {
			switch {
			case deps.isMap(): // name = uuid, where names are not unique
				p.DependsOn = append(p.DependsOn, d.text())
			case len(ids[d.text()]) == 0:
				missing[d.text()] = true
			default:
				p.DependsOn = append(p.DependsOn, ids[d.text()]...)
			}
		}
	}
	inv.tellMissing(missing)
	return inv, nil
}

func juliaSource(p *Package, n node, julia string) {
	tree := n.get("git-tree-sha1").text()
	switch {
	case n.get("path").exists():
		p.FirstParty = true
	case n.get("repo-url").exists():
		p.Origin = repository(strings.Clone(n.get("repo-url").text()), strings.Clone(cmp.Or(tree, n.get("repo-rev").text())))
	case tree != "":
		p.Origin = &gatehouse.Origin{Kind: "registry", Revision: strings.Clone(tree), Pinned: true}
	}
	if p.Version == "" {
		// The standard library comes with Julia and has its version.
		p.Version = cmp.Or(julia, "unknown")
	}
}
