package inventory

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gatehouse-sec/gatehouse"
)

// tomlPackage is one [[package]] of the lockfiles that share this shape:
// Cargo.lock, poetry.lock, uv.lock and pylock.toml.
type tomlPackage struct {
	Name     string
	Version  string
	Category string // poetry < 1.5
	Groups   []string
	Optional bool
	// Source is a string in Cargo.lock, a table elsewhere.
	Source any
	// Dependencies are strings in Cargo.lock, tables elsewhere, and in
	// poetry.lock one table by name.
	Dependencies         any
	DevDependencies      map[string]any `toml:"dev-dependencies"`
	OptionalDependencies map[string]any `toml:"optional-dependencies"`
	// Directory, VCS and Archive are the sources of pylock.toml.
	Directory map[string]any
	VCS       map[string]any
	Archive   map[string]any
}

type tomlLock struct {
	Package  []tomlPackage
	Packages []tomlPackage // pylock.toml
	Metadata map[string]any
	Version  any
	// LockVersion is the mark of pylock.toml.
	LockVersion string `toml:"lock-version"`
}

func decodeTOML(data []byte, v any) error {
	if err := checkNesting(data); err != nil {
		return err
	}
	if err := toml.Unmarshal(data, v); err != nil {
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			return &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: p.Position.Line, Reason: "not valid TOML: " + strings.TrimRight(p.Message, ".")}
		}
		return fmt.Errorf("not valid TOML: %w", err)
	}
	return nil
}

var tomlHeader = regexp.MustCompile(`^\s*\[\[\s*packages?\s*\]\]`)

// tomlLines gives the lines of the headers of [[package]], in order.
func tomlLines(data []byte) []int {
	var lines []int
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if tomlHeader.MatchString(line) {
			lines = append(lines, n)
		}
	}
	return lines
}

// readTOMLLock decodes the list of packages, refusing files that have no sign
// of being the lockfile that their name says. Nameless packages are gaps.
func readTOMLLock(data []byte, inv *Inventory) ([]tomlPackage, []int, error) {
	var lock tomlLock
	if err := decodeTOML(data, &lock); err != nil {
		return nil, nil, err
	}
	packages := lock.Package
	if packages == nil {
		packages = lock.Packages
	}
	if len(packages) == 0 && lock.Metadata == nil && lock.Version == nil && lock.LockVersion == "" {
		return nil, nil, errors.New("it has neither packages nor the header of a lockfile")
	}
	lines := tomlLines(data)
	if len(lines) != len(packages) {
		lines = make([]int, len(packages)) // a header within a string: say nothing rather than something false
	}
	for i, p := range packages {
		if p.Name == "" {
			inv.gap(gatehouse.GapUnresolved, lines[i], "", "a package has no name")
		}
	}
	return packages, lines, nil
}

func parseCargoLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var head struct{ Version any }
	if err := decodeTOML(f.Data, &head); err != nil {
		return inv, err
	}
	if v, ok := head.Version.(int64); ok && v > 4 {
		return inv, fmt.Errorf("version %d of the lockfile is not known; write it with a cargo that uses version 4", v)
	}
	packages, lines, err := readTOMLLock(f.Data, &inv)
	if err != nil {
		return inv, err
	}
	byName := map[string][]*tomlPackage{}
	for i := range packages {
		byName[packages[i].Name] = append(byName[packages[i].Name], &packages[i])
	}
	id := func(name, version string) string { return name + "@" + version }
	direct, known := map[string]bool{}, false
	prod := map[string]bool{}
	var roots []*tomlPackage
	for i := range packages {
		if packages[i].Source == nil {
			roots = append(roots, &packages[i])
		}
	}
	needs := func(p *tomlPackage) []string {
		var ids []string
		for _, d := range stringList(p.Dependencies) {
			// "name", "name version" or "name version (source)"
			fields := strings.Fields(d)
			switch {
			case len(fields) >= 2:
				ids = append(ids, id(fields[0], fields[1]))
			case len(fields) == 1 && len(byName[fields[0]]) > 0:
				ids = append(ids, id(fields[0], byName[fields[0]][0].Version))
			}
		}
		return ids
	}
	edges := map[string][]string{}
	for i := range packages {
		edges[id(packages[i].Name, packages[i].Version)] = needs(&packages[i])
	}
	for _, r := range roots {
		for _, d := range edges[id(r.Name, r.Version)] {
			direct[d] = true
		}
	}
	// The manifests say which dependencies are only for development.
	if tables, err := cargoManifests(f); err == nil && len(tables) > 0 {
		known = true
		var start []string
		for _, r := range roots {
			m, ok := tables[r.Name]
			for _, d := range edges[id(r.Name, r.Version)] {
				name, _, _ := strings.Cut(d, "@")
				if !ok || m[name] {
					start = append(start, d)
				}
			}
		}
		prod = reach(start, edges)
	}
	for i, p := range packages {
		if p.Name == "" {
			continue
		}
		key := id(p.Name, p.Version)
		entry := Package{ID: key, Eco: Cargo, Name: p.Name, Version: p.Version, Line: lines[i],
			Direct: direct[key], Dev: known && !prod[key], DependsOn: edges[key]}
		// A package without a source is part of the workspace. One from a
		// repository has the name and version of the one on crates.io.
		entry.FirstParty = p.Source == nil
		inv.add(entry)
	}
	return inv, nil
}

// cargoManifests says for each package of the workspace which dependencies are
// not only for development.
func cargoManifests(f *Lockfile) (map[string]map[string]bool, error) {
	found := map[string]map[string]bool{}
	for _, data := range f.context("Cargo.toml") {
		var m struct {
			Package struct{ Name any }
			cargoTables
			Target map[string]cargoTables
		}
		if err := decodeTOML(data, &m); err != nil {
			return nil, err
		}
		name, _ := m.Package.Name.(string)
		if name == "" {
			continue
		}
		shipped := map[string]bool{}
		for _, t := range append([]cargoTables{m.cargoTables}, values(m.Target)...) {
			for _, table := range []map[string]any{t.Dependencies, t.BuildDependencies} {
				for key, v := range table {
					if spec, ok := v.(map[string]any); ok {
						if real, ok := spec["package"].(string); ok {
							key = real
						}
					}
					shipped[key] = true
				}
			}
		}
		found[name] = shipped
	}
	return found, nil
}

type cargoTables struct {
	Dependencies      map[string]any
	BuildDependencies map[string]any `toml:"build-dependencies"`
}

var pythonSeparators = regexp.MustCompile(`[-_.]+`)

// PythonName normalises a name as PEP 503 says.
func PythonName(s string) string {
	return strings.ToLower(pythonSeparators.ReplaceAllString(strings.TrimSpace(s), "-"))
}

// pythonIDs are the packages of each normalised name, as name@version.
func pythonIDs(packages []tomlPackage) map[string][]string {
	ids := map[string][]string{}
	for _, p := range packages {
		ids[PythonName(p.Name)] = append(ids[PythonName(p.Name)], p.Name+"@"+p.Version)
	}
	return ids
}

// parsePoetryLock reads poetry.lock, and pdm.lock, which differs in that
// dependencies are requirements and the main group is called default.
func parsePoetryLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	packages, lines, err := readTOMLLock(f.Data, &inv)
	if err != nil {
		return inv, err
	}
	ids := pythonIDs(packages)
	direct := map[string]bool{}
	for _, data := range f.context("pyproject.toml") {
		if m, err := readPyproject(data); err == nil {
			for _, d := range slices.Concat(m.dependencies, m.dev) {
				direct[d.name] = true
			}
		}
	}
	for i, p := range packages {
		if p.Name == "" {
			continue
		}
		entry := Package{Eco: PyPI, Name: p.Name, Version: p.Version, Line: lines[i], Direct: direct[PythonName(p.Name)],
			Dev: p.Category == "dev" || len(p.Groups) > 0 && !slices.Contains(p.Groups, "main") && !slices.Contains(p.Groups, "default")}
		if deps, ok := p.Dependencies.(map[string]any); ok {
			for name := range deps {
				entry.DependsOn = append(entry.DependsOn, ids[PythonName(name)]...)
			}
		}
		for _, d := range stringList(p.Dependencies) {
			entry.DependsOn = append(entry.DependsOn, ids[PythonName(splitRequirement(d).name)]...)
		}
		if source, ok := p.Source.(map[string]any); ok {
			switch source["type"] {
			case "directory":
				entry.FirstParty = true
			case "file", "url":
				entry.Unmatched = fmt.Sprintf("it is installed from %q and not from PyPI", redactURL(fmt.Sprint(source["url"])))
			}
		}
		inv.add(entry)
	}
	return inv, nil
}

func parseUVLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	packages, lines, err := readTOMLLock(f.Data, &inv)
	if err != nil {
		return inv, err
	}
	ids := map[string][]string{}
	for _, p := range packages {
		ids[p.Name] = append(ids[p.Name], p.Name+"@"+p.Version)
	}
	resolve := func(list any) (found []string) {
		for _, d := range tableList(list) {
			name, _ := d["name"].(string)
			if v, ok := d["version"].(string); ok {
				found = append(found, name+"@"+v)
				continue
			}
			found = append(found, ids[name]...)
		}
		return found
	}
	edges, direct := map[string][]string{}, map[string]bool{}
	var start []string
	for _, p := range packages {
		id := p.Name + "@" + p.Version
		shipped := resolve(p.Dependencies)
		for _, group := range p.OptionalDependencies {
			shipped = append(shipped, resolve(group)...)
		}
		edges[id] = shipped
		if !uvFirstParty(p.Source) {
			continue
		}
		start = append(start, id)
		for _, d := range shipped {
			direct[d] = true
		}
		for _, group := range p.DevDependencies {
			for _, d := range resolve(group) {
				direct[d] = true
			}
		}
	}
	prod := reach(start, edges)
	for i, p := range packages {
		if p.Name == "" {
			continue
		}
		id := p.Name + "@" + p.Version
		entry := Package{ID: id, Eco: PyPI, Name: p.Name, Version: p.Version, Line: lines[i], Direct: direct[id],
			Dev: len(start) > 0 && !prod[id], DependsOn: edges[id], FirstParty: uvFirstParty(p.Source)}
		if source, ok := p.Source.(map[string]any); ok && !entry.FirstParty {
			for _, kind := range []string{"url", "path"} {
				if at, ok := source[kind].(string); ok {
					entry.Unmatched = fmt.Sprintf("it is installed from %q and not from PyPI", redactURL(at))
				}
			}
		}
		inv.add(entry)
	}
	return inv, nil
}

// uvFirstParty is true for the project and the members of its workspace.
func uvFirstParty(source any) bool {
	s, _ := source.(map[string]any)
	return s["editable"] != nil || s["virtual"] != nil || s["directory"] != nil
}

func parsePylock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	packages, lines, err := readTOMLLock(f.Data, &inv)
	if err != nil {
		return inv, err
	}
	ids := pythonIDs(packages)
	for i, p := range packages {
		if p.Name == "" {
			continue
		}
		entry := Package{Eco: PyPI, Name: p.Name, Version: p.Version, Line: lines[i], FirstParty: p.Directory != nil}
		for _, d := range tableList(p.Dependencies) {
			name, _ := d["name"].(string)
			if v, ok := d["version"].(string); ok {
				entry.DependsOn = append(entry.DependsOn, name+"@"+v)
			}
			entry.DependsOn = append(entry.DependsOn, ids[PythonName(name)]...)
		}
		switch {
		case p.VCS != nil:
			entry.Unmatched = fmt.Sprintf("it is installed from the repository %q and not from PyPI", redactURL(fmt.Sprint(p.VCS["url"])))
		case p.Archive != nil:
			entry.Unmatched = fmt.Sprintf("it is installed from the archive %q and not from PyPI", redactURL(fmt.Sprint(p.Archive["url"])))
		}
		inv.add(entry)
	}
	return inv, nil
}

// reach returns all ids that can be reached.
func reach(start []string, edges map[string][]string) map[string]bool {
	seen := map[string]bool{}
	for len(start) > 0 {
		id := start[len(start)-1]
		start = start[:len(start)-1]
		if !seen[id] {
			seen[id] = true
			start = append(start, edges[id]...)
		}
	}
	return seen
}

func stringList(v any) []string {
	var list []string
	items, _ := v.([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

func tableList(v any) []map[string]any {
	if tables, ok := v.([]map[string]any); ok {
		return tables
	}
	var list []map[string]any
	items, _ := v.([]any)
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}

func values[K comparable, V any](m map[K]V) []V {
	list := make([]V, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	return list
}
