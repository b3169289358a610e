package inventory

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// A lockfile speaks for a manifest only if it has what the manifest asks for:
// an empty one, one of another project, or one that was not brought up to date
// would otherwise hide the packages that will be installed.

// CheckManifests compares a lockfile with the manifests that it covers.
func CheckManifests(f *Lockfile, inv *Inventory) {
	format := FormatOf(f.Path)
	if format == nil || format.Manifest == "" {
		return
	}
	var paths []string
	for p := range f.Others {
		if path.Base(p) == format.Manifest && p != f.Path {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	own := ownNames(f, paths)
	for _, p := range paths {
		kind := ManifestOf(p)
		if kind == nil {
			continue
		}
		asked, err := lockedAsks(p, kind, PlainText(f.Others[p].Data), false)
		if path.Base(p) == "Cargo.toml" {
			asked, err = cargoLockedAsks(f, p)
		}
		if err != nil {
			inv.Gaps = append(inv.Gaps, gatehouse.Gap{Code: gatehouse.GapParse, Path: p, Reason: fmt.Sprintf("what it asks for cannot be compared with %s: %v", f.Path, err)})
			continue
		}
		asked = slices.DeleteFunc(asked, func(name string) bool { return own[kind.plainName(name)] })
		inv.compare(p, kind, asked, []*Inventory{inv}, f.Path)
	}
}

// checkLockedManifest compares a manifest with lockfiles that do not know that
// they belong to it, such as requirements.txt and pyproject.toml.
func checkLockedManifest(f *Lockfile, kind *ManifestKind) (Inventory, bool, error) {
	var inv Inventory
	var locks []*Inventory
	var names []string
	for _, p := range slices.Sorted(maps.Keys(f.Others)) {
		format := FormatOf(p)
		if format == nil || p == f.Path {
			continue
		}
		names = append(names, p)
		// What is wrong with it is said where it is scanned itself.
		if l, err := Safely(&Lockfile{Path: p, Data: PlainText(f.Others[p].Data)}, format.Parse); err == nil {
			locks = append(locks, &l)
		}
	}
	if len(names) == 0 {
		return inv, false, nil
	}
	asked, err := lockedAsks(f.Path, kind, f.Data, true)
	if err != nil {
		return inv, true, err
	}
	inv.compare(f.Path, kind, asked, locks, some(names))
	return inv, true, nil
}

// compare adds a gap for what is asked for and in none of the lockfiles.
func (inv *Inventory) compare(manifest string, kind *ManifestKind, asked []string, locks []*Inventory, where string) {
	have := map[string]bool{}
	for _, l := range locks {
		for i := range l.Packages {
			have[kind.plainName(l.Packages[i].Name)] = true
		}
		for _, name := range l.Knows {
			have[kind.plainName(name)] = true
		}
	}
	if !kind.comparable() && len(have) > 0 {
		return
	}
	missing := slices.DeleteFunc(asked, func(name string) bool { return have[kind.plainName(name)] })
	if len(missing) == 0 {
		return
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	inv.Gaps = append(inv.Gaps, gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: manifest, Reason: fmt.Sprintf(
		"it asks for %s, which %s does not have, so it is not known what is installed; %s", some(missing), where, kind.next)})
}

// comparable is false for manifests whose names are not those of the lockfile.
func (k *ManifestKind) comparable() bool {
	switch k.names[0] {
	case "package.json", "pyproject.toml", "setup.py", "requirements*.in", "Pipfile", "Gemfile", "composer.json", "Cargo.toml", "*.csproj", "pubspec.yaml":
		return true
	}
	return false
}

// plainName is a name in the form in which two of them can be compared.
func (k *ManifestKind) plainName(name string) string {
	switch k.names[0] {
	case "pyproject.toml", "setup.py", "requirements*.in", "Pipfile":
		return PythonName(name)
	case "Cargo.toml":
		return strings.ReplaceAll(name, "_", "-")
	case "composer.json", "*.csproj":
		return strings.ToLower(name)
	}
	return name
}

// lockedAsks lists what must be in a lockfile. If it was made for one
// environment (shipped is true), what is asked for only in some, or only by
// who develops, need not be there.
func lockedAsks(name string, kind *ManifestKind, data []byte, shipped bool) ([]string, error) {
	switch base := path.Base(name); {
	case base == "package.json":
		return packageJSONLocked(data)
	case base == "pyproject.toml":
		p, err := readPyproject(data)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, r := range p.dependencies {
			if !shipped || !r.marked {
				names = append(names, r.name)
			}
		}
		if !shipped {
			for _, r := range slices.Concat(p.extras, p.dev) {
				names = append(names, r.name)
			}
		}
		return slices.DeleteFunc(names, func(n string) bool { return n == PythonName(p.name) }), nil
	case base == "setup.py":
		return setupRequires(data), nil
	case base == "setup.cfg":
		return nil, nil
	case base == "Gemfile":
		return gemfileLocked(data), nil
	}
	return kind.asks(data)
}

// packageJSONLocked lists the names under which packages are locked: an alias
// is locked as what it stands for.
func packageJSONLocked(data []byte) ([]string, error) {
	var m packageJSON
	if err := decodeJSON(data, &m); err != nil {
		return nil, err
	}
	var names []string
	for _, table := range []map[string]any{m.Dependencies, m.DevDependencies, m.OptionalDependencies} {
		for name, v := range table {
			spec, _ := v.(string)
			switch real, alias := strings.CutPrefix(spec, "npm:"); {
			case hasAnyPrefix(spec, "workspace:", "file:", "link:", "portal:", "jsr:"):
				continue
			case alias && strings.LastIndexByte(real, '@') > 0:
				name = real[:strings.LastIndexByte(real, '@')]
			case alias && !strings.ContainsAny(real[:min(len(real), 1)], "^~<>=*0123456789v"):
				name = real
			}
			names = append(names, name)
		}
	}
	return names, nil
}

// ownNames are the packages of the project itself.
func ownNames(f *Lockfile, manifests []string) map[string]bool {
	own := map[string]bool{}
	for _, p := range manifests {
		var m struct {
			Name any `yaml:"name"`
		}
		data := PlainText(f.Others[p].Data)
		switch path.Base(p) {
		case "package.json":
			if json.Unmarshal(data, &m) != nil {
				continue
			}
		case "pubspec.yaml":
			if decodeYAML(data, &m, nil) != nil {
				continue
			}
		}
		if name, ok := m.Name.(string); ok {
			own[name] = true
		}
	}
	return own
}

// cargoLockedAsks lists the crates that one manifest asks for by their real
// names. What it inherits is defined by that of the workspace, whose own list
// is one to choose from.
func cargoLockedAsks(f *Lockfile, manifest string) ([]string, error) {
	read := func(p string) (all []map[string]any, workspace map[string]any, err error) {
		var m map[string]any
		if err := decodeTOML(PlainText(f.Others[p].Data), &m); err != nil {
			return nil, nil, err
		}
		table := func(m map[string]any, key string) map[string]any { t, _ := m[key].(map[string]any); return t }
		add := func(m map[string]any) {
			for _, key := range []string{"dependencies", "dev-dependencies", "build-dependencies"} {
				all = append(all, table(m, key))
			}
		}
		add(m)
		for _, v := range table(m, "target") {
			if t, ok := v.(map[string]any); ok {
				add(t)
			}
		}
		return all, table(table(m, "workspace"), "dependencies"), nil
	}
	shared := map[string]any{}
	for p := range f.Others {
		if path.Base(p) == "Cargo.toml" {
			if _, ws, err := read(p); err == nil {
				for name, v := range ws {
					shared[name] = v
				}
			}
		}
	}
	all, _, err := read(manifest)
	var names []string
	for _, table := range all {
		for name, v := range table {
			spec, _ := v.(map[string]any)
			if inherit, _ := spec["workspace"].(bool); inherit {
				spec, _ = shared[name].(map[string]any)
			}
			if spec["path"] != nil {
				continue
			}
			if real, ok := spec["package"].(string); ok {
				name = real
			}
			names = append(names, name)
		}
	}
	return names, err
}

var (
	setupList  = lazyregexp.New(`(?s)install_requires\s*=\s*\[(.*?)\]`)
	quotedName = lazyregexp.New(`["']\s*([A-Za-z0-9][A-Za-z0-9._-]*)[^"';]*["']`)
	gemLine    = lazyregexp.New(`(?m)^\s*gem[ (]+["']([^"']+)["'](.*)$`)
)

// setupRequires lists the requirements that are written out in setup.py.
func setupRequires(data []byte) []string {
	var names []string
	for _, list := range setupList().FindAllSubmatch(data, -1) {
		for _, m := range quotedName().FindAllSubmatch(list[1], -1) {
			names = append(names, string(m[1]))
		}
	}
	return names
}

// gemfileLocked lists the gems that are asked for in any case.
func gemfileLocked(data []byte) []string {
	var names []string
	for _, m := range gemLine().FindAllSubmatch(data, -1) {
		if rest := string(m[2]); !strings.Contains(rest, " if ") && !strings.Contains(rest, " unless ") {
			names = append(names, string(m[1]))
		}
	}
	return names
}
