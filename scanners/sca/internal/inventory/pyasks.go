package inventory

import (
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// pyprojectAsksOf are what the pyproject.toml files ask for, by normalised name.
func pyprojectAsksOf(f *Lockfile) asks {
	found := asks{}
	for _, p := range f.manifests("pyproject.toml") {
		root, err := tomlTree(PlainText(f.Others[p].Data))
		if err != nil {
			continue // said where it is compared with the lockfile
		}
		r := pyprojectReader{path: p, workspace: workspaceOf(f.Path, p), found: found}
		r.list(root.get("project", "dependencies"), gatehouse.ScopeRuntime)
		for extra := range root.get("project", "optional-dependencies").children() {
			r.list(extra, gatehouse.ScopeOptional)
		}
		for group := range root.get("dependency-groups").children() {
			r.list(group, groupScope(group.key()))
		}
		for group := range root.get("tool", "pdm", "dev-dependencies").children() {
			r.list(group, groupScope(group.key()))
		}
		r.list(root.get("tool", "uv", "dev-dependencies"), gatehouse.ScopeDev)
		poetry := root.get("tool", "poetry")
		r.table(poetry.get("dependencies"), gatehouse.ScopeRuntime)
		r.table(poetry.get("dev-dependencies"), gatehouse.ScopeDev)
		for group := range poetry.get("group").children() {
			r.table(group.get("dependencies"), groupScope(group.key()))
		}
	}
	return found
}

// groupScope is that of a group of dependencies, which nobody gets who installs
// the project. Some are called after tests.
func groupScope(name string) gatehouse.Scope {
	switch strings.ToLower(name) {
	case "test", "tests", "testing":
		return gatehouse.ScopeTest
	case "main", "default", "production", "assets":
		return gatehouse.ScopeRuntime
	}
	return gatehouse.ScopeDev
}

// groupsScope is that of a package that is in several groups; empty for none.
func groupsScope(names []string) (s gatehouse.Scope) {
	for _, name := range names {
		s = wider(s, groupScope(name))
	}
	return s
}

type pyprojectReader struct {
	path, workspace string
	found           asks
}

func (r *pyprojectReader) add(name, requirement string, scope gatehouse.Scope, line int) {
	r.found.add(ask{name: PythonName(name), requirement: requirement, scope: scope, workspace: r.workspace, at: gatehouse.Location{Path: r.path, Line: line}})
}

// list reads requirements as in PEP 508.
func (r *pyprojectReader) list(n node, scope gatehouse.Scope) {
	for d := range n.children() {
		if one := splitRequirement(d.text()); one.name != "" {
			r.add(one.name, one.spec, scope, d.line())
		}
	}
}

// table reads requirements as poetry writes them: name = "^1.0", or a table or
// a list of tables with the version.
func (r *pyprojectReader) table(n node, scope gatehouse.Scope) {
	for d := range n.children() {
		if d.key() == "python" {
			continue
		}
		requirement, optional := d.text(), d.get("optional").isTrue()
		if d.isMap() {
			requirement = d.get("version").text()
		}
		for one := range d.children() {
			if d.isList() {
				requirement = strings.TrimPrefix(requirement+" || "+one.get("version").text(), " || ")
			}
		}
		if optional && scope == gatehouse.ScopeRuntime {
			r.add(d.key(), requirement, gatehouse.ScopeOptional, d.line())
			continue
		}
		r.add(d.key(), requirement, scope, d.line())
	}
}
