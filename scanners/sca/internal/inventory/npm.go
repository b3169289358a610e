package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// npmEntry is a place in the tree of what npm installs, such as
// "node_modules/a/node_modules/b"; see
// https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json.
type npmEntry struct {
	node
	at string
	// index is that of its package in the inventory.
	index int
	// first is true for the project itself, its workspaces and links to them.
	first bool
}

type npmLock struct {
	inv     Inventory
	entries []npmEntry
	places  map[string]int32 // to entries
	origins npmOrigins
	asked   asks
	names   map[string]bool // that something at a place has
	missing map[string]bool
	buffer  []byte
}

func parseNpmLock(f *Lockfile) (Inventory, error) {
	root, err := jsonTree(f.Data)
	if err != nil {
		return Inventory{}, err
	}
	version, packages, dependencies := root.get("lockfileVersion"), root.get("packages"), root.get("dependencies")
	switch {
	case !version.exists() && !packages.exists() && !dependencies.exists():
		return Inventory{}, errors.New(`it has none of "lockfileVersion", "packages" and "dependencies", so it is no lockfile of npm`)
	case packages.exists() && !packages.isMap(), !packages.exists() && dependencies.exists() && !dependencies.isMap():
		return Inventory{}, &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: `its list of packages is no table`}
	}
	if v, err := strconv.ParseFloat(version.text(), 64); err == nil && v > 3 {
		return Inventory{}, fmt.Errorf("version %v of the lockfile is not known; write it with an npm that uses version 3", v)
	}
	l := npmLock{places: map[string]int32{}, names: map[string]bool{}, missing: map[string]bool{}, origins: npmOrigins{}, asked: npmAsks(f)}
	l.inv.tellRepeated(root)
	if packages.exists() {
		count := packages.count()
		l.entries, l.places, l.names = make([]npmEntry, 0, count), make(map[string]int32, count), make(map[string]bool, count)
		for e := range packages.children() {
			l.place(e.key(), e)
		}
	} else {
		// npm before version 5 wrote no version, and this is that of version 1.
		l.placeNested("", dependencies, 0)
	}
	l.inv.Packages = make([]Package, 0, len(l.entries))
	for i := range l.entries {
		l.add(&l.entries[i])
	}
	direct := map[int][]ask{}
	for i := range l.entries {
		if l.entries[i].index >= 0 {
			l.connect(&l.entries[i], direct)
		}
	}
	l.inv.tellMissing(l.missing)
	if packages.exists() {
		l.declare(direct)
	} else {
		l.declareByName()
	}
	return l.inv, nil
}

func (l *npmLock) place(at string, e node) {
	l.places[at] = int32(len(l.entries))
	if i := strings.LastIndex(at, "node_modules/"); i >= 0 {
		l.names[at[i+len("node_modules/"):]] = true
	}
	l.entries = append(l.entries, npmEntry{node: e, at: at, index: -1})
}

// longestPlace bounds the path of an installed package; PATH_MAX of Linux.
const longestPlace = 4096

// placeNested places the packages of version 1, which are below those that
// need them.
func (l *npmLock) placeNested(above string, dependencies node, depth int) {
	if depth > limits.MaxNesting/2 || len(above) > longestPlace {
		if dependencies.count() > 0 {
			l.inv.gap(gatehouse.GapParse, dependencies.line(), above[:80], "what is below the entry is not read: it nests too deeply or its name is too long")
		}
		return
	}
	if above != "" {
		above += "/"
	}
	for e := range dependencies.children() {
		at := above + "node_modules/" + e.key()
		l.place(at, e)
		l.placeNested(at, e.get("dependencies"), depth+1)
	}
}

func (l *npmLock) add(e *npmEntry) {
	if !e.isMap() {
		l.inv.gap(gatehouse.GapParse, e.line(), e.at, "the entry is no table, so it is not known what is installed")
		return
	}
	name := e.get("name").text()
	if len(e.at) > longestPlace {
		l.inv.gap(gatehouse.GapParse, e.line(), e.at[:80], "the entry is not read: its path is too long")
		return
	}
	i := strings.LastIndex(e.at, "node_modules/")
	if name == "" && i >= 0 {
		name = e.at[i+len("node_modules/"):]
	}
	p := Package{Eco: NPM, Name: name, Version: e.get("version").text(), Line: e.line(), EndLine: e.end()}
	resolved := e.get("resolved").text()
	switch {
	case e.at == "" || i < 0:
		e.first, p.FirstParty = true, true
		if p.Name == "" {
			p.Name = cmp.Or(path.Base(e.at), "the project itself")
		}
	case e.get("link").isTrue():
		e.first, p.FirstParty = true, true
	case p.Name == "":
		l.inv.gap(gatehouse.GapUnresolved, e.line(), e.at, "a package has no name")
		return
	default:
		p.Hashes = sriDigests(e.get("integrity").text())
		p.Origin = l.origins.of(resolved, p.Name, len(p.Hashes) > 0)
		if p.Origin == nil && (e.get("inBundle").isTrue() || e.get("bundled").isTrue()) {
			p.Origin = bundled
		}
		version := p.Version
		placeNpm(&p, version)
		if p.Origin == nil && !plainVersion(version) {
			p.Origin = placeOrigin(version, len(p.Hashes) > 0)
		}
		if p.Version == "" && !p.FirstParty {
			l.inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
		}
		p.Licenses = licenseTexts(e.get("license"))
		p.InstallScript = e.get("hasInstallScript").isTrue()
		p.Deprecated = deprecation(e.get("deprecated"))
		p.Scope = npmScope(e.node)
		p.Dev = p.Scope == gatehouse.ScopeDev
	}
	e.index = len(l.inv.Packages)
	l.inv.add(p)
}

// npmScope reads the marks that npm sets. What is "devOptional" is there for
// both, so that leaving out either does not remove it.
func npmScope(e node) gatehouse.Scope {
	switch {
	case e.get("dev").isTrue():
		return gatehouse.ScopeDev
	case e.get("optional").isTrue(), e.get("devOptional").isTrue():
		return gatehouse.ScopeOptional
	case e.get("peer").isTrue():
		return gatehouse.ScopePeer
	}
	return gatehouse.ScopeRuntime
}

// connect finds what an entry needs. What the project needs is direct.
func (l *npmLock) connect(e *npmEntry, direct map[int][]ask) {
	if e.first {
		npmAsksIn(e.node, func(a ask) {
			to := l.resolve(e.at, a.name)
			if to == nil || to.index < 0 {
				return
			}
			a.workspace = e.at
			for _, m := range l.asked[a.name] {
				if m.workspace == e.at {
					m.scope = wider(m.scope, a.scope)
					a = m
					break
				}
			}
			direct[to.index] = append(direct[to.index], a)
		})
		return
	}
	p := &l.inv.Packages[e.index]
	var optional map[string]bool
	for d := range e.get("optionalDependencies").children() {
		if optional == nil {
			optional = map[string]bool{}
		}
		optional[d.key()] = true
	}
	for _, key := range []string{"dependencies", "optionalDependencies", "peerDependencies", "requires"} {
		for d := range e.get(key).children() {
			if d.isMap() {
				break // version 1 has packages here
			}
			name := d.key()
			if to := l.resolve(e.at, name); to != nil && to.index >= 0 && !to.first {
				q := &l.inv.Packages[to.index]
				name = q.Name
				p.DependsOn = append(p.DependsOn, q.ID)
			}
			if key == "dependencies" && !l.names[d.key()] && !optional[d.key()] && !e.get("bundleDependencies").exists() && !e.get("inBundle").isTrue() {
				l.missing[d.key()] = true
			}
			if p.Ranges == nil {
				p.Ranges = make(map[string]string, 4)
			}
			if p.Ranges[name] == "" {
				p.Ranges[name] = d.text()
			}
		}
	}
}

// resolve finds what a package at a place gets when it asks for a name, as
// Node.js does: below itself, or else beside one of those that it is below.
func (l *npmLock) resolve(from, name string) *npmEntry {
	for range limits.MaxNesting {
		key := append(l.buffer[:0], from...)
		if from != "" {
			key = append(key, '/')
		}
		key = append(append(key, "node_modules/"...), name...)
		l.buffer = key
		if i, ok := l.places[string(key)]; ok {
			return &l.entries[i]
		}
		if from == "" {
			return nil
		}
		if i := strings.LastIndex(from, "/node_modules/"); i >= 0 {
			from = from[:i]
		} else if i := strings.LastIndexByte(from, '/'); i >= 0 && !strings.HasPrefix(from, "node_modules/") {
			from = from[:i]
		} else {
			from = ""
		}
	}
	return nil
}

func (l *npmLock) declare(direct map[int][]ask) {
	for i, all := range direct {
		p := &l.inv.Packages[i]
		p.Direct = true
		p.declare(all)
	}
}

// declareByName marks what the package.json files ask for. Version 1 says
// nothing about it; a package that they ask for is at the top.
func (l *npmLock) declareByName() {
	for i := range l.entries {
		e := &l.entries[i]
		name, top := strings.CutPrefix(e.at, "node_modules/")
		if all := l.asked[name]; top && e.index >= 0 && len(all) > 0 {
			p := &l.inv.Packages[e.index]
			p.Direct = true
			p.declare(all)
		}
	}
}

// licenseTexts reads a licence that is a name, a list of which one may choose,
// or a table with a type.
func licenseTexts(n node) []string {
	if n.isMap() {
		n = n.get("type")
	}
	if texts := n.texts(); len(texts) > 0 {
		return []string{strings.Join(texts, " OR ")}
	}
	return nil
}

// deprecation is what a publisher says against the use of a package.
func deprecation(n node) string {
	switch {
	case n.isTrue():
		return "deprecated"
	case n.text() == "" || n.text() == "false":
		return ""
	}
	return "deprecated: " + strings.Join(strings.Fields(n.text()), " ")
}

// plainVersion is true for a version, and false for a place.
func plainVersion(s string) bool {
	return s != "" && s[0] >= '0' && s[0] <= '9' && !strings.Contains(s, ":")
}

var tarball = lazyregexp.New(`/-/[^/]*?-(\d+\.\d+\.\d+[^/]*)\.tgz(?:$|[?#])`)

// placeNpm says where a package comes from that has no plain version: another
// name, the project itself, or something that is not the registry.
func placeNpm(p *Package, resolution string) {
	rest, alias := strings.CutPrefix(resolution, "npm:")
	switch {
	case alias:
		p.Version = rest
		if i := strings.LastIndexByte(rest, '@'); i > 0 {
			p.Name, p.Version = rest[:i], rest[i+1:]
		}
	case strings.HasPrefix(resolution, "file:") && hasAnySuffix(resolution, ".tgz", ".tar.gz"):
		p.Unmatched = "it is installed from an archive in the project and not from the npm registry"
	case hasAnyPrefix(resolution, "file:", "link:", "portal:", "workspace:"):
		p.FirstParty = true
	case strings.Contains(resolution, "://"), hasAnyPrefix(resolution, "git", "github:", "bitbucket:", "gist:"):
		if m := tarball().FindStringSubmatch(resolution); m != nil {
			p.Version = m[1]
			return
		}
		p.Version = redactURL(resolution)
		p.Unmatched = "it is not installed from the npm registry"
	}
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func hasAnySuffix(s string, suffixes ...string) bool {
	for _, x := range suffixes {
		if strings.HasSuffix(s, x) {
			return true
		}
	}
	return false
}

// packageJSON is what is needed of package.json.
type packageJSON struct {
	Name, Version        string
	Dependencies         map[string]any
	DevDependencies      map[string]any
	OptionalDependencies map[string]any
	PeerDependencies     map[string]any
}
