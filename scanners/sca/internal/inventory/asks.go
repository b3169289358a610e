package inventory

import (
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// ask is a dependency that a manifest asks for.
type ask struct {
	// name is what the package is called where it is locked, in the form of
	// [ManifestKind.plainName].
	name string
	// requirement is the range as written; may be empty.
	requirement string
	scope       gatehouse.Scope
	at          gatehouse.Location
	// workspace is the directory of the manifest, below that of the lockfile.
	workspace string
}

// asks are what manifests ask for, by name; those nearest to the root first.
type asks map[string][]ask

func (a asks) add(one ask) { a[one.name] = append(a[one.name], one) }

// workspaceOf is the directory of a manifest below that of the lockfile; empty
// if it is the same.
func workspaceOf(lock, manifest string) string {
	from, dir := path.Dir(lock), path.Dir(manifest)
	switch {
	case dir == from:
		return ""
	case from == ".":
		return dir
	}
	return strings.TrimPrefix(dir, from+"/")
}

// manifests are the paths of the other files with the base name, those nearest
// to the root first.
func (f *Lockfile) manifests(base string) []string {
	var paths []string
	for p := range f.Others {
		if path.Base(p) == base && p != f.Path {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, func(a, b string) int {
		if d := strings.Count(a, "/") - strings.Count(b, "/"); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return paths
}

// declare takes from a manifest what asks for the package. An ask for the
// version that the package has is taken before others of the same name, and the
// widest scope of all counts.
func (p *Package) declare(all []ask) {
	for i := range all {
		a := &all[i]
		if p.Declared == nil && a.at.Path != "" {
			at := a.at
			p.Declared, p.Workspace = &at, a.workspace
			if a.requirement != "" {
				p.Requirement = strings.Clone(a.requirement)
			}
		}
		if p.Requirement == "" {
			p.Requirement = strings.Clone(a.requirement)
		}
	}
}

// widest is the widest scope of what asks for a package.
func widest(all []ask) (s gatehouse.Scope) {
	for _, a := range all {
		s = wider(s, a.scope)
	}
	return s
}

// npmTables are the tables of package.json that ask for packages.
var npmTables = []struct {
	name  string
	scope gatehouse.Scope
}{
	{"dependencies", gatehouse.ScopeRuntime},
	{"optionalDependencies", gatehouse.ScopeOptional},
	{"peerDependencies", gatehouse.ScopePeer},
	{"devDependencies", gatehouse.ScopeDev},
}

// npmAsks are what the package.json files ask for, by the name in them, which
// an alias may have made up.
func npmAsks(f *Lockfile) asks {
	found := asks{}
	for _, p := range f.manifests("package.json") {
		root, err := jsonTree(PlainText(f.Others[p].Data))
		if err != nil {
			continue // said where it is compared with the lockfile
		}
		npmAsksIn(root, func(a ask) {
			a.at.Path, a.workspace = p, workspaceOf(f.Path, p)
			found.add(a)
		})
	}
	return found
}

// npmAsksIn yields what one package.json, or a part of a lockfile with the same
// tables, asks for. What is optional stands in "dependencies" as well when npm
// writes it.
func npmAsksIn(root node, yield func(ask)) {
	optional := root.get("optionalDependencies").table()
	meta := root.get("peerDependenciesMeta").table()
	for _, table := range npmTables {
		for d := range root.get(table.name).children() {
			scope := table.scope
			switch {
			case scope == gatehouse.ScopeRuntime && optional[d.key()].exists():
				scope = gatehouse.ScopeOptional
			case scope == gatehouse.ScopePeer && meta[d.key()].get("optional").isTrue():
				scope = gatehouse.ScopeOptional
			}
			if d.kind() == nodeString || d.kind() == nodePlain {
				yield(ask{name: d.key(), requirement: d.text(), scope: scope, at: gatehouse.Location{Line: d.line()}})
			}
		}
	}
}
