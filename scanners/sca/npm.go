package sca

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

func parseNpmLock(f *lockfile) (inventory, error) {
	data := f.data
	if err := checkNesting(data); err != nil {
		return inventory{}, err
	}
	var lock npmLock
	if err := json.Unmarshal(data, &lock); err != nil {
		return inventory{}, jsonError(data, err)
	}
	switch {
	case lock.LockfileVersion == nil && lock.Dependencies == nil && lock.Packages == nil:
		return inventory{}, errors.New(`it has none of "lockfileVersion", "packages" and "dependencies", so it is no lockfile of npm`)
	case lock.Packages == nil:
		// npm before version 5 wrote no version, and "dependencies" is that of
		// version 1; see https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json.
		data = asVersion1(data, lock.LockfileVersion != nil)
	}
	if v, ok := lock.LockfileVersion.(float64); ok && v > 3 {
		return inventory{}, fmt.Errorf("version %v of the lockfile is not known; write it with an npm that uses version 3", v)
	}
	inv, err := readTrivy(npm, newNpmParser(), data)
	if err != nil {
		return inv, err
	}
	have := map[string]bool{}
	for i := range inv.packages {
		p := &inv.packages[i]
		have[p.name+"@"+p.version] = true
		placeNpm(p, p.version)
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
			extra := pkg{eco: npm, name: name, version: p.Version, dev: p.Dev}
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
func placeNpm(p *pkg, resolution string) {
	rest, alias := strings.CutPrefix(resolution, "npm:")
	switch {
	case alias:
		p.version = rest
		if i := strings.LastIndexByte(rest, '@'); i > 0 {
			p.name, p.version = rest[:i], rest[i+1:]
		}
	case strings.HasPrefix(resolution, "file:") && hasAnySuffix(resolution, ".tgz", ".tar.gz"):
		p.unmatched = "it is installed from an archive in the project and not from the npm registry"
	case hasAnyPrefix(resolution, "file:", "link:", "portal:", "workspace:"):
		p.firstParty = true
	case strings.Contains(resolution, "://"), hasAnyPrefix(resolution, "git", "github:", "bitbucket:", "gist:"):
		if m := tarball.FindStringSubmatch(resolution); m != nil {
			p.version = m[1]
			return
		}
		p.version = redactURL(resolution)
		p.unmatched = "it is not installed from the npm registry"
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
func markDirect(inv *inventory, f *lockfile) {
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
	for i := range inv.packages {
		if direct[inv.packages[i].name] {
			inv.packages[i].direct = true
		}
	}
}

func parseBunLock(f *lockfile) (inventory, error) {
	inv, err := readTrivy(npm, newBunParser(), f.data)
	if err != nil {
		return inv, err
	}
	for i := range inv.packages {
		p := &inv.packages[i]
		// The parser names a package by its place ("a/b" is b as a has it), and
		// leaves the real name in the version if it differs.
		if p.version != "" {
			if at := strings.IndexByte(p.version[1:], '@') + 1; at > 0 && !strings.Contains(p.version[:at], ":") {
				p.name, p.version = p.version[:at], p.version[at+1:]
			}
		}
		placeNpm(p, p.version)
	}
	return inv, inv.need(f.data, `"lockfileVersion"`)
}
