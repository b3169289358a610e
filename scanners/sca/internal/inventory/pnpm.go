package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// decodeYAML decodes the first document that is not skipped.
func decodeYAML(data []byte, v any, skip func() bool) error {
	if len(data) > limits.MaxYAMLBytes {
		return &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf("%d bytes are more than the limit of %d for YAML", len(data), limits.MaxYAMLBytes)}
	}
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	for {
		if err := d.Decode(v); err != nil {
			return fmt.Errorf("not valid YAML: %w", err)
		}
		if skip == nil || !skip() {
			return nil
		}
	}
}

// pnpmLock reads pnpm-lock.yaml.
type pnpmLock struct {
	inv     Inventory
	keys    pnpmKeys
	root    node
	index   map[yarnPattern]int // of a package by name and version
	places  map[string]int      // of a package that is no release, by its key
	missing map[string]bool
	origins npmOrigins
	asked   asks
	scopes  map[string]gatehouse.Scope
	times   map[string]node // when versions were published
	// catalogs are read when the first one is asked for.
	catalogs map[string]map[string]node
}

// parsePnpmLock reads pnpm-lock.yaml of all versions; see
// https://github.com/pnpm/spec/tree/master/lockfile.
func parsePnpmLock(f *Lockfile) (Inventory, error) {
	// pnpm 11 writes a document about itself before that about the project.
	root, err := yamlDocument(f.Data, func(n node) bool {
		return n.get("packages").exists() || n.get("snapshots").exists() || n.get("importers").exists() ||
			!n.get("packageManagerDependencies").exists() && !n.get("configDependencies").exists()
	})
	if err != nil {
		return Inventory{}, err
	}
	version := root.get("lockfileVersion")
	number, err := strconv.ParseFloat(version.text(), 64)
	switch {
	case !version.exists():
		return Inventory{}, errors.New(`it has no "lockfileVersion", so it is no lockfile of pnpm`)
	case err != nil || number < 5 || number >= 10:
		return Inventory{}, fmt.Errorf("version %q of the lockfile is not known; write it with a pnpm that uses version 9", version.text())
	}
	l := pnpmLock{keys: pnpmKeys{version: number}, root: root, index: map[yarnPattern]int{}, places: map[string]int{}, missing: map[string]bool{}, origins: npmOrigins{}, asked: npmAsks(f), scopes: map[string]gatehouse.Scope{}, times: root.get("time").table()}
	l.inv.tellRepeated(root)
	for _, table := range []string{"packages", "snapshots", "importers"} {
		if n := root.get(table); n.exists() && !n.isMap() && n.text() != "" {
			return l.inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: n.line(), Reason: fmt.Sprintf("%q is no table", table)}
		}
	}
	packages, snapshots := root.get("packages"), root.get("snapshots")
	if packages.count() == 0 {
		packages = snapshots
	}
	count := packages.count()
	l.inv.Packages, l.index = make([]Package, 0, count), make(map[yarnPattern]int, count)
	for e := range packages.children() {
		l.add(e)
	}
	needs := packages
	if number >= 9 {
		needs = snapshots
	}
	for e := range needs.children() {
		l.connect(e)
	}
	l.inv.tellMissing(l.missing)
	if number >= 9 && len(l.inv.Packages) > 0 && !snapshots.exists() {
		l.inv.gap(gatehouse.GapUnresolved, 0, "snapshots", "it has no \"snapshots\", which stand at its end; it is cut short, so make it anew")
	}
	direct := l.importer("", root)
	for e := range root.get("importers").children() {
		direct = l.importer(strings.TrimPrefix(e.key(), "."), e) || direct
	}
	if direct {
		for i := range l.inv.Packages {
			l.inv.Packages[i].Scope = ""
		}
		l.inv.spreadScopes(l.scopes)
		for i := range l.inv.Packages {
			p := &l.inv.Packages[i]
			p.Dev = p.Scope == "" || !shippedScope(p.Scope)
		}
	}
	l.override()
	return l.inv, nil
}

// add reads an entry of "packages". One package stands there once for each set
// of its peers.
func (l *pnpmLock) add(e node) {
	name, version := l.keys.split(e.key())
	if name == "" {
		l.inv.gap(gatehouse.GapUnresolved, e.line(), e.key(), "a package has no name")
		return
	}
	place := yarnPattern{name, version}
	if _, ok := l.index[place]; ok {
		return
	}
	if !e.isMap() && e.text() != "" {
		l.inv.gap(gatehouse.GapParse, e.line(), e.key(), "the entry is no table")
	}
	real := e.get("version").text()
	p := Package{ID: l.keys.id(e.key()), Eco: NPM, Name: cmp.Or(e.get("name").text(), name), Version: cmp.Or(real, version), Line: e.line(),
		InstallScript: e.get("requiresBuild").isTrue(), Deprecated: deprecation(e.get("deprecated")),
		Published: publishedAt(l.times[e.key()].text(), l.times["/"+name+"/"+version].text(), l.times["/"+name+"@"+version].text(), l.times[name+"@"+version].text())}
	r := e.get("resolution")
	p.Hashes = sriDigests(r.get("integrity").text())
	kind, repo, tarball, directory := r.get("type").text(), r.get("repo").text(), r.get("tarball").text(), r.get("directory").text()
	switch {
	case kind == "directory" || directory != "":
		p.FirstParty = true
	case kind == "git" || repo != "":
		p.Origin = repository(strings.Clone(repo), strings.Clone(r.get("commit").text()))
	case tarball != "":
		p.Origin = l.origins.of(tarball, p.Name, len(p.Hashes) > 0)
	case len(p.Hashes) > 0 && plainVersion(p.Version):
		p.Origin = l.origins.registry("https://registry.npmjs.org")
	}
	if !p.FirstParty && real == "" && (p.Origin != nil && p.Origin.Kind == "git" || strings.Contains(version, ":")) {
		placeNpm(&p, version)
		p.Unmatched = cmp.Or(p.Unmatched, "it is not installed from the npm registry")
		p.Origin = cmp.Or(p.Origin, placeOrigin(version, len(p.Hashes) > 0))
	}
	if p.Version == "" && !p.FirstParty {
		l.inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
	}
	// Before version 9 each entry says it.
	switch {
	case e.get("dev").isTrue():
		p.Scope, p.Dev = gatehouse.ScopeDev, true
	case e.get("optional").isTrue():
		p.Scope = gatehouse.ScopeOptional
	}
	for d := range e.get("peerDependencies").children() {
		if p.Ranges == nil {
			p.Ranges = map[string]string{}
		}
		p.Ranges[d.key()] = d.text()
	}
	l.index[place] = len(l.inv.Packages)
	if e.get("name").exists() {
		l.places[e.key()] = len(l.inv.Packages)
	}
	l.inv.add(p)
}

func (l *pnpmLock) connect(e node) {
	name, version := l.keys.split(e.key())
	i, ok := l.index[yarnPattern{name, version}]
	if !ok {
		if name != "" {
			l.inv.gap(gatehouse.GapUnresolved, e.line(), e.key(), fmt.Sprintf("%s is in \"snapshots\" and not in \"packages\", so it is not known whole", e.key()))
		}
		return
	}
	p := &l.inv.Packages[i]
	for _, table := range []string{"dependencies", "optionalDependencies"} {
		for d := range e.get(table).children() {
			if j, ok := l.find(d.key(), d.text()); ok {
				p.DependsOn = append(p.DependsOn, l.inv.Packages[j].ID)
			} else if !linked(d.text()) {
				l.missing[d.key()] = true
			}
		}
	}
}

// importer reads what a package of the workspace asks for; false if it is
// nothing. A dependency is a version, or a table with one.
func (l *pnpmLock) importer(workspace string, e node) (any bool) {
	specifiers := e.get("specifiers").table()
	for _, table := range npmTables {
		for d := range e.get(table.name).children() {
			version, requirement := d.text(), specifiers[d.key()].text()
			if d.isMap() {
				version, requirement = d.get("version").text(), d.get("specifier").text()
			}
			if requirement == "" && version == "" {
				continue
			}
			any = true
			j, ok := l.find(d.key(), version)
			if !ok {
				if !linked(version) {
					l.inv.gap(gatehouse.GapUnresolved, d.line(), d.key(), fmt.Sprintf("%s %s is asked for, and is not among the packages of the lockfile", d.key(), version))
				}
				continue
			}
			a := ask{name: d.key(), requirement: requirement, workspace: workspace}
			for _, m := range l.asked[d.key()] {
				if m.workspace == workspace {
					a.at = m.at
				}
			}
			if catalog, ok := strings.CutPrefix(requirement, "catalog:"); ok {
				a.requirement = cmp.Or(l.catalog(cmp.Or(catalog, "default"))[d.key()].get("specifier").text(), requirement)
			}
			p := &l.inv.Packages[j]
			p.Direct = true
			p.declare([]ask{a})
			p.Workspace = cmp.Or(p.Workspace, workspace)
			l.scopes[p.ID] = wider(l.scopes[p.ID], table.scope)
		}
	}
	return any
}

// catalog is a list of ranges that importers share.
func (l *pnpmLock) catalog(name string) map[string]node {
	if l.catalogs == nil {
		l.catalogs = map[string]map[string]node{}
		for c := range l.root.get("catalogs").children() {
			l.catalogs[c.key()] = c.table()
		}
	}
	return l.catalogs[name]
}

// find is the package that a dependency is resolved to. One that is no release
// may be named by its whole key.
func (l *pnpmLock) find(name, version string) (int, bool) {
	i, ok := l.index[l.keys.ref(name, version)]
	if !ok {
		i, ok = l.places[strings.TrimPrefix(version, "@")]
	}
	return i, ok
}

// linked is true for what is a part of the project.
func linked(version string) bool { return hasAnyPrefix(version, "link:", "file:", "workspace:") }

// override notes what the project asks for in place of what its dependencies
// ask for.
func (l *pnpmLock) override() {
	asked := map[string]string{}
	for o := range l.root.get("overrides").children() {
		if name, _ := splitPattern(o.key()); !strings.Contains(name, ">") {
			asked[name] = o.text()
		}
	}
	for i := range l.inv.Packages {
		if p := &l.inv.Packages[i]; !p.Direct && len(asked) > 0 {
			p.Requirement = cmp.Or(p.Requirement, asked[p.Name])
		}
	}
}

// pnpmKeys understands the keys of packages, such as "/@babel/core/7.1.0",
// "/lodash@4.17.4" and "debug@4.3.4(supports-color@8.1.1)".
type pnpmKeys struct{ version float64 }

// id is the key without registry and peers.
func (k pnpmKeys) id(key string) string {
	if i := strings.IndexByte(key, '('); k.version >= 9 {
		if i > 0 {
			key = key[:i]
		}
		return key
	}
	name, version := k.split(key)
	return name + "@" + version
}

func (k pnpmKeys) split(key string) (name, version string) {
	if i := strings.IndexByte(key, '('); i > 0 {
		key = key[:i]
	}
	if hasAnyPrefix(key, "file:", "link:", "workspace:", "http:", "https:", "git") && k.version < 9 {
		return key, key
	}
	if k.version < 9 && !strings.HasPrefix(key, "@") {
		if i := strings.IndexByte(key, '/'); i >= 0 { // the registry, or nothing
			if k.version < 6 || i == 0 || strings.Contains(key[:i], ".") {
				key = key[i+1:]
			}
		}
	}
	scope := ""
	if strings.HasPrefix(key, "@") {
		if i := strings.IndexByte(key, '/'); i > 0 {
			scope, key = key[:i+1], key[i+1:]
		}
	}
	separator := "@"
	if k.version < 6 {
		separator = "/"
	}
	name, version, _ = strings.Cut(key, separator)
	if k.version < 6 {
		version, _, _ = strings.Cut(version, "_")
	}
	return scope + name, version
}

// ref is the name and version of a dependency. An alias or another registry is
// written as a whole key instead of a version.
func (k pnpmKeys) ref(name, version string) yarnPattern {
	key := version
	switch {
	case strings.HasPrefix(version, "/"):
	case k.version >= 9:
		if n, v := splitPattern(version); v == "" || strings.ContainsAny(n, ":(") {
			if i := strings.IndexByte(version, '('); i > 0 {
				version = version[:i]
			}
			return yarnPattern{name, version}
		}
	case hasAnyPrefix(version, "file:", "link:", "workspace:", "http:", "https:", "git"):
	case k.version >= 6:
		if n, v := splitPattern(version); v != "" && !strings.ContainsAny(n, ":(") {
			break
		}
		if i := strings.IndexByte(version, '('); i > 0 {
			version = version[:i]
		}
		return yarnPattern{name, version}
	default:
		if strings.IndexByte(version, '/') >= 0 && !strings.Contains(version, "_") {
			break // another registry, or an archive on a host
		}
		version, _, _ = strings.Cut(version, "_")
		return yarnPattern{name, version}
	}
	n, v := k.split(key)
	return yarnPattern{n, v}
}
