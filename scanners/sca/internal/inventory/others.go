package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
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
	mixHex = lazyregexp.New(`^"([^"]+)":\s*\{\s*:hex,\s*:("?[\w@.]+"?),\s*"([^"]+)"(?:,\s*"([0-9a-f]*)")?`)
	mixEnd = lazyregexp.New(`\],\s*"([\w:@./-]+)"(?:,\s*"([0-9a-f]+)")?\s*\},?$`)
	mixGit = lazyregexp.New(`^"([^"]+)":\s*\{\s*:git,\s*"([^"]*)"(?:,\s*"([0-9a-f]*)")?`)
	mixAny = lazyregexp.New(`^"([^"]+)":`)
	// mixDep is a dependency within a line: {:plug, "~> 1.0", [hex: :plug, …]}.
	mixDep = lazyregexp.New(`\{:\w+,\s*"([^"]*)",\s*\[hex: :(\w+)`)
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
		if m := mixHex().FindStringSubmatch(line); m != nil {
			p := Package{ID: m[1], Eco: Hex, Name: strings.Trim(m[2], `"`), Version: m[3], Line: n, Hashes: digests(hexDigest("sha256", m[4]))}
			for _, d := range mixDep().FindAllStringSubmatch(line, -1) {
				p.DependsOn = append(p.DependsOn, d[2])
				if p.Ranges == nil {
					p.Ranges = map[string]string{}
				}
				p.Ranges[d[2]] = d[1]
			}
			if e := mixEnd().FindStringSubmatch(line); e != nil {
				p.Origin = hexOrigin(e[1])
				if d := hexDigest("sha256", e[2]); d != "" {
					p.Hashes = []string{d}
				}
			}
			inv.add(p)
			continue
		}
		if m := mixGit().FindStringSubmatch(line); m != nil {
			inv.add(Package{ID: m[1], Eco: Hex, Name: m[1], Line: n, Origin: repository(strings.Clone(m[2]), strings.Clone(m[3])), Unmatched: fmt.Sprintf("it is installed from the repository %q and not from Hex", redactURL(m[2]))})
			continue
		}
		entry := ""
		if m := mixAny().FindStringSubmatch(line); m != nil {
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
