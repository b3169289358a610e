package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// npmLock is what is needed of package-lock.json beyond what the parser gives.
type npmLock struct {
	LockfileVersion any
	Dependencies    map[string]json.RawMessage
	Packages        map[string]struct {
		Name, Version, Resolved string
		Link, Dev               bool
	}
}

func parseNpmLock(f *Lockfile) (Inventory, error) {
	data := f.Data
	if err := checkNesting(data); err != nil {
		return Inventory{}, err
	}
	var lock npmLock
	if err := json.Unmarshal(data, &lock); err != nil {
		return Inventory{}, jsonError(data, err)
	}
	switch {
	case lock.LockfileVersion == nil && lock.Dependencies == nil && lock.Packages == nil:
		return Inventory{}, errors.New(`it has none of "lockfileVersion", "packages" and "dependencies", so it is no lockfile of npm`)
	case lock.Packages == nil:
		// npm before version 5 wrote no version, and "dependencies" is that of
		// version 1; see https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json.
		data = asVersion1(data, lock.LockfileVersion != nil)
	}
	if v, ok := lock.LockfileVersion.(float64); ok && v > 3 {
		return Inventory{}, fmt.Errorf("version %v of the lockfile is not known; write it with an npm that uses version 3", v)
	}
	inv, err := readTrivy(NPM, newNpmParser(), data)
	if err != nil {
		return inv, err
	}
	have := map[string]bool{}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		have[p.Name+"@"+p.Version] = true
		placeNpm(p, p.Version)
	}
	// The parser leaves out packages that are not below the root directory.
	for at, p := range lock.Packages {
		i := strings.LastIndex(at, "node_modules/")
		if i < 0 || p.Link {
			continue
		}
		name := p.Name
		if name == "" {
			name = at[i+len("node_modules/"):]
		}
		if name != "" && !have[name+"@"+p.Version] {
			have[name+"@"+p.Version] = true
			extra := Package{Eco: NPM, Name: name, Version: p.Version, Dev: p.Dev}
			placeNpm(&extra, p.Version)
			inv.add(extra)
		}
	}
	if lock.Packages == nil {
		markDirect(&inv, f)
	}
	return inv, nil
}

// asVersion1 makes the lockfile say that it is of version 1, on the same lines.
func asVersion1(data []byte, has bool) []byte {
	if has {
		return lockfileVersion.ReplaceAll(data, []byte(`"lockfileVersion": 1`))
	}
	i := bytes.IndexByte(data, '{')
	return bytes.Join([][]byte{data[:i+1], []byte(`"lockfileVersion":1,`), data[i+1:]}, nil)
}

var lockfileVersion = regexp.MustCompile(`"lockfileVersion"\s*:\s*[0-9"]+`)

var tarball = regexp.MustCompile(`/-/[^/]*?-(\d+\.\d+\.\d+[^/]*)\.tgz(?:$|[?#])`)

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
		if m := tarball.FindStringSubmatch(resolution); m != nil {
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

// markDirect marks the packages that a package.json beside or below the lock
// asks for.
func markDirect(inv *Inventory, f *Lockfile) {
	direct := map[string]bool{}
	for _, data := range f.context("package.json") {
		var m packageJSON
		if json.Unmarshal(data, &m) != nil {
			continue
		}
		for _, table := range []map[string]any{m.Dependencies, m.DevDependencies, m.OptionalDependencies, m.PeerDependencies} {
			for name := range table {
				direct[name] = true
			}
		}
	}
	for i := range inv.Packages {
		if direct[inv.Packages[i].Name] {
			inv.Packages[i].Direct = true
		}
	}
}

func parseBunLock(f *Lockfile) (Inventory, error) {
	inv, err := readTrivy(NPM, newBunParser(), f.Data)
	if err != nil {
		return inv, err
	}
	for i := range inv.Packages {
		p := &inv.Packages[i]
		// The parser names a package by its place ("a/b" is b as a has it), and
		// leaves the real name in the version if it differs.
		if p.Version != "" {
			if at := strings.IndexByte(p.Version[1:], '@') + 1; at > 0 && !strings.Contains(p.Version[:at], ":") {
				p.Name, p.Version = p.Version[:at], p.Version[at+1:]
			}
		}
		placeNpm(p, p.Version)
	}
	return inv, inv.need(f.Data, `"lockfileVersion"`)
}
