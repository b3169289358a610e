package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// parseConanLock reads conan.lock of Conan 1 and 2. Tools for the build are in
// lists of their own.
func parseConanLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	nodes, requires := root.get("graph_lock", "nodes"), root.get("requires")
	if !root.get("version").exists() && !root.get("graph_lock").exists() && !requires.exists() {
		return inv, errors.New(`it has none of "version", "requires" and "graph_lock", so it is no lockfile of Conan`)
	}
	inv.tellRepeated(root)
	for key, scope := range map[string]gatehouse.Scope{"requires": gatehouse.ScopeRuntime, "build_requires": gatehouse.ScopeBuild,
		"python_requires": gatehouse.ScopeBuild, "config_requires": gatehouse.ScopeBuild} {
		for n := range root.get(key).children() {
			if p, ok := inv.conanPackage(n.text(), n); ok {
				p.Scope, p.Dev = scope, scope != gatehouse.ScopeRuntime
				inv.add(p)
			}
		}
	}
	inv.conanGraph(nodes)
	return inv, nil
}

// conanPackage reads "name/version@user/channel#revision%time".
func (inv *Inventory) conanPackage(ref string, n node) (Package, bool) {
	plain, revision, _ := strings.Cut(ref, "#")
	plain, channel, _ := strings.Cut(plain, "@")
	name, version, ok := strings.Cut(plain, "/")
	if !ok || strings.Contains(version, "/") || name == "" || version == "" {
		inv.gap(gatehouse.GapUnresolved, n.line(), ref, "the reference is not name/version")
		return Package{}, false
	}
	revision, _, _ = strings.Cut(revision, "%")
	p := Package{Eco: Conan, Name: name, Version: version, Line: n.line(), EndLine: n.end()}
	if revision != "" || channel != "" {
		p.Origin = &gatehouse.Origin{Kind: "registry", Revision: strings.Clone(revision), Pinned: revision != ""}
	}
	return p, true
}

// conanGraph reads the graph of Conan 1, in which packages have numbers.
func (inv *Inventory) conanGraph(nodes node) {
	ids, tools := map[string]string{}, map[string]bool{}
	type entry struct {
		node
		index int
	}
	var entries []entry
	direct := map[string]bool{}
	for n := range nodes.children() {
		for _, t := range n.get("build_requires").texts() {
			tools[t] = true
		}
		ref := n.get("ref").text()
		if ref == "" || strings.HasPrefix(ref, "conanfile") {
			for _, d := range append(n.get("requires").texts(), n.get("build_requires").texts()...) {
				direct[d] = true
			}
			continue
		}
		if p, ok := inv.conanPackage(ref, n); ok {
			ids[n.key()] = p.Label()
			entries = append(entries, entry{n, len(inv.Packages)})
			inv.add(p)
		}
	}
	for _, e := range entries {
		p := &inv.Packages[e.index]
		p.Direct, p.Scope = direct[e.key()], gatehouse.ScopeRuntime
		if tools[e.key()] {
			p.Scope, p.Dev = gatehouse.ScopeBuild, true
		}
		for _, d := range e.get("requires").texts() {
			if ids[d] != "" {
				p.DependsOn = append(p.DependsOn, ids[d])
			}
		}
	}
}

var (
	// mixHex is an entry with the digest of the content; mixEnd is its end, with
	// the repository and the digest of the archive.
	mixHex = regexp.MustCompile(`^"([^"]+)":\s*\{\s*:hex,\s*:("?[\w@.]+"?),\s*"([^"]+)"(?:,\s*"([0-9a-f]*)")?`)
	mixEnd = regexp.MustCompile(`\],\s*"([\w:@./-]+)"(?:,\s*"([0-9a-f]+)")?\s*\},?$`)
	mixGit = regexp.MustCompile(`^"([^"]+)":\s*\{\s*:git,\s*"([^"]*)"(?:,\s*"([0-9a-f]*)")?`)
	mixAny = regexp.MustCompile(`^"([^"]+)":`)
	// mixDep is a dependency within a line: {:plug, "~> 1.0", [hex: :plug, …]}.
	mixDep = regexp.MustCompile(`\{:\w+,\s*"([^"]*)",\s*\[hex: :(\w+)`)
)

// parseMixLock reads mix.lock, an Elixir map with one package to a line.
func parseMixLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	n, opened, closed := 0, false, false
	for line := range strings.Lines(string(f.Data)) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "%{") {
			opened = true
			line = strings.TrimSpace(line[2:])
		}
		closed = closed || strings.HasSuffix(line, "}") && !strings.HasPrefix(line, `"`)
		if line == "" || line == "}" || strings.HasPrefix(line, "#") {
			continue
		}
		if m := mixHex.FindStringSubmatch(line); m != nil {
			p := Package{ID: m[1], Eco: Hex, Name: strings.Trim(m[2], `"`), Version: m[3], Line: n, Hashes: digests(hexDigest("sha256", m[4]))}
			for _, d := range mixDep.FindAllStringSubmatch(line, -1) {
				p.DependsOn = append(p.DependsOn, d[2])
				if p.Ranges == nil {
					p.Ranges = map[string]string{}
				}
				p.Ranges[d[2]] = d[1]
			}
			if e := mixEnd.FindStringSubmatch(line); e != nil {
				p.Origin = hexOrigin(e[1])
				if d := hexDigest("sha256", e[2]); d != "" {
					p.Hashes = []string{d}
				}
			}
			inv.add(p)
			continue
		}
		if m := mixGit.FindStringSubmatch(line); m != nil {
			inv.add(Package{ID: m[1], Eco: Hex, Name: m[1], Line: n, Origin: repository(strings.Clone(m[2]), strings.Clone(m[3])), Unmatched: fmt.Sprintf("it is installed from the repository %q and not from Hex", redactURL(m[2]))})
			continue
		}
		entry := ""
		if m := mixAny.FindStringSubmatch(line); m != nil {
			entry = m[1]
		}
		inv.gap(gatehouse.GapParse, n, entry, "the line is no locked package of mix")
	}
	if !opened {
		return inv, errors.New("it is no map of Elixir (%{…})")
	}
	if !closed {
		inv.gap(gatehouse.GapParse, n, "", "the map is not closed; the file is cut short, so make it anew")
	}
	return inv, nil
}

// hexOrigin is the repository that mix.lock names: "hexpm", or another one.
func hexOrigin(name string) *gatehouse.Origin {
	if name == "hexpm" {
		return fromRegistry("https://repo.hex.pm")
	}
	return fromRegistry(strings.Clone(name))
}

// parsePubspecLock reads pubspec.lock; see
// https://dart.dev/tools/pub/glossary#lockfile.
func parsePubspecLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlDocument(f.Data, nil)
	if err != nil {
		return inv, err
	}
	packages := root.get("packages")
	switch {
	case !packages.exists() && !root.get("sdks").exists():
		return inv, errors.New("it has neither packages nor sdks, so it is no lockfile of pub")
	case packages.exists() && !packages.isMap() && packages.text() != "":
		return inv, &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: packages.line(), Reason: `"packages" is no table`}
	case !root.get("sdks").exists():
		inv.gap(gatehouse.GapParse, 0, "sdks", "it has no sdks, which stand at its end; it is cut short, so make it anew")
	}
	inv.tellRepeated(root)
	asked := pubspecAsksOf(f)
	for n := range packages.children() {
		d, kind := n.get("description"), n.get("dependency").text()
		p := Package{Eco: Pub, Name: n.key(), Version: n.get("version").text(), Line: n.line(), Direct: strings.HasPrefix(kind, "direct"),
			Hashes: digests(hexDigest("sha256", d.get("sha256").text()))}
		switch kind {
		case "direct dev":
			p.Scope, p.Dev = gatehouse.ScopeDev, true
		case "direct main", "direct overridden":
			p.Scope = gatehouse.ScopeRuntime
		}
		url := strings.Clone(d.get("url").text())
		switch n.get("source").text() {
		case "path", "sdk":
			// Part of the project, or of the SDK, which has no version here.
			p.FirstParty = true
		case "git":
			p.Unmatched = "it is installed from a repository and not from pub.dev"
			p.Origin = repository(url, strings.Clone(d.get("resolved-ref").text()))
		case "hosted":
			if url != "" {
				p.Origin = fromRegistry(url)
			}
		}
		if p.Version == "" && !p.FirstParty {
			inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
		}
		if p.Direct {
			p.declare(asked[p.Name])
		}
		inv.add(p)
	}
	return inv, nil
}

func pubspecAsksOf(f *Lockfile) asks {
	found := asks{}
	for _, p := range f.manifests("pubspec.yaml") {
		root, err := yamlDocument(PlainText(f.Others[p].Data), nil)
		if err != nil {
			continue // said where it is compared with the lockfile
		}
		for table, scope := range map[string]gatehouse.Scope{"dependencies": gatehouse.ScopeRuntime, "dev_dependencies": gatehouse.ScopeDev} {
			for d := range root.get(table).children() {
				requirement := d.text()
				if d.isMap() {
					requirement = d.get("version").text()
				}
				found.add(ask{name: d.key(), requirement: requirement, scope: scope, workspace: workspaceOf(f.Path, p), at: gatehouse.Location{Path: p, Line: d.line()}})
			}
		}
	}
	return found
}

// parsePackageResolved reads Package.resolved of versions 1 to 3. Pins to a
// branch or a commit have no version.
func parsePackageResolved(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	pins, old := root.get("pins"), root.get("object", "pins")
	if !pins.isList() && !old.isList() {
		return inv, errors.New(`it has no list "pins"`)
	}
	inv.tellRepeated(root)
	for _, list := range []node{pins, old} {
		for n := range list.children() {
			state := n.get("state")
			version, branch, revision := state.get("version").text(), state.get("branch").text(), state.get("revision").text()
			url := cmp.Or(n.get("location").text(), n.get("repositoryURL").text())
			name := strings.TrimSuffix(strings.TrimPrefix(redactURL(url), "https://"), ".git")
			p := Package{Eco: Swift, Name: cmp.Or(name, n.get("identity").text()), Version: cmp.Or(version, branch, revision), Line: n.line(), EndLine: n.end()}
			switch kind := n.get("kind").text(); {
			case strings.HasPrefix(kind, "local") || strings.HasPrefix(kind, "fileSystem"):
				p.FirstParty = true
			case kind == "registry":
				p.Origin = fromRegistry("")
			case url != "":
				p.Origin = repository(strings.Clone(url), strings.Clone(cmp.Or(revision, branch)))
			}
			if p.Name == "" || p.Version == "" {
				inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, "a package has no name, or neither version nor revision")
				continue
			}
			if version == "" {
				p.Unmatched = "it is pinned to a branch or a commit, which says nothing about its version"
			}
			inv.add(p)
		}
	}
	return inv, nil
}

// podText is "Name (version)" or "Name (~> 1.0)" or "Name (from `../x`)".
var podText = regexp.MustCompile(`^([^\s(]+)(?: \((.*)\))?$`)

// parsePodfileLock reads Podfile.lock; see
// https://guides.cocoapods.org/using/using-cocoapods.html#what-is-podfilelock.
func parsePodfileLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlDocument(f.Data, nil)
	if err != nil {
		return inv, err
	}
	pods := root.get("PODS")
	switch {
	case !pods.exists() && !root.get("PODFILE CHECKSUM").exists():
		return inv, errors.New("it has neither PODS nor PODFILE CHECKSUM, so it is no lockfile of CocoaPods")
	case !root.get("DEPENDENCIES").exists() && pods.count() > 0:
		inv.gap(gatehouse.GapParse, 0, "DEPENDENCIES", "it has no DEPENDENCIES, which stand below the pods; it is cut short, so make it anew")
	}
	inv.tellRepeated(root)
	external, checkout, checksums := root.get("EXTERNAL SOURCES").table(), root.get("CHECKOUT OPTIONS").table(), root.get("SPEC CHECKSUMS").table()
	direct := map[string]string{}
	for _, d := range root.get("DEPENDENCIES").texts() {
		if m := podText.FindStringSubmatch(d); m != nil {
			direct[m[1]] = m[2]
		}
	}
	repos := map[string]*gatehouse.Origin{}
	for repo := range root.get("SPEC REPOS").children() {
		url := strings.Clone(repo.key())
		if url == "trunk" {
			url = "https://cdn.cocoapods.org"
		}
		for _, name := range repo.texts() {
			repos[name] = fromRegistry(url)
		}
	}
	ids := map[string]string{}
	needs := [][]string{}
	for n := range pods.children() {
		text, list := n.text(), node{}
		for one := range n.children() {
			text, list = one.key(), one
		}
		m := podText.FindStringSubmatch(text)
		if m == nil || m[2] == "" {
			inv.gap(gatehouse.GapUnresolved, n.line(), text, "the pod has no version")
			continue
		}
		p := Package{Eco: CocoaPods, Name: m[1], Version: m[2], Line: n.line()}
		p.Requirement, p.Direct = direct[p.Name], false
		_, p.Direct = direct[p.Name]
		if strings.HasPrefix(p.Requirement, "from ") {
			p.Requirement = ""
		}
		rootPod, _, _ := strings.Cut(p.Name, "/")
		p.Hashes = digests(hexDigest("sha1", checksums[rootPod].text()))
		p.Origin = repos[rootPod]
		podSource(&p, external[rootPod], checkout[rootPod])
		var names []string
		for _, need := range list.texts() {
			if d := podText.FindStringSubmatch(need); d != nil {
				names = append(names, d[1])
				if p.Ranges == nil {
					p.Ranges = map[string]string{}
				}
				p.Ranges[d[1]] = d[2]
			}
		}
		ids[p.Name] = p.Label()
		needs = append(needs, names)
		inv.add(p)
	}
	missing := map[string]bool{}
	for i, names := range needs {
		for _, name := range names {
			if ids[name] == "" {
				missing[name] = true
				continue
			}
			inv.Packages[i].DependsOn = append(inv.Packages[i].DependsOn, ids[name])
		}
	}
	inv.tellMissing(missing)
	return inv, nil
}

// podSource says where a pod comes from that is not of the specs.
func podSource(p *Package, source, checkout node) {
	url := strings.Clone(source.get(":git").text())
	switch {
	case source.get(":path").exists():
		p.FirstParty = true
	case url != "":
		revision := cmp.Or(checkout.get(":commit").text(), source.get(":commit").text(), source.get(":tag").text(), source.get(":branch").text())
		p.Origin = repository(url, strings.Clone(revision))
	case source.get(":podspec").exists(), source.get(":http").exists():
		url = redactURL(strings.Clone(cmp.Or(source.get(":http").text(), source.get(":podspec").text())))
		p.Origin = &gatehouse.Origin{Kind: "url", URL: url}
	}
	if source.exists() && !p.FirstParty {
		p.Unmatched = "it is installed from a repository and not from the CocoaPods specs"
	}
}

// parseJuliaManifest reads Manifest.toml, if it is one of Julia; see
// https://pkgdocs.julialang.org/v1/toml-files/#Manifest.toml.
func parseJuliaManifest(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := tomlTree(f.Data)
	if err != nil {
		return inv, err
	}
	list := root.get("deps")
	if !root.get("manifest_format").exists() && !list.exists() {
		list = root // version 1 has the packages at the top
	}
	julia := root.get("julia_version").text()
	known := julia != "" || root.get("manifest_format").exists()
	ids := map[string][]string{}
	var entries []node
	for named := range list.children() {
		for n := range named.children() {
			if named.isList() && n.get("uuid").exists() {
				known = true
				ids[named.key()] = append(ids[named.key()], n.get("uuid").text())
				entries = append(entries, n)
				inv.add(Package{ID: n.get("uuid").text(), Eco: Julia, Name: named.key(), Version: n.get("version").text(), Line: n.line()})
			} else if known && named.isList() {
				inv.gap(gatehouse.GapUnresolved, n.line(), named.key(), "the package has no uuid")
			}
		}
	}
	if !known {
		inv.Skip = "not a manifest of Julia: no package has a uuid"
		inv.Packages, inv.Gaps = nil, nil
		return inv, nil
	}
	inv.tellRepeated(root)
	missing := map[string]bool{}
	for i, n := range entries {
		p := &inv.Packages[i]
		juliaSource(p, n, julia)
		deps := n.get("deps")
		for d := range deps.children() {
			switch {
			case deps.isMap(): // name = uuid, where names are not unique
				p.DependsOn = append(p.DependsOn, d.text())
			case len(ids[d.text()]) == 0:
				missing[d.text()] = true
			default:
				p.DependsOn = append(p.DependsOn, ids[d.text()]...)
			}
		}
	}
	inv.tellMissing(missing)
	return inv, nil
}

func juliaSource(p *Package, n node, julia string) {
	tree := n.get("git-tree-sha1").text()
	switch {
	case n.get("path").exists():
		p.FirstParty = true
	case n.get("repo-url").exists():
		p.Origin = repository(strings.Clone(n.get("repo-url").text()), strings.Clone(cmp.Or(tree, n.get("repo-rev").text())))
	case tree != "":
		p.Origin = &gatehouse.Origin{Kind: "registry", Revision: strings.Clone(tree), Pinned: true}
	}
	if p.Version == "" {
		// The standard library comes with Julia and has its version.
		p.Version = cmp.Or(julia, "unknown")
	}
}
