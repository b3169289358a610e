package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// pyLock is what the lockfiles of Python have in common.
type pyLock struct {
	inv   *Inventory
	nodes []node
	ids   map[string][]string    // of packages by normalised name
	exact map[[2]string][]string // and by version
}

func newPyLock(inv *Inventory, packages []node) *pyLock {
	l := &pyLock{inv: inv, nodes: packages, ids: make(map[string][]string, len(packages)), exact: make(map[[2]string][]string, len(packages))}
	for _, p := range packages {
		name := PythonName(p.get("name").text())
		version := p.get("version").text()
		id := p.get("name").text() + "@" + version
		l.ids[name] = append(l.ids[name], id)
		l.exact[[2]string{name, version}] = append(l.exact[[2]string{name, version}], id)
	}
	return l
}

// start makes the package of an entry.
func (l *pyLock) start(n node) Package {
	name, version := n.get("name").text(), n.get("version").text()
	return Package{ID: name + "@" + version, Eco: PyPI, Name: name, Version: version, Line: n.line()}
}

// need notes that p needs what has the name; version may be empty, which means
// any that is there.
func (l *pyLock) need(p *Package, name, version, requirement string) bool {
	plain := PythonName(name)
	if requirement != "" {
		if p.Ranges == nil {
			p.Ranges = make(map[string]string, 4)
		}
		p.Ranges[plain] = requirement
	}
	ids := l.ids[plain]
	if version != "" {
		ids = l.exact[[2]string{plain, version}]
	}
	p.DependsOn = append(p.DependsOn, ids...)
	return len(ids) > 0
}

// declared marks what the manifests ask for, and gives the scopes for it.
func (inv *Inventory) declareAll(asked asks) map[string]gatehouse.Scope {
	scopes := map[string]gatehouse.Scope{}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		if all := asked[PythonName(p.Name)]; len(all) > 0 {
			p.Direct = true
			p.declare(all)
			scopes[p.ID] = wider(scopes[p.ID], widest(all))
		}
	}
	return scopes
}

// fileHashes are the digests of the files in a list of tables, each as
// "sha256:…".
func fileHashes(lists ...node) []string {
	var found []string
	add := func(n node) {
		h := n.get("hash")
		if !h.exists() {
			for d := range n.get("hashes").children() { // pylock.toml
				found = append(found, digests(hexDigest(d.key(), d.text()))...)
			}
			return
		}
		algorithm, sum, _ := strings.Cut(h.text(), ":")
		if d := hexDigest(algorithm, sum); d != "" {
			found = append(found, d)
		}
	}
	for _, l := range lists {
		if l.isMap() {
			add(l)
			continue
		}
		for n := range l.children() {
			add(n)
		}
	}
	return found
}

const pypiURL = "https://pypi.org/simple"

// pypiOrigin is the origin of packages of PyPI, of which there is one for each
// file.
func pypiOrigin() *gatehouse.Origin { return fromRegistry(pypiURL) }

// parsePoetryLock reads poetry.lock, and pdm.lock, which differs in that
// dependencies are requirements and the main group is called default.
func parsePoetryLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, packages, err := lockTree(f.Data, &inv, "package", "metadata")
	if err != nil {
		return inv, err
	}
	metadata := root.get("metadata")
	if !metadata.exists() && strings.HasSuffix(strings.ToLower(f.Path), "poetry.lock") {
		inv.gap(gatehouse.GapParse, 0, "metadata", "it has no [metadata], which stands at its end; it is cut short, so make it anew")
	}
	l := newPyLock(&inv, packages)
	files := metadata.get("files").table() // poetry before 1.3, and pdm before 2.8
	registry := pypiOrigin()
	grouped := false
	missing := map[string]bool{}
	for _, n := range packages {
		p := l.start(n)
		p.Hashes = fileHashes(n.get("files"), files[p.Name], files[p.Name+" "+p.Version])
		p.Scope = groupsScope(n.get("groups").texts())
		switch n.get("category").text() {
		case "dev":
			p.Scope = gatehouse.ScopeDev
		case "main":
			p.Scope = gatehouse.ScopeRuntime
		}
		if n.get("optional").isTrue() && (p.Scope == "" || p.Scope == gatehouse.ScopeRuntime) {
			p.Scope = gatehouse.ScopeOptional
		}
		grouped = grouped || p.Scope != "" && p.Scope != gatehouse.ScopeOptional
		p.Dev = !shippedScope(p.Scope)
		poetryNeeds(l, &p, n.get("dependencies"), missing)
		poetrySource(&p, n, registry)
		if p.Version == "" && !p.FirstParty && p.Unmatched == "" {
			inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
		}
		inv.add(p)
	}
	inv.tellMissing(missing)
	scopes := inv.declareAll(pyprojectAsksOf(f))
	if !grouped && len(scopes) > 0 {
		inv.spreadScopes(scopes)
	}
	return inv, nil
}

func poetryNeeds(l *pyLock, p *Package, dependencies node, missing map[string]bool) {
	for d := range dependencies.children() {
		if dependencies.isList() { // pdm
			if r := splitRequirement(d.text()); r.name != "" {
				l.need(p, r.name, "", r.spec)
			}
			continue
		}
		requirement := d.text()
		if d.isMap() {
			requirement = d.get("version").text()
		}
		var several []string
		for one := range d.children() {
			if d.isList() {
				several = append(several, cmp.Or(one.get("version").text(), one.text()))
			}
		}
		if len(several) > 0 {
			requirement = strings.Join(several, " || ")
		}
		// What is needed in some environments only may be left out.
		if !l.need(p, d.key(), "", requirement) && (d.kind() == nodeString || d.isMap() && !d.get("markers").exists() && !d.get("optional").isTrue()) {
			missing[d.key()] = true
		}
	}
}

// poetrySource says where a package comes from: a table of poetry, or fields of
// pdm.
func poetrySource(p *Package, n node, registry *gatehouse.Origin) {
	p.Origin = registry
	elsewhere := func(kind, url string) {
		p.Origin = &gatehouse.Origin{Kind: kind, URL: redactURL(strings.Clone(url)), Pinned: kind == "path" || len(p.Hashes) > 0}
		p.Unmatched = fmt.Sprintf("it is installed from %q and not from PyPI", redactURL(strings.Clone(url)))
	}
	source := n.get("source")
	url := source.get("url").text()
	switch {
	case source.get("type").text() == "directory":
		p.FirstParty = true
	case source.get("type").text() == "file":
		elsewhere("path", url)
	case source.get("type").text() == "url":
		elsewhere("url", url)
	case source.get("type").text() == "git":
		p.Origin = repository(strings.Clone(url), strings.Clone(cmp.Or(source.get("resolved_reference").text(), source.get("reference").text())))
	case url != "":
		p.Origin = fromRegistry(strings.Clone(url))
	case n.get("git").exists():
		p.Origin = repository(strings.Clone(n.get("git").text()), strings.Clone(cmp.Or(n.get("revision").text(), n.get("ref").text())))
	case n.get("path").exists() && (n.get("editable").isTrue() || !hasAnySuffix(n.get("path").text(), ".whl", ".gz", ".zip")):
		p.FirstParty = true
	case n.get("path").exists():
		elsewhere("path", n.get("path").text())
	case n.get("url").exists():
		elsewhere("url", n.get("url").text())
	}
}

// parseUVLock reads uv.lock; see https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile.
func parseUVLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	_, packages, err := lockTree(f.Data, &inv, "package", "version", "manifest", "metadata")
	if err != nil {
		return inv, err
	}
	l := newPyLock(&inv, packages)
	asked := pyprojectAsksOf(f)
	origins := map[string]*gatehouse.Origin{}
	scopes := map[string]gatehouse.Scope{}
	declared := map[string][]ask{}
	roots := 0
	missing := map[string]bool{}
	for _, n := range packages {
		p := l.start(n)
		p.Hashes = fileHashes(n.get("sdist"), n.get("wheels"))
		p.Published = uploadedAt(n.get("sdist"), n.get("wheels"))
		uvSource(&p, n.get("source"), origins)
		needs := func(list node, scope gatehouse.Scope, depends bool) {
			for d := range list.children() {
				name := d.get("name").text()
				before := len(p.DependsOn)
				if !l.need(&p, name, d.get("version").text(), d.get("specifier").text()) {
					missing[name] = true
				}
				if !depends || p.FirstParty {
					for _, id := range p.DependsOn[before:] {
						scopes[id] = wider(scopes[id], scope)
						declared[id] = append(declared[id], uvAsk(asked, n, name, scope))
					}
				}
				if !depends {
					p.DependsOn = p.DependsOn[:before]
				}
			}
		}
		needs(n.get("dependencies"), gatehouse.ScopeRuntime, true)
		for extra := range n.get("optional-dependencies").children() {
			needs(extra, gatehouse.ScopeOptional, true)
		}
		if p.FirstParty {
			roots++
			for group := range n.get("dev-dependencies").children() {
				needs(group, groupScope(group.key()), false)
			}
		} else if p.Version == "" && p.Unmatched == "" {
			inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
		}
		inv.add(p)
	}
	inv.tellMissing(missing)
	for i := range inv.Packages {
		p := &inv.Packages[i]
		if all := declared[p.ID]; len(all) > 0 {
			p.Direct = true
			p.declare(all)
		}
	}
	if roots > 0 {
		inv.spreadScopes(scopes)
		for i := range inv.Packages {
			if p := &inv.Packages[i]; p.Scope == "" && !p.FirstParty {
				p.Dev = true
			}
		}
	}
	return inv, nil
}

// uvAsk is what a package of the workspace asks for: as its manifest says it,
// or else as the lockfile keeps it.
func uvAsk(asked asks, root node, name string, scope gatehouse.Scope) ask {
	at := uvPlace(root.get("source"))
	for _, a := range asked[PythonName(name)] {
		if a.workspace == at {
			return a
		}
	}
	a := ask{name: name, scope: scope, workspace: at}
	lists := []node{root.get("metadata", "requires-dist")}
	for group := range root.get("metadata", "requires-dev").children() {
		lists = append(lists, group)
	}
	for _, list := range lists {
		for d := range list.children() {
			if a.requirement == "" && d.get("name").text() == name {
				a.requirement = d.get("specifier").text()
			}
		}
	}
	return a
}

// uvPlace is the directory of a package of the workspace.
func uvPlace(source node) string {
	at := cmp.Or(source.get("editable").text(), source.get("virtual").text(), source.get("directory").text())
	if at == "." {
		return ""
	}
	return strings.Clone(at)
}

func uvSource(p *Package, source node, origins map[string]*gatehouse.Origin) {
	for s := range source.children() {
		at := s.text()
		switch s.key() {
		case "editable", "virtual", "directory":
			// The project and the members of its workspace.
			p.FirstParty = true
		case "registry":
			if origins[at] == nil {
				origins[at] = fromRegistry(strings.Clone(at))
			}
			p.Origin = origins[at]
		case "git":
			url, revision, _ := strings.Cut(strings.Clone(at), "#")
			p.Origin = repository(url, revision)
		case "url", "path":
			p.Unmatched = fmt.Sprintf("it is installed from %q and not from PyPI", redactURL(strings.Clone(at)))
			p.Origin = &gatehouse.Origin{Kind: s.key(), URL: redactURL(strings.Clone(at)), Pinned: s.key() == "path" || len(p.Hashes) > 0}
		}
	}
}

// parsePylock reads pylock.toml; see
// https://packaging.python.org/en/latest/specifications/pylock-toml/.
func parsePylock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, packages, err := lockTree(f.Data, &inv, "packages", "lock-version")
	if err != nil {
		return inv, err
	}
	if !root.get("lock-version").exists() {
		inv.gap(gatehouse.GapParse, 0, "lock-version", "it has no lock-version, which the format asks for")
	}
	l := newPyLock(&inv, packages)
	registry := pypiOrigin()
	for _, n := range packages {
		p := l.start(n)
		p.Hashes = fileHashes(n.get("sdist"), n.get("wheels"), n.get("archive"))
		p.Published = uploadedAt(n.get("sdist"), n.get("wheels"), n.get("archive"))
		for d := range n.get("dependencies").children() {
			l.need(&p, d.get("name").text(), d.get("version").text(), "")
		}
		directory, vcs, archive := n.get("directory"), n.get("vcs"), n.get("archive")
		switch {
		case directory.exists():
			p.FirstParty = true
		case vcs.exists():
			url := strings.Clone(cmp.Or(vcs.get("url").text(), vcs.get("path").text()))
			p.Origin = repository(url, strings.Clone(cmp.Or(vcs.get("commit-id").text(), vcs.get("requested-revision").text())))
			p.Unmatched = fmt.Sprintf("it is installed from the repository %q and not from PyPI", redactURL(url))
		case archive.exists():
			url := redactURL(strings.Clone(cmp.Or(archive.get("url").text(), archive.get("path").text())))
			p.Origin = &gatehouse.Origin{Kind: "url", URL: url, Pinned: len(p.Hashes) > 0}
			p.Unmatched = fmt.Sprintf("it is installed from the archive %q and not from PyPI", url)
		case n.get("index").exists():
			p.Origin = fromRegistry(strings.Clone(n.get("index").text()))
		default:
			p.Origin = registry
		}
		if marker := n.get("marker").text(); strings.Contains(marker, "in extras") && !strings.Contains(marker, " or ") {
			p.Scope = gatehouse.ScopeOptional
		} else if strings.Contains(marker, "in dependency_groups") && !strings.Contains(marker, " or ") {
			p.Scope, p.Dev = gatehouse.ScopeDev, true
		}
		if p.Version == "" && !p.FirstParty && p.Unmatched == "" {
			inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
		}
		inv.add(p)
	}
	asked := pyprojectAsksOf(f)
	if len(asked) > 0 {
		scopes := inv.declareAll(asked)
		if slices.IndexFunc(inv.Packages, func(p Package) bool { return p.Scope != "" }) < 0 {
			inv.spreadScopes(scopes)
		}
	}
	return inv, nil
}
