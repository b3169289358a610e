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
	var groups map[string]map[string]struct {
		Version, Git, File, Path, Ref string
		Editable                      bool
	}
	var top map[string]any
	if err := decodeJSON(f.Data, &top); err != nil {
		return inv, err
	}
	if top["_meta"] == nil && top["default"] == nil {
		return inv, errors.New(`it has neither "_meta" nor "default", so it is no lockfile of pipenv`)
	}
	delete(top, "_meta")
	// The rest is decoded again with types; "_meta" has others.
	if err := redecode(top, &groups); err != nil {
		return inv, fmt.Errorf("not valid for this kind of file: %w", err)
	}
	direct := pipfileNames(f)
	for group, packages := range groups {
		lines := jsonKeyLines(f.Data, group)
		for name, d := range packages {
			p := Package{Eco: PyPI, Name: name, Version: strings.TrimLeft(d.Version, "="), Line: lines[name],
				Dev: group != "default", Direct: direct[PythonName(name)]}
			switch {
			case d.Path != "":
				p.FirstParty = true
			case d.Version != "":
			case d.Git != "" || d.File != "":
				p.Version = d.Ref
				p.Unmatched = fmt.Sprintf("it is installed from %q and not from PyPI", redactURL(cmp.Or(d.Git, d.File)))
			default:
				p.Unmatched = "the lockfile gives no version"
			}
			inv.add(p)
		}
	}
	return inv, nil
}

// pipfileNames are the packages that the Pipfile asks for.
func pipfileNames(f *Lockfile) map[string]bool {
	names := map[string]bool{}
	for _, data := range f.context("Pipfile") {
		for _, d := range pipfileDependencies(data) {
			names[PythonName(d)] = true
		}
	}
	return names
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
	if _, after, ok := strings.Cut(spec, "::"); ok {
		spec = after // the channel
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
		inv.add(Package{Eco: conda, Name: strings.ToLower(name), Version: version, Line: n.Line})
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
