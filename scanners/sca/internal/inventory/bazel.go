package inventory

import (
	"encoding/xml"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// bazelSource is the file of a registry that is read for each module that is
// used; see https://bazel.build/external/lockfile.
var bazelSource = lazyregexp.New(`^(https?://.+)/modules/([^/]+)/([^/]+)/source\.json$`)

// parseBazelLock reads MODULE.bazel.lock.
func parseBazelLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var lock struct {
		LockFileVersion any
		Hashes          map[string]any `json:"registryFileHashes"`
		Graph           map[string]struct {
			Name, Version string
			Deps          map[string]string
		} `json:"moduleDepGraph"`
	}
	if err := decodeJSON(f.Data, &lock); err != nil {
		return inv, err
	}
	if lock.LockFileVersion == nil {
		return inv, errors.New(`it has no "lockFileVersion", so it is no lockfile of Bazel`)
	}
	lines := jsonKeyLines(f.Data, "registryFileHashes")
	for _, url := range slices.Sorted(maps.Keys(lock.Hashes)) {
		m := bazelSource().FindStringSubmatch(url)
		if m == nil || lock.Hashes[url] == nil {
			continue
		}
		inv.add(Package{Eco: Bazel, Name: m[2], Version: m[3], Line: lines[url], Origin: fromRegistry(m[1])})
	}
	lines = jsonKeyLines(f.Data, "moduleDepGraph")
	root := map[string]bool{}
	for _, id := range lock.Graph["<root>"].Deps {
		root[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(lock.Graph)) {
		m := lock.Graph[id]
		if id == "<root>" || m.Name == "" || m.Version == "" {
			continue // the project, and tools that are part of Bazel
		}
		inv.add(Package{ID: id, Eco: Bazel, Name: m.Name, Version: m.Version, Line: lines[id], Direct: root[id], DependsOn: slices.Sorted(maps.Values(m.Deps))})
	}
	return inv, nil
}

// parseMavenInstall reads the lockfile of rules_jvm_external; see
// https://github.com/bazel-contrib/rules_jvm_external.
func parseMavenInstall(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var lock struct {
		Artifacts map[string]struct {
			Version string
			Shasums map[string]any
		}
		Dependencies map[string][]string
		Repositories map[string]any
		Tree         *struct {
			Dependencies []struct {
				Coord, SHA256 string
				Direct        []string `json:"directDependencies"`
			}
		} `json:"dependency_tree"`
	}
	if err := decodeJSON(f.Data, &lock); err != nil {
		return inv, err
	}
	if lock.Artifacts == nil && lock.Tree == nil {
		return inv, errors.New("it has neither artifacts nor a dependency tree, so it is no lockfile of rules_jvm_external")
	}
	lines := jsonKeyLines(f.Data, "artifacts")
	for _, key := range slices.Sorted(maps.Keys(lock.Artifacts)) {
		a := lock.Artifacts[key]
		parts := strings.Split(key, ":")
		if len(parts) < 2 || a.Version == "" {
			inv.gap(gatehouse.GapUnresolved, lines[key], key, "the artifact has no version, or is not group:artifact")
			continue
		}
		p := Package{ID: key, Eco: Maven, Name: mavenName(parts[0], parts[1]), Version: a.Version, Line: lines[key], DependsOn: lock.Dependencies[key]}
		if sum, ok := a.Shasums["jar"].(string); ok {
			p.Hashes = digests(hexDigest("sha256", sum))
		}
		inv.add(p)
	}
	if lock.Tree == nil {
		return inv, nil
	}
	for _, d := range lock.Tree.Dependencies {
		parts := strings.Split(d.Coord, ":")
		if len(parts) < 3 {
			inv.gap(gatehouse.GapUnresolved, 0, d.Coord, "the coordinates are not group:artifact:version")
			continue
		}
		if slices.Contains(parts, "sources") || slices.Contains(parts, "javadoc") {
			continue
		}
		inv.add(Package{ID: d.Coord, Eco: Maven, Name: mavenName(parts[0], parts[1]), Version: parts[len(parts)-1], DependsOn: d.Direct,
			Hashes: digests(hexDigest("sha256", d.SHA256))})
	}
	return inv, nil
}

// parseVerification reads gradle/verification-metadata.xml, which has a digest
// of each artifact that a build may use, and not how they come in; see
// https://docs.gradle.org/current/userguide/dependency_verification.html.
func parseVerification(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var p Package
	known, library := false, false
	err := xmlEvents(f.Data, func(line int, around []string, e xml.StartElement) error {
		attr := func(name string) string {
			for _, a := range e.Attr {
				if a.Name.Local == name {
					return a.Value
				}
			}
			return ""
		}
		switch e.Name.Local {
		case "verification-metadata":
			known = len(around) == 0
		case "component":
			p = Package{Eco: Maven, Name: mavenName(attr("group"), attr("name")), Version: attr("version"), Line: line}
			library = false
			if attr("group") == "" || attr("name") == "" || attr("version") == "" {
				inv.gap(gatehouse.GapUnresolved, line, attr("name"), "the component has no group, name or version")
			}
		case "artifact":
			library = library || !hasAnySuffix(attr("name"), ".pom", ".module")
		case "md5", "sha1", "sha256", "sha512":
			p.Hashes = append(p.Hashes, digests(hexDigest(e.Name.Local, attr("value")))...)
		}
		return nil
	}, nil, func(_ []string, name string) {
		// What is read only for its dependencies is in no program.
		if name == "component" && library && p.Version != "" && !strings.HasPrefix(p.Name, ":") && !strings.HasSuffix(p.Name, ":") {
			inv.add(p)
		}
	})
	if err == nil && !known {
		err = errors.New("its outermost element is not verification-metadata")
	}
	return inv, err
}

// parseElm reads elm.json of an application, which names exact versions.
func parseElm(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	if yamlText(yamlField(root, "type")) != "application" {
		inv.Skip = "not an application of Elm"
		return inv, nil
	}
	for _, table := range []string{"dependencies", "test-dependencies"} {
		for _, part := range []string{"direct", "indirect"} {
			for k, v := range yamlPairs(yamlField(root, table, part)) {
				p := Package{Eco: Elm, Name: k.Value, Version: yamlText(v), Line: k.Line, Direct: part == "direct", Dev: table != "dependencies", Origin: fromRegistry("https://package.elm-lang.org")}
				if p.Dev {
					p.Scope = gatehouse.ScopeTest
				}
				inv.add(p)
			}
		}
	}
	return inv, nil
}
