package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

type denoPackage struct {
	Integrity string
	// Dependencies are a map from names to ids before version 4, and a list of
	// ids since.
	Dependencies any
	Scripts      bool
	Deprecated   any
}

type denoLock struct {
	Version any
	NPM     json.RawMessage
	JSR     map[string]denoPackage
	// Specifiers are what is asked for, and what it became.
	Specifiers map[string]string
	Remote     map[string]string
	Workspace  struct{ Dependencies []string }
	Packages   struct { // version 3
		Specifiers map[string]string
		NPM        map[string]denoPackage
		JSR        map[string]denoPackage
	}
}

// parseDenoLock reads deno.lock of versions 2 to 5: packages of npm and JSR,
// and modules that are imported by URL; see
// https://docs.deno.com/runtime/fundamentals/modules.
func parseDenoLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var lock denoLock
	if err := decodeJSON(f.Data, &lock); err != nil {
		return inv, err
	}
	if v, _ := lock.Version.(string); v == "" {
		// Version 1 is a map from URLs to digests.
		if err := json.Unmarshal(f.Data, &lock.Remote); err != nil {
			return inv, errors.New(`it has no "version", so it is no lockfile of deno`)
		}
	} else if !strings.Contains(" 1 2 3 4 5 ", " "+v+" ") {
		return inv, fmt.Errorf("version %q of the lockfile is not known; write it with a deno that uses version 5", v)
	}
	npm, specifiers := lock.Packages.NPM, lock.Packages.Specifiers
	if lock.NPM != nil {
		var v2 struct {
			Specifiers map[string]string
			Packages   map[string]denoPackage
		}
		if lock.Version == "2" {
			if err := json.Unmarshal(lock.NPM, &v2); err != nil {
				return inv, jsonError(f.Data, err)
			}
			npm, specifiers = v2.Packages, v2.Specifiers
		} else if err := json.Unmarshal(lock.NPM, &npm); err != nil {
			return inv, jsonError(f.Data, err)
		}
	}
	jsr := lock.JSR
	if jsr == nil {
		jsr = lock.Packages.JSR
	}
	asked := map[string]string{} // id to what is asked for
	for spec, to := range lock.Specifiers {
		asked[denoID(spec, to)] = spec
	}
	for spec, to := range specifiers {
		asked[denoID(spec, to)] = spec
	}
	lines := denoLines(f.Data)
	add := func(eco *Ecosystem, prefix string, packages map[string]denoPackage) {
		for _, key := range slices.Sorted(maps.Keys(packages)) {
			d := packages[key]
			// Behind an underscore are the peers that it was resolved with.
			plain, _, _ := strings.Cut(key, "_")
			if i := strings.LastIndexByte(key, '@'); i > 0 && !strings.Contains(plain, "@") {
				plain = key
			}
			i := strings.LastIndexByte(plain, '@')
			if i <= 0 {
				inv.gap(gatehouse.GapUnresolved, lines[key], key, "the package has no version")
				continue
			}
			p := Package{ID: prefix + key, Eco: eco, Name: plain[:i], Version: plain[i+1:], Line: lines[key], InstallScript: d.Scripts}
			if spec, ok := asked[prefix+key]; ok {
				p.Direct = true
				if at := strings.LastIndexByte(spec, '@'); at > len(prefix)+1 {
					p.Requirement = spec[at+1:]
				}
			}
			if eco == NPM {
				p.Hashes, p.Origin = sriDigests(d.Integrity), fromRegistry("https://registry.npmjs.org")
			} else {
				p.Hashes, p.Origin = digests(hexDigest("sha256", d.Integrity)), fromRegistry("https://jsr.io")
			}
			for _, to := range denoNeeds(d.Dependencies) {
				p.DependsOn = append(p.DependsOn, denoTarget(prefix, to, lock.Specifiers, specifiers, packages))
			}
			slices.Sort(p.DependsOn)
			inv.add(p)
		}
	}
	add(NPM, "npm:", npm)
	add(JSR, "jsr:", jsr)
	inv.addRemote(lock.Remote)
	return inv, nil
}

// denoID is the id of what a specifier became: a version since version 4 of the
// format, and an id before.
func denoID(spec, to string) string {
	prefix, rest, ok := strings.Cut(spec, ":")
	if !ok {
		// Version 2 knows npm only.
		return "npm:" + to
	}
	if strings.Contains(to, ":") {
		return to
	}
	if i := strings.LastIndexByte(rest, '@'); i > 0 {
		rest = rest[:i]
	}
	return prefix + ":" + rest + "@" + to
}

func denoNeeds(v any) []string {
	if m, ok := v.(map[string]any); ok {
		var ids []string
		for _, to := range m {
			if s, ok := to.(string); ok {
				ids = append(ids, s)
			}
		}
		return ids
	}
	return stringList(v)
}

// denoTarget is the id of a dependency: an id, the name of a package of which
// there is one version only, or a specifier.
func denoTarget(prefix, to string, specifiers, older map[string]string, packages map[string]denoPackage) string {
	for _, m := range []map[string]string{specifiers, older} {
		if v, ok := m[to]; ok {
			return denoID(to, v)
		}
	}
	if _, ok := packages[to]; ok {
		return prefix + to
	}
	if strings.HasPrefix(to, "npm:") || strings.HasPrefix(to, "jsr:") {
		for spec, v := range specifiers {
			if strings.HasPrefix(spec, to+"@") {
				return denoID(spec, v)
			}
		}
		return to
	}
	var found string
	for key := range packages {
		if strings.HasPrefix(key, to+"@") && (found == "" || key < found) {
			found = key
		}
	}
	return prefix + found
}

// denoLines are the lines of all keys that look like a package.
func denoLines(data []byte) map[string]int {
	lines := map[string]int{}
	for _, at := range [][]string{{"npm"}, {"npm", "packages"}, {"jsr"}, {"packages", "npm"}, {"packages", "jsr"}} {
		for key, line := range jsonKeyLines(data, at...) {
			if lines[key] == 0 {
				lines[key] = line
			}
		}
	}
	return lines
}

var denoModule = lazyregexp.New(`^https://((?:deno\.land/(?:x/)?|esm\.sh/(?:v\d+/)?|cdn\.jsdelivr\.net/npm/|unpkg\.com/|cdn\.skypack\.dev/)((?:@[^/@]+/)?[^/@]+))@([^/?&]+)`)

// addRemote adds the modules that are imported by URL, one for all their files.
func (inv *Inventory) addRemote(remote map[string]string) {
	seen := map[string]bool{}
	for _, url := range slices.Sorted(maps.Keys(remote)) {
		m := denoModule().FindStringSubmatch(url)
		p := Package{Eco: Generic, Direct: true}
		switch {
		case m == nil:
			plain := redactURL(url)
			_, p.Name, _ = strings.Cut(plain, "://")
			p.Hashes = digests(hexDigest("sha256", remote[url]))
			p.Origin = &gatehouse.Origin{Kind: "url", URL: plain, Pinned: len(p.Hashes) > 0}
		case strings.HasPrefix(m[1], "deno.land/"):
			p.Name, p.Version = m[1], strings.TrimPrefix(m[3], "v")
			p.Origin = fromRegistry("https://deno.land")
		default: // a mirror of npm
			p.Eco, p.Name, p.Version = NPM, m[2], m[3]
			host, _, _ := strings.Cut(m[1], "/")
			p.Origin = fromRegistry("https://" + host)
		}
		if !seen[p.key()] {
			seen[p.key()] = true
			inv.add(p)
		}
	}
}
