package inventory

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// parseConanLock reads conan.lock of Conan 1 and 2. The parser knows only
// "requires"; tools for the build are in lists of their own.
func parseConanLock(f *Lockfile) (Inventory, error) {
	inv, err := readTrivy(Conan, newConanParser(), f.Data)
	if err != nil {
		return inv, err
	}
	var lock struct {
		Version   string
		GraphLock *struct {
			Nodes map[string]struct{ Ref string }
		} `json:"graph_lock"`
		Requires       []any
		BuildRequires  []any `json:"build_requires"`
		PythonRequires []any `json:"python_requires"`
		ConfigRequires []any `json:"config_requires"`
	}
	if err := decodeJSON(f.Data, &lock); err != nil {
		return inv, err
	}
	if lock.Version == "" && lock.GraphLock == nil && lock.Requires == nil {
		return inv, errors.New(`it has none of "version", "requires" and "graph_lock", so it is no lockfile of Conan`)
	}
	check := func(ref string) (name, version string, ok bool) {
		plain, _, _ := strings.Cut(ref, "#")
		plain, _, _ = strings.Cut(plain, "@")
		name, version, ok = strings.Cut(plain, "/")
		if !ok || strings.Contains(version, "/") || name == "" || version == "" {
			inv.gap(gatehouse.GapUnresolved, 0, ref, "the reference is not name/version")
			return "", "", false
		}
		return name, version, true
	}
	for _, ref := range stringList(lock.Requires) {
		check(ref)
	}
	for _, list := range [][]any{lock.BuildRequires, lock.PythonRequires, lock.ConfigRequires} {
		for _, ref := range stringList(list) {
			if name, version, ok := check(ref); ok {
				inv.add(Package{Eco: Conan, Name: name, Version: version, Dev: true})
			}
		}
	}
	if lock.GraphLock != nil {
		for _, n := range lock.GraphLock.Nodes {
			if n.Ref != "" && !strings.HasPrefix(n.Ref, "conanfile") {
				check(n.Ref)
			}
		}
	}
	return inv, nil
}

var (
	mixHex = regexp.MustCompile(`^"([^"]+)":\s*\{\s*:hex,\s*:("?[\w@.]+"?),\s*"([^"]+)"`)
	mixGit = regexp.MustCompile(`^"([^"]+)":\s*\{\s*:git,\s*"([^"]*)"`)
	mixAny = regexp.MustCompile(`^"([^"]+)":`)
	// mixDep is a dependency within a line: {:plug, "~> 1.0", [hex: :plug, …]}.
	mixDep = regexp.MustCompile(`\[hex: :(\w+)`)
)

// parseMixLock reads mix.lock, an Elixir map with one package to a line.
func parseMixLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	n, opened := 0, false
	for line := range strings.Lines(string(f.Data)) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "%{") {
			opened = true
			line = strings.TrimSpace(line[2:])
		}
		if line == "" || line == "}" || strings.HasPrefix(line, "#") {
			continue
		}
		if m := mixHex.FindStringSubmatch(line); m != nil {
			p := Package{ID: m[1], Eco: Hex, Name: strings.Trim(m[2], `"`), Version: m[3], Line: n}
			for _, d := range mixDep.FindAllStringSubmatch(line, -1) {
				p.DependsOn = append(p.DependsOn, d[1])
			}
			inv.add(p)
			continue
		}
		if m := mixGit.FindStringSubmatch(line); m != nil {
			inv.add(Package{ID: m[1], Eco: Hex, Name: m[1], Line: n, Unmatched: fmt.Sprintf("it is installed from the repository %q and not from Hex", redactURL(m[2]))})
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
	return inv, nil
}

// parsePubspecLock reads pubspec.lock.
func parsePubspecLock(f *Lockfile) (Inventory, error) {
	inv, err := readTrivy(Pub, newPubParser(), f.Data)
	if err != nil {
		return inv, err
	}
	if err := inv.need(f.Data, "packages:", "sdks:"); err != nil {
		return inv, err
	}
	var lock struct {
		Packages map[string]struct {
			Dependency, Source string
			Description        any
		}
	}
	if err := decodeYAML(f.Data, &lock, nil); err != nil {
		return inv, err
	}
	lines := yamlKeyLines(string(f.Data), "packages")
	for i := range inv.Packages {
		p := &inv.Packages[i]
		p.Line = lines[p.Name]
		d := lock.Packages[p.Name]
		p.Dev = d.Dependency == "direct dev"
		switch d.Source {
		case "path", "sdk":
			// Part of the project, or of the SDK, which has no version here.
			p.FirstParty = true
		case "git":
			p.Unmatched = "it is installed from a repository and not from pub.dev"
		}
	}
	return inv, nil
}

// parsePackageResolved reads Package.resolved. Pins to a commit have no
// version, and the parser leaves them out.
func parsePackageResolved(f *Lockfile) (Inventory, error) {
	inv, err := readTrivy(Swift, newSwiftParser(), f.Data)
	if err != nil {
		return inv, err
	}
	if err := inv.need(f.Data, `"pins"`); err != nil {
		return inv, err
	}
	type pin struct {
		Package, RepositoryURL, Identity, Location string
		State                                      struct{ Version, Branch, Revision string }
	}
	var lock struct {
		Pins   []pin
		Object struct{ Pins []pin }
	}
	if err := decodeJSON(f.Data, &lock); err != nil {
		return inv, err
	}
	versions := map[string]bool{}
	for _, p := range append(lock.Pins, lock.Object.Pins...) {
		name := p.Location
		if name == "" {
			name = p.RepositoryURL
		}
		name = strings.TrimSuffix(strings.TrimPrefix(name, "https://"), ".git")
		if p.State.Version != "" {
			versions[name] = true
			continue
		}
		if p.State.Branch == "" {
			inv.add(Package{Eco: Swift, Name: name, Version: p.State.Revision})
		}
	}
	for i := range inv.Packages {
		if p := &inv.Packages[i]; !versions[p.Name] {
			p.Unmatched = "it is pinned to a branch or a commit, which says nothing about its version"
		}
	}
	return inv, nil
}

var podLine = regexp.MustCompile(`^  - "?([^\s"(]+) \(([^)]*)\)`)

// parsePodfileLock reads Podfile.lock.
func parsePodfileLock(f *Lockfile) (Inventory, error) {
	inv, err := readTrivy(CocoaPods, newPodsParser(), f.Data)
	if err != nil {
		return inv, err
	}
	if err := inv.need(f.Data, "PODS:", "PODFILE CHECKSUM:"); err != nil {
		return inv, err
	}
	var lock struct {
		Dependencies []string                  `yaml:"DEPENDENCIES"`
		External     map[string]map[string]any `yaml:"EXTERNAL SOURCES"`
		Pods         []any                     `yaml:"PODS"`
	}
	if err := decodeYAML(f.Data, &lock, nil); err != nil {
		return inv, err
	}
	lines := map[string]int{}
	n := 0
	for line := range strings.Lines(string(f.Data)) {
		n++
		if m := podLine.FindStringSubmatch(line); m != nil && lines[m[1]+"@"+m[2]] == 0 {
			lines[m[1]+"@"+m[2]] = n
		}
	}
	direct := map[string]bool{}
	for _, d := range lock.Dependencies {
		name, _, _ := strings.Cut(d, " ")
		direct[name] = true
	}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		p.Line = lines[p.Label()]
		p.Direct = direct[p.Name]
		root, _, _ := strings.Cut(p.Name, "/")
		switch source := lock.External[root]; {
		case source[":path"] != nil:
			p.FirstParty = true
		case source != nil:
			p.Unmatched = "it is installed from a repository and not from the CocoaPods specs"
		}
	}
	for _, pod := range lock.Pods {
		name, ok := pod.(string)
		if m, isMap := pod.(map[string]any); isMap {
			for k := range m {
				name, ok = k, true
			}
		}
		if !ok || !strings.Contains(name, " (") {
			inv.gap(gatehouse.GapUnresolved, 0, name, "the pod has no version")
		}
	}
	return inv, nil
}

// parseJuliaManifest reads Manifest.toml, if it is one of Julia.
func parseJuliaManifest(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var top map[string]any
	if err := decodeTOML(f.Data, &top); err != nil {
		return inv, err
	}
	if !isJulia(top) {
		inv.Skip = "not a manifest of Julia: no package has a uuid"
		return inv, nil
	}
	return readTrivy(Julia, newJuliaParser(), f.Data)
}

func isJulia(top map[string]any) bool {
	if top["julia_version"] != nil || top["manifest_format"] != nil {
		return true
	}
	for _, v := range top {
		for _, t := range tableList(v) {
			if t["uuid"] != nil {
				return true
			}
		}
	}
	return false
}
