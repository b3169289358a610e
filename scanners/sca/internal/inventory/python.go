package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
)

// parsePipfileLock reads the groups of Pipfile.lock: "default" is shipped, all
// others are for development. Without a version a package is from a repository
// or a directory.
func parsePipfileLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	meta := root.get("_meta")
	if !meta.exists() && !root.get("default").exists() {
		return inv, errors.New(`it has neither "_meta" nor "default", so it is no lockfile of pipenv`)
	}
	inv.tellRepeated(root)
	indexes := map[string]*gatehouse.Origin{}
	var first *gatehouse.Origin
	for s := range meta.get("sources").children() {
		o := fromRegistry(strings.Clone(s.get("url").text()))
		indexes[s.get("name").text()] = o
		first = cmp.Or(first, o)
	}
	asked := pipfileAsks(f)
	for group := range root.children() {
		if group.key() == "_meta" {
			continue
		}
		if !group.isMap() {
			inv.gap(gatehouse.GapParse, group.line(), group.key(), fmt.Sprintf("the group %q is no table", group.key()))
			continue
		}
		for d := range group.children() {
			if !d.isMap() {
				inv.gap(gatehouse.GapParse, d.line(), d.key(), "the entry is no table, so it is not known what is installed")
				continue
			}
			p := Package{Eco: PyPI, Name: d.key(), Version: strings.TrimLeft(d.get("version").text(), "="), Line: d.line(), EndLine: d.end(),
				Scope: gatehouse.ScopeRuntime, Origin: indexes[d.get("index").text()]}
			if group.key() != "default" {
				p.Scope, p.Dev = groupScope(group.key()), true
			}
			for _, h := range d.get("hashes").texts() {
				algorithm, sum, _ := strings.Cut(h, ":")
				p.Hashes = append(p.Hashes, digests(hexDigest(algorithm, sum))...)
			}
			git, file := strings.Clone(d.get("git").text()), strings.Clone(d.get("file").text())
			switch {
			case d.get("path").exists():
				p.FirstParty = true
			case p.Version != "":
				p.Origin = cmp.Or(p.Origin, first)
			case git != "":
				p.Version = strings.Clone(d.get("ref").text())
				p.Origin = repository(git, p.Version)
				p.Unmatched = fmt.Sprintf("it is installed from %q and not from PyPI", redactURL(git))
			case file != "":
				p.Origin = &gatehouse.Origin{Kind: "url", URL: redactURL(file), Pinned: len(p.Hashes) > 0}
				p.Unmatched = fmt.Sprintf("it is installed from %q and not from PyPI", redactURL(file))
			default:
				p.Unmatched = "the lockfile gives no version"
			}
			if all := asked[PythonName(p.Name)]; len(all) > 0 {
				p.Direct = true
				p.declare(all)
			}
			inv.add(p)
		}
	}
	return inv, nil
}

// pipfileAsks are the packages that the Pipfile asks for, by normalised name.
func pipfileAsks(f *Lockfile) asks {
	found := asks{}
	for _, p := range f.manifests("Pipfile") {
		root, err := tomlTree(PlainText(f.Others[p].Data))
		if err != nil {
			continue // said where it is compared with the lockfile
		}
		for table := range root.children() {
			scope := gatehouse.ScopeDev
			switch table.key() {
			case "source", "requires", "scripts", "pipenv":
				continue
			case "packages":
				scope = gatehouse.ScopeRuntime
			}
			for d := range table.children() {
				requirement := d.text()
				if d.isMap() {
					requirement = d.get("version").text()
				}
				found.add(ask{name: PythonName(d.key()), requirement: requirement, scope: scope, workspace: workspaceOf(f.Path, p), at: gatehouse.Location{Path: p, Line: d.line()}})
			}
		}
	}
	return found
}

func pipfileDependencies(data []byte) []string {
	var tables map[string]any
	if decodeTOML(data, &tables) != nil {
		return nil
	}
	var names []string
	for table, v := range tables {
		entries, ok := v.(map[string]any)
		if !ok || table == "requires" || table == "scripts" || table == "pipenv" {
			continue
		}
		for name := range entries {
			names = append(names, name)
		}
	}
	return names
}

// parseCondaEnvironment reads environment.yml: conda packages, and below "pip"
// those of PyPI.
func parseCondaEnvironment(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var env struct {
		Dependencies yaml.Node `yaml:"dependencies"`
		Channels     yaml.Node `yaml:"channels"`
	}
	if err := decodeYAML(f.Data, &env, nil); err != nil {
		return inv, err
	}
	if env.Dependencies.Kind == 0 {
		if env.Channels.Kind == 0 {
			inv.Skip = "not an environment of conda: it has no dependencies"
		}
		return inv, nil
	}
	if env.Dependencies.Kind != yaml.SequenceNode {
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: env.Dependencies.Line, Reason: "\"dependencies\" is no list"}
	}
	for _, n := range env.Dependencies.Content {
		switch n.Kind {
		case yaml.ScalarNode:
			addConda(&inv, n)
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value != "pip" {
					inv.gap(gatehouse.GapUnresolved, n.Line, n.Content[i].Value, fmt.Sprintf("packages of %q are not understood; only conda and pip are", n.Content[i].Value))
					continue
				}
				for _, item := range n.Content[i+1].Content {
					addCondaPip(f, &inv, item)
				}
			}
		default:
			inv.gap(gatehouse.GapParse, n.Line, "", "the dependency is neither a name nor a list of another package manager")
		}
	}
	return inv, nil
}

// addConda reads "name=version=build" and its variants; see
// https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html.
func addConda(inv *Inventory, n *yaml.Node) {
	spec := n.Value
	var origin *gatehouse.Origin
	if channel, after, ok := strings.Cut(spec, "::"); ok {
		origin = fromRegistry(channel)
		spec = after
	}
	name, rest := spec, ""
	if i := strings.IndexAny(spec, " =<>!~["); i >= 0 {
		name, rest = spec[:i], strings.TrimSpace(spec[i:])
	}
	version := strings.TrimLeft(rest, "=")
	if i := strings.IndexAny(version, "= "); i >= 0 {
		version = version[:i]
	}
	switch {
	case name == "":
		inv.gap(gatehouse.GapParse, n.Line, "", "the dependency has no name")
	case version == "" || strings.ContainsAny(rest, "<>!~*,|["):
		inv.gap(gatehouse.GapUnresolved, n.Line, name, fmt.Sprintf("%s is not pinned to one version, so it is not known what is installed; pin it (conda env export does)", name))
	default:
		inv.add(Package{Eco: conda, Name: strings.ToLower(name), Version: version, Line: n.Line, Requirement: rest, Origin: origin, Direct: true})
	}
}

func addCondaPip(f *Lockfile, inv *Inventory, n *yaml.Node) {
	sub, err := parseRequirements(&Lockfile{Path: f.Path, Data: []byte(n.Value)})
	if err != nil || n.Kind != yaml.ScalarNode {
		inv.gap(gatehouse.GapParse, n.Line, "", "the dependency is no requirement of pip")
		return
	}
	if sub.Skip != "" {
		inv.gap(gatehouse.GapParse, n.Line, n.Value, sub.Skip)
	}
	for _, p := range sub.Packages {
		p.Line, p.Dev = n.Line, false
		inv.add(p)
	}
	for _, g := range sub.Gaps {
		g.Line = n.Line
		inv.Gaps = append(inv.Gaps, g)
	}
}
