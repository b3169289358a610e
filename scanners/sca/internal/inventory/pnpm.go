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

type pnpmLock struct {
	LockfileVersion      any                     `yaml:"lockfileVersion"`
	Importers            map[string]pnpmImporter `yaml:"importers"`
	pnpmImporter         `yaml:",inline"`
	Packages             map[string]pnpmPackage `yaml:"packages"`
	Snapshots            map[string]pnpmPackage `yaml:"snapshots"`
	PackageManager       any                    `yaml:"packageManagerDependencies"`
	ConfigDependencies   any                    `yaml:"configDependencies"`
	PackageManagerLegacy any                    `yaml:"packageManager"`
}

// pnpmImporter is a package of the workspace. A dependency is a version, or a
// table with one.
type pnpmImporter struct {
	Dependencies         map[string]any `yaml:"dependencies"`
	OptionalDependencies map[string]any `yaml:"optionalDependencies"`
	DevDependencies      map[string]any `yaml:"devDependencies"`
}

type pnpmPackage struct {
	Name                 string         `yaml:"name"`
	Version              string         `yaml:"version"`
	Dev                  bool           `yaml:"dev"`
	Dependencies         map[string]any `yaml:"dependencies"`
	OptionalDependencies map[string]any `yaml:"optionalDependencies"`
	Resolution           struct {
		Type, Repo, Tarball, Directory string
	} `yaml:"resolution"`
	ID string `yaml:"id"`
}

// parsePnpmLock reads pnpm-lock.yaml of all versions; see
// https://github.com/pnpm/spec/tree/master/lockfile.
func parsePnpmLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var lock pnpmLock
	// pnpm 11 writes a document about itself before that about the project.
	environment := func() bool {
		if lock.Packages == nil && lock.Snapshots == nil && len(lock.Importers) == 0 && (lock.PackageManager != nil || lock.ConfigDependencies != nil) {
			lock = pnpmLock{}
			return true
		}
		return false
	}
	if err := decodeYAML(f.Data, &lock, environment); err != nil {
		return inv, err
	}
	text := strings.TrimSpace(fmt.Sprint(lock.LockfileVersion))
	number, err := strconv.ParseFloat(text, 64)
	switch {
	case lock.LockfileVersion == nil:
		return inv, errors.New(`it has no "lockfileVersion", so it is no lockfile of pnpm`)
	case err != nil || number < 5 || number >= 10:
		return inv, fmt.Errorf("version %q of the lockfile is not known; write it with a pnpm that uses version 9", text)
	}
	lines := yamlKeyLines(string(f.Data), "packages")
	keys := pnpmKeys{version: number}
	needs := lock.Packages
	if number >= 9 {
		needs = lock.Snapshots
	}
	edges := map[string][]string{}
	for key, p := range needs {
		for _, table := range []map[string]any{p.Dependencies, p.OptionalDependencies} {
			for name, v := range table {
				edges[keys.id(key)] = append(edges[keys.id(key)], keys.id(keys.join(name, fmt.Sprint(v))))
			}
		}
	}
	direct := map[string]bool{}
	var shipped []string
	lock.Importers = withRoot(lock)
	for _, importer := range lock.Importers {
		for i, table := range []map[string]any{importer.Dependencies, importer.OptionalDependencies, importer.DevDependencies} {
			for name, v := range table {
				if m, ok := v.(map[string]any); ok {
					v = m["version"]
				}
				id := keys.id(keys.join(name, fmt.Sprint(v)))
				direct[id] = true
				if i < 2 {
					shipped = append(shipped, id)
				}
			}
		}
	}
	prod := reach(shipped, edges)
	all := lock.Packages
	if len(all) == 0 {
		all = lock.Snapshots
	}
	seen := map[string]bool{}
	for key, p := range all {
		id := keys.id(key)
		if seen[id] {
			continue
		}
		seen[id] = true
		name, version := keys.split(key)
		entry := Package{ID: id, Eco: NPM, Name: cmp.Or(p.Name, name), Version: cmp.Or(p.Version, version), Line: lines[key],
			Direct: direct[id], Dev: len(direct) > 0 && !prod[id] || len(direct) == 0 && p.Dev, DependsOn: edges[id]}
		switch {
		case p.Resolution.Type == "directory" || p.Resolution.Directory != "":
			entry.FirstParty = true
		case p.Resolution.Type == "git" || p.Resolution.Repo != "" || strings.Contains(version, "://") || strings.Contains(version, ":"):
			if p.Version == "" {
				placeNpm(&entry, version)
				entry.Unmatched = cmp.Or(entry.Unmatched, "it is not installed from the npm registry")
			}
		}
		inv.add(entry)
	}
	return inv, nil
}

// withRoot adds the dependencies at the top level, where older versions keep
// those of a project that is no workspace.
func withRoot(lock pnpmLock) map[string]pnpmImporter {
	all := map[string]pnpmImporter{"": lock.pnpmImporter}
	for k, v := range lock.Importers {
		all[k] = v
	}
	return all
}

// pnpmKeys understands the keys of packages, such as "/@babel/core/7.1.0",
// "/lodash@4.17.4" and "debug@4.3.4(supports-color@8.1.1)".
type pnpmKeys struct{ version float64 }

// id is the key without registry and peers.
func (k pnpmKeys) id(key string) string {
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

// join makes the key of a dependency from its name and version. An alias or
// another registry is written as a whole key instead of a version.
func (k pnpmKeys) join(name, version string) string {
	switch {
	case strings.HasPrefix(version, "/"):
		return version
	case k.version >= 9:
		if n, v := splitPattern(version); v != "" && !strings.ContainsAny(n, ":(") {
			return version
		}
		return name + "@" + version
	case k.version >= 6:
		return "/" + name + "@" + version
	}
	return "/" + name + "/" + version
}

// yamlKeyLines gives the lines of the keys of a mapping at the top level, as
// long as it is written in block style.
func yamlKeyLines(text, section string) map[string]int {
	lines := map[string]int{}
	n, inside := 0, false
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		switch indent(line) {
		case 0:
			inside = line == section+":"
		case 2:
			if !inside {
				continue
			}
			key := strings.TrimSpace(line)
			if i := strings.LastIndex(key, ":"); i > 0 && i == len(key)-1 {
				key = key[:i]
			} else if before, _, ok := strings.Cut(key, ": "); ok {
				key = before
			}
			lines[strings.Trim(key, `'"`)] = n
		}
	}
	return lines
}
