package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// parsePubspecLock reads pubspec.lock; see
// https://dart.dev/tools/pub/glossary#lockfile.
func parsePubspecLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlDocument(f.Data, nil)
	if err != nil {
		return inv, err
	}
	packages := root.get("packages")
	switch {
	case !packages.exists() && !root.get("sdks").exists():
		return inv, errors.New("it has neither packages nor sdks, so it is no lockfile of pub")
	case packages.exists() && !packages.isMap() && packages.text() != "":
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: packages.line(), Reason: `"packages" is no table`}
	case !root.get("sdks").exists():
		inv.gap(gatehouse.GapParse, 0, "sdks", "it has no sdks, which stand at its end; it is cut short, so make it anew")
	}
	inv.tellRepeated(root)
	asked := pubspecAsksOf(f)
	for n := range packages.children() {
		d, kind := n.get("description"), n.get("dependency").text()
		p := Package{Eco: Pub, Name: n.key(), Version: n.get("version").text(), Line: n.line(), Direct: strings.HasPrefix(kind, "direct"),
			Hashes: digests(hexDigest("sha256", d.get("sha256").text()))}
		switch kind {
		case "direct dev":
			p.Scope, p.Dev = gatehouse.ScopeDev, true
		case "direct main", "direct overridden":
			p.Scope = gatehouse.ScopeRuntime
		}
		url := strings.Clone(d.get("url").text())
		switch n.get("source").text() {
		case "path", "sdk":
			// Part of the project, or of the SDK, which has no version here.
			p.FirstParty = true
		case "git":
			p.Unmatched = "it is installed from a repository and not from pub.dev"
			p.Origin = repository(url, strings.Clone(d.get("resolved-ref").text()))
		case "hosted":
			if url != "" {
				p.Origin = fromRegistry(url)
			}
		}
		if p.Version == "" && !p.FirstParty {
			inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
		}
		if p.Direct {
			p.declare(asked[p.Name])
		}
		inv.add(p)
	}
	return inv, nil
}

func pubspecAsksOf(f *Lockfile) asks {
	found := asks{}
	for _, p := range f.manifests("pubspec.yaml") {
		root, err := yamlDocument(PlainText(f.Others[p].Data), nil)
		if err != nil {
			continue // said where it is compared with the lockfile
		}
		for table, scope := range map[string]gatehouse.Scope{"dependencies": gatehouse.ScopeRuntime, "dev_dependencies": gatehouse.ScopeDev} {
			for d := range root.get(table).children() {
				requirement := d.text()
				if d.isMap() {
					requirement = d.get("version").text()
				}
				found.add(ask{name: d.key(), requirement: requirement, scope: scope, workspace: workspaceOf(f.Path, p), at: gatehouse.Location{Path: p, Line: d.line()}})
			}
		}
	}
	return found
}
