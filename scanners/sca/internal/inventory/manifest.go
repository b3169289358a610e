package inventory

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// ManifestKind is a file that asks for packages without saying which versions
// are installed. Without a lockfile it is a gap.
type ManifestKind struct {
	// names are patterns of [path.Match] for the base name.
	names []string
	// locks are patterns for the base names of files that say it.
	locks []string
	// Ancestors is true if a lockfile in a directory above counts as well.
	Ancestors bool
	// asks lists the packages that the manifest asks for.
	asks func(data []byte) ([]string, error)
	next string
	// pins lists the packages whose version the manifest does say: they can be
	// matched although the rest is not known. May be nil.
	pins func(data []byte) []Package
}

var manifests = []ManifestKind{
	{[]string{"package.json"}, []string{"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "pnpm-lock.yml", "bun.lock"}, true, packageJSONAsks,
		"run npm install and commit package-lock.json (or the lockfile of yarn, pnpm or bun as text)", packageJSONPins},
	{[]string{"pyproject.toml"}, []string{"poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "pylock.*.toml", "Pipfile.lock", "requirements*.txt"}, true, pyprojectAsks,
		"run uv lock or poetry lock and commit the lockfile", pyprojectPins},
	{[]string{"setup.py", "setup.cfg"}, []string{"poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "pylock.*.toml", "Pipfile.lock", "requirements*.txt"}, true,
		matching(`install_requires\s*=\s*\[?\s*["']?([A-Za-z0-9][A-Za-z0-9._-]*)`), "run pip-compile and commit requirements.txt", nil},
	{[]string{"requirements*.in", "*requirements.in"}, []string{"*requirements*.txt"}, false, matching(`(?m)^([A-Za-z0-9][A-Za-z0-9._-]*)`),
		"run pip-compile and commit requirements.txt", nil},
	{[]string{"Pipfile"}, []string{"Pipfile.lock"}, false, func(b []byte) ([]string, error) { return pipfileDependencies(b), nil },
		"run pipenv lock and commit Pipfile.lock", nil},
	{[]string{"Gemfile", "gems.rb"}, []string{"Gemfile.lock", "gems.locked"}, false, matching(`(?m)^\s*gem[ (]+["']([^"']+)["']|^[^#"'\n]*\bgem[ (]+([a-z_]\w*)\b`),
		"run bundle lock and commit Gemfile.lock", nil},
	{[]string{"*.gemspec"}, []string{"Gemfile.lock", "gems.locked"}, false, matching(`add_(?:runtime_|development_)?dependency[ (]+["']([^"']+)["']`),
		"run bundle lock and commit Gemfile.lock", nil},
	{[]string{"composer.json"}, []string{"composer.lock"}, false, func(b []byte) ([]string, error) { return composerDependencies(b), jsonValid(b) },
		"run composer update and commit composer.lock", nil},
	{[]string{"Cargo.toml"}, []string{"Cargo.lock"}, true, cargoAsks,
		"run cargo generate-lockfile and commit Cargo.lock", nil},
	{[]string{"build.gradle", "build.gradle.kts"}, []string{"gradle.lockfile", "*.lockfile"}, false,
		matching(`(?m)^\s*(?:\w*[iI]mplementation|api|\w*[cC]ompile(?:Only)?|\w*[rR]untime(?:Only)?|annotationProcessor|kapt|ksp)\b[ (]+(?:(?:enforcedP|p)latform\()?(?:["']([\w.-]+:[\w.-]+)|(libs\.[\w.]+))` +
			// Coordinates in any other call, and those written as a map.
			`|^[^/\n]*["']([\w.-]+:[\w.-]+):[\w.$+{}\[\](),-]+["']|^[^/\n]*\bname\s*[:=]\s*["']([\w.-]+)["']\s*,\s*version\s*[:=]`),
		"turn on dependency locking, run gradle dependencies --write-locks and commit gradle.lockfile",
		pinned(Maven, `["']([\w.-]+:[\w.-]+):([\w.-]+)["']`)},
	{[]string{"*.versions.toml"}, []string{"gradle.lockfile"}, true, catalogAsks,
		"turn on dependency locking, run gradle dependencies --write-locks and commit gradle.lockfile", catalogPins},
	{[]string{"*.csproj", "*.fsproj", "*.vbproj"}, []string{"packages.lock.json", "packages.*.lock.json", "packages.config"}, false,
		matching(`<PackageReference\s[^>]*(?:Include|Update)\s*=\s*["']([^"']+)["']`), "set RestorePackagesWithLockFile to true, run dotnet restore and commit packages.lock.json",
		pinned(NuGet, `<PackageReference\s+(?:Include|Update)\s*=\s*["']([^"']+)["']\s+Version\s*=\s*["']\[?(\d[\w.+-]*)\]?["']`)},
	{[]string{"mix.exs"}, []string{"mix.lock"}, true, matching(`\{\s*:(\w+),\s*(?:"|git:|github:)`), "run mix deps.get and commit mix.lock", nil},
	{[]string{"pubspec.yaml"}, []string{"pubspec.lock"}, true, pubspecAsks, "run dart pub get and commit pubspec.lock", nil},
	{[]string{"Podfile"}, []string{"Podfile.lock"}, false, matching(`(?m)^\s*pod\s+["']([^"']+)["']`), "run pod install and commit Podfile.lock", nil},
	{[]string{"Package.swift"}, []string{"Package.resolved"}, true, matching(`\.package\(\s*(?:name:\s*"[^"]*",\s*)?url:\s*"([^"]+)"`), "run swift package resolve and commit Package.resolved", nil},
	{[]string{"build.sbt"}, []string{"build.sbt.lock"}, true, matching(`"([\w.-]+)"\s*%%?%?\s*"[\w.-]+"\s*%`), "add the plugin sbt-dependency-lock and commit build.sbt.lock", nil},
	{[]string{"conanfile.txt", "conanfile.py"}, []string{"conan.lock"}, true, matching(`(?m)(?:^|requires\w*\s*[=(]\s*[(\[]?\s*["'])([a-z0-9_][\w+.-]+/\[?[\w.+<>=~^-]+)`), "run conan lock create and commit conan.lock", nil},
	{[]string{"Project.toml"}, []string{"Manifest.toml", "Manifest-v*.toml", "JuliaManifest.toml"}, true, juliaAsks, "run Package.resolve() and commit Manifest.toml", nil},
}

// ManifestOf returns the kind of manifest that a file is, or nil.
func ManifestOf(name string) *ManifestKind {
	base := path.Base(name)
	for i := range manifests {
		if matchesAny(manifests[i].names, base) {
			return &manifests[i]
		}
	}
	return nil
}

func matchesAny(patterns []string, base string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, base)
		return ok
	})
}

// ScanManifest reports a manifest that no lockfile belongs to.
func ScanManifest(f *Lockfile) (Inventory, error) {
	var inv Inventory
	kind := ManifestOf(f.Path)
	if path.Base(f.Path) == "package.json" && strings.Contains("/"+f.Path, "/node_modules/") {
		return installedPackage(f)
	}
	if inv, locked, err := checkLockedManifest(f, kind); locked {
		return inv, err
	}
	names, err := kind.asks(f.Data)
	if err != nil {
		return inv, err
	}
	if len(names) == 0 {
		return inv, nil
	}
	slices.Sort(names)
	names = slices.Compact(names)
	what := "dependencies are"
	if len(names) == 1 {
		what = "a dependency is"
	}
	if kind.pins != nil {
		for _, p := range kind.pins(f.Data) {
			inv.add(p)
		}
	}
	inv.gap(gatehouse.GapUnresolved, 0, "", fmt.Sprintf("%s declared but not locked: %s; %s", what, some(names), kind.next))
	return inv, nil
}

// installedPackage reads the package.json of a package that was installed and
// committed: it says itself which it is.
func installedPackage(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var m struct {
		Name, Version any
		License       any
	}
	if err := decodeJSON(f.Data, &m); err != nil {
		return inv, err
	}
	name, _ := m.Name.(string)
	version, _ := m.Version.(string)
	if name == "" || version == "" {
		return inv, nil // a file that only marks a directory, as {"type": "module"} does
	}
	line := jsonKeyLines(f.Data)["version"]
	inv.add(Package{Eco: NPM, Name: name, Version: version, Line: line, Licenses: licenseNames(m.License)})
	return inv, nil
}

// matching finds names with a pattern, in files that are programs.
func matching(pattern string) func([]byte) ([]string, error) {
	re := regexp.MustCompile(pattern)
	return func(data []byte) ([]string, error) {
		var names []string
		for _, m := range re.FindAllSubmatch(data, -1) {
			for _, group := range m[1:] {
				if len(group) > 0 {
					names = append(names, string(group))
				}
			}
		}
		return names, nil
	}
}

// pinned finds names and versions with a pattern.
func pinned(eco *Ecosystem, pattern string) func([]byte) []Package {
	re := regexp.MustCompile(pattern)
	return func(data []byte) []Package {
		index := newLineIndex(data)
		var found []Package
		for _, m := range re.FindAllSubmatchIndex(data, -1) {
			found = append(found, Package{Eco: eco, Name: string(data[m[2]:m[3]]), Version: string(data[m[4]:m[5]]), Line: index.line(int64(m[2])), Direct: true})
		}
		return found
	}
}

// exactNpm is a version, and not a range of them.
var exactNpm = lazyregexp.New(`^=?v?(\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?)$`)

func packageJSONPins(data []byte) []Package {
	var m packageJSON
	if json.Unmarshal(data, &m) != nil {
		return nil
	}
	var found []Package
	for table, entries := range map[string]map[string]any{"dependencies": m.Dependencies, "devDependencies": m.DevDependencies, "optionalDependencies": m.OptionalDependencies} {
		lines := jsonKeyLines(data, table)
		for name, v := range entries {
			s, _ := v.(string)
			if exact := exactNpm().FindStringSubmatch(strings.TrimSpace(s)); exact != nil {
				found = append(found, Package{Eco: NPM, Name: name, Version: exact[1], Line: lines[name], Direct: true, Dev: table == "devDependencies"})
			}
		}
	}
	return found
}

func pyprojectPins(data []byte) []Package {
	m, err := readPyproject(data)
	if err != nil {
		return nil
	}
	var found []Package
	for i, list := range [][]requirement{slices.Concat(m.dependencies, m.extras), m.dev} {
		for _, r := range list {
			if r.version != "" {
				found = append(found, Package{Eco: PyPI, Name: r.name, Version: r.version, Direct: true, Dev: i == 1})
			}
		}
	}
	return found
}

func jsonValid(data []byte) error {
	var v any
	return decodeJSON(data, &v)
}

func packageJSONAsks(data []byte) ([]string, error) {
	var m map[string]any
	if err := decodeJSON(data, &m); err != nil {
		return nil, err
	}
	var names []string
	for _, table := range []string{"dependencies", "devDependencies", "optionalDependencies"} {
		entries, _ := m[table].(map[string]any)
		for name, v := range entries {
			if s, _ := v.(string); !hasAnyPrefix(s, "workspace:", "file:", "link:", "portal:") {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func cargoAsks(data []byte) ([]string, error) {
	var m struct {
		cargoTables
		DevDependencies map[string]any `toml:"dev-dependencies"`
		Workspace       cargoTables
		Target          map[string]cargoTables
	}
	if err := decodeTOML(data, &m); err != nil {
		return nil, err
	}
	var names []string
	for _, t := range append([]cargoTables{m.cargoTables, m.Workspace, {Dependencies: m.DevDependencies}}, values(m.Target)...) {
		for _, table := range []map[string]any{t.Dependencies, t.BuildDependencies} {
			for name, v := range table {
				if spec, ok := v.(map[string]any); ok && spec["path"] != nil {
					continue
				}
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// pyproject is what pyproject.toml asks for.
type pyproject struct {
	name                      string
	dependencies, extras, dev []requirement
	// dynamic is true if a program makes the list of dependencies.
	dynamic bool
}

func readPyproject(data []byte) (pyproject, error) {
	var p pyproject
	var m struct {
		Project struct {
			Name                 any
			Dynamic              []any
			Dependencies         []any
			OptionalDependencies map[string]any `toml:"optional-dependencies"`
		}
		DependencyGroups map[string]any `toml:"dependency-groups"`
		Tool             struct {
			Poetry struct {
				Dependencies    map[string]any
				DevDependencies map[string]any `toml:"dev-dependencies"`
				Group           map[string]struct{ Dependencies map[string]any }
			}
		}
	}
	if err := decodeTOML(data, &m); err != nil {
		return p, err
	}
	list := func(v any) (found []requirement) {
		for _, s := range stringList(v) {
			if r := splitRequirement(s); r.name != "" {
				r.name = PythonName(r.name)
				found = append(found, r)
			}
		}
		return found
	}
	table := func(t map[string]any) (found []requirement) {
		for name, v := range t {
			spec, _ := v.(map[string]any)
			if name != "python" && spec["path"] == nil {
				found = append(found, requirement{name: PythonName(name)})
			}
		}
		return found
	}
	p.name, _ = m.Project.Name.(string)
	p.dynamic = slices.Contains(m.Project.Dynamic, any("dependencies"))
	p.dependencies = slices.Concat(list(m.Project.Dependencies), table(m.Tool.Poetry.Dependencies))
	for _, v := range m.Project.OptionalDependencies {
		p.extras = append(p.extras, list(v)...)
	}
	for _, v := range m.DependencyGroups {
		p.dev = append(p.dev, list(v)...)
	}
	p.dev = append(p.dev, table(m.Tool.Poetry.DevDependencies)...)
	for _, g := range m.Tool.Poetry.Group {
		p.dev = append(p.dev, table(g.Dependencies)...)
	}
	return p, nil
}

func pyprojectAsks(data []byte) ([]string, error) {
	p, err := readPyproject(data)
	var names []string
	for _, r := range slices.Concat(p.dependencies, p.extras, p.dev) {
		names = append(names, r.name)
	}
	if p.dynamic {
		names = append(names, "those that are dynamic")
	}
	return names, err
}

func pubspecAsks(data []byte) ([]string, error) {
	var m struct {
		Dependencies    map[string]any `yaml:"dependencies"`
		DevDependencies map[string]any `yaml:"dev_dependencies"`
	}
	if err := decodeYAML(data, &m, nil); err != nil {
		return nil, err
	}
	var names []string
	for _, table := range []map[string]any{m.Dependencies, m.DevDependencies} {
		for name, v := range table {
			if spec, ok := v.(map[string]any); ok && (spec["path"] != nil || spec["sdk"] != nil) {
				continue
			}
			names = append(names, name)
		}
	}
	return names, nil
}

// juliaAsks reads Project.toml; other programs use the name for other things.
func juliaAsks(data []byte) ([]string, error) {
	var m struct{ Deps map[string]any }
	if err := decodeTOML(data, &m); err != nil {
		return nil, err
	}
	var names []string
	for name, uuid := range m.Deps {
		if s, ok := uuid.(string); ok && len(s) == 36 {
			names = append(names, name)
		}
	}
	return names, nil
}

// catalogPins reads a version catalog of Gradle; see
// https://docs.gradle.org/current/userguide/version_catalogs.html.
func catalogPins(data []byte) []Package {
	all, _ := readCatalog(data)
	return slices.DeleteFunc(all, func(p Package) bool { return p.Version == "" || strings.ContainsAny(p.Version, "[](),+") })
}

func catalogAsks(data []byte) ([]string, error) {
	all, err := readCatalog(data)
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names, err
}

func readCatalog(data []byte) ([]Package, error) {
	var m struct{ Versions, Libraries map[string]any }
	if err := decodeTOML(data, &m); err != nil {
		return nil, err
	}
	var all []Package
	for _, v := range m.Libraries {
		p := Package{Eco: Maven, Direct: true}
		switch v := v.(type) {
		case string: // "group:artifact:version"
			if i := strings.LastIndexByte(v, ':'); strings.Count(v, ":") == 2 {
				p.Name, p.Version = v[:i], v[i+1:]
			}
		case map[string]any:
			p.Name, _ = v["module"].(string)
			if group, ok := v["group"].(string); ok {
				p.Name = mavenName(group, fmt.Sprint(v["name"]))
			}
			switch version := v["version"].(type) {
			case string:
				p.Version = version
			case map[string]any:
				ref, _ := version["ref"].(string)
				p.Version, _ = m.Versions[ref].(string)
			}
		}
		if p.Name != "" {
			all = append(all, p)
		}
	}
	return all, nil
}

// LockedBy returns the lockfiles for manifests in dir, all from the nearest
// directory that has any.
func (k *ManifestKind) LockedBy(dir string, dirs map[string][]string) []string {
	for ; ; dir = path.Dir(dir) {
		var locks []string
		for _, name := range dirs[dir] {
			if matchesAny(k.locks, name) {
				locks = append(locks, path.Join(dir, name))
			}
		}
		if len(locks) > 0 || dir == "." || !k.Ancestors {
			return locks
		}
	}
}
