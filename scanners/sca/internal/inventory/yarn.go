package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// yarnPattern is what an entry of yarn.lock satisfies, such as
// "lodash@^4.17.0".
type yarnPattern struct{ name, spec string }

// yarnEntry is a block of yarn.lock: the patterns that it satisfies and what
// they resolve to.
type yarnEntry struct {
	line, end int
	patterns  []yarnPattern
	version   string
	// resolved and integrity are written by yarn 1; resolution, checksum and
	// soft by yarn 2 and later. soft marks a directory of the project.
	resolved, integrity  string
	resolution, checksum string
	soft                 bool
	needs                []yarnPattern
}

// parseYarnLock reads the formats of yarn 1 and of yarn 2 and later.
func parseYarnLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	text := string(f.Data)
	berry := strings.Contains(text, "__metadata:")
	all := yarnEntries(text, &inv)
	if len(all) == 0 && !strings.Contains(text, "yarn lockfile") && !berry {
		return inv, errors.New("it names no packages and does not start like a lockfile of yarn")
	}
	asked := npmAsks(f)
	origins := npmOrigins{}
	byPattern := make(map[yarnPattern]int, 2*len(all))
	entries := make([]*yarnEntry, 0, len(all))
	inv.Packages = make([]Package, 0, len(all))
	for i := range all {
		e := &all[i]
		p := yarnPackage(e, origins)
		if p.Version == "" && !p.FirstParty {
			inv.gap(gatehouse.GapUnresolved, e.line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
			continue
		}
		for _, pattern := range e.patterns {
			byPattern[pattern.plain()] = len(entries)
		}
		entries = append(entries, e)
		inv.add(p)
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		for _, pattern := range e.patterns {
			names[pattern.name] = true
		}
	}
	missing := map[string]bool{}
	scopes := map[string]gatehouse.Scope{}
	for i, e := range entries {
		p := &inv.Packages[i]
		for _, need := range e.needs {
			name := need.name
			j, ok := byPattern[need.plain()]
			if ok {
				q := &inv.Packages[j]
				name = q.Name
				if e.soft {
					// Without manifests, this is all that says what is direct.
					q.Direct = true
				} else {
					p.DependsOn = append(p.DependsOn, q.ID)
				}
			}
			if !names[need.name] && need.spec != "" {
				missing[need.name] = true
			}
			if p.Ranges == nil {
				p.Ranges = make(map[string]string, len(e.needs))
			}
			p.Ranges[name] = strings.TrimPrefix(need.spec, "npm:")
		}
		for _, pattern := range e.patterns {
			for _, a := range asked[pattern.name] {
				if (yarnPattern{a.name, a.requirement}).plain() != pattern.plain() {
					continue
				}
				p.Direct = true
				p.declare([]ask{a})
				scopes[p.ID] = wider(scopes[p.ID], a.scope)
			}
		}
	}
	inv.tellMissing(missing)
	inv.spreadScopes(scopes)
	if len(asked) > 0 {
		// What nothing leads to is there for who develops, or not at all.
		for i := range inv.Packages {
			if p := &inv.Packages[i]; p.Scope == "" {
				p.Dev = true
			}
		}
	}
	return inv, nil
}

// plain leaves out the protocol of the registry, which yarn 2 adds.
func (y yarnPattern) plain() yarnPattern {
	y.spec = strings.TrimPrefix(y.spec, "npm:")
	return y
}

// yarnShorthand is "user/repository", which means GitHub.
var yarnShorthand = lazyregexp.New(`^[\w.-]+/[\w.-]+(#.*)?$`)

func yarnPackage(e *yarnEntry, origins npmOrigins) Package {
	name, spec := e.patterns[0].name, e.patterns[0].spec
	p := Package{Eco: NPM, Name: name, Version: e.version, Line: e.line, EndLine: e.end, FirstParty: e.soft, Hashes: sriDigests(e.integrity)}
	place := spec
	switch {
	case e.resolution != "":
		var real string
		real, place = splitPattern(e.resolution)
		p.Name = cmp.Or(real, name)
		if hasAnyPrefix(place, "npm:", "patch:", "virtual:") {
			p.Origin = origins.registry("https://registry.npmjs.org")
			break
		}
		p.placed(place)
	case strings.HasPrefix(spec, "npm:"):
		// "foo@npm:bar@^1.0" is bar under another name.
		rest := strings.TrimPrefix(spec, "npm:")
		if i := strings.LastIndexByte(rest, '@'); i > 0 {
			p.Name = rest[:i]
		}
	case strings.IndexByte(spec, '/') >= 0 && yarnShorthand().MatchString(spec):
		p.Unmatched = "it is installed from a repository and not from the npm registry"
		p.Origin = placeOrigin("github:"+spec, false)
	case strings.IndexByte(spec, ':') >= 0:
		p.placed(spec)
	}
	// "10c0/" is the version of the cache, whose archives the digest is of.
	if _, sum, ok := strings.Cut(e.checksum, "/"); ok || e.checksum != "" {
		p.Hashes = digests(hexDigest("sha512", cmp.Or(sum, e.checksum)))
	}
	if e.resolved != "" {
		url, sum, _ := strings.Cut(e.resolved, "#")
		sha1 := hexDigest("sha1", sum)
		if p.Origin == nil || p.Origin.Kind != "path" {
			if sha1 != "" && strings.HasSuffix(url, ".git") || strings.HasPrefix(url, "git") || codeload().MatchString(url) {
				p.Origin = origins.of(e.resolved, p.Name, true)
			} else {
				p.Origin = cmp.Or(origins.of(url, p.Name, sha1 != "" || len(p.Hashes) > 0), p.Origin)
				p.Hashes = append(p.Hashes, digests(sha1)...)
			}
		}
	}
	p.ID = p.Name + "@" + p.Version + "#" + strconv.Itoa(e.line)
	return p
}

// placed notes that a package is somewhere else than in the registry.
func (p *Package) placed(place string) {
	q := *p
	placeNpm(&q, place)
	p.FirstParty, p.Unmatched = p.FirstParty || q.FirstParty, q.Unmatched
	p.Origin = placeOrigin(place, len(p.Hashes) > 0)
}

// yarnEntries reads the blocks of both formats: a header without indentation
// that ends in ":", fields below it, and lists below them. A line that is none
// of these is a gap.
func yarnEntries(text string, inv *Inventory) []yarnEntry {
	entries := make([]yarnEntry, 0, strings.Count(text, "\n\n"))
	var e *yarnEntry
	list := ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \n\r")
		if line == "" || line[0] == '#' {
			continue
		}
		depth := indent(line)
		field := line[depth:]
		if depth == 0 {
			e, list = nil, ""
			header, ok := strings.CutSuffix(field, ":")
			if header == "__metadata" {
				continue
			}
			if !ok {
				inv.gap(gatehouse.GapParse, n, field[:min(len(field), 80)], "the line starts no entry of yarn.lock, so it is not known what it names; the file may be cut short")
				continue
			}
			entries = append(entries, yarnEntry{line: n, end: n, patterns: yarnPatterns(header)})
			e = &entries[len(entries)-1]
			continue
		}
		if e == nil {
			continue
		}
		e.end = n
		key, value, ok := yarnField(field)
		if !ok {
			inv.gap(gatehouse.GapParse, n, e.patterns[0].name, "the line is broken off within quotes; the file may be cut short")
		}
		switch {
		case depth > 2 && (list == "dependencies" || list == "optionalDependencies"):
			if value == "" {
				inv.gap(gatehouse.GapParse, n, key, fmt.Sprintf("it is not said which %s is needed; the file may be cut short", key))
			}
			if !strings.HasPrefix(value, "virtual:") {
				e.needs = append(e.needs, yarnPattern{key, value})
			}
		case depth > 2:
		case value == "":
			list = key
		default:
			list = ""
			e.set(key, value)
		}
	}
	return entries
}

func (e *yarnEntry) set(key, value string) {
	switch key {
	case "version":
		e.version = value
	case "resolved":
		e.resolved = value
	case "integrity":
		e.integrity = value
	case "resolution":
		e.resolution = value
	case "checksum":
		e.checksum = value
	case "linkType":
		e.soft = value == "soft"
	}
}

func yarnPatterns(header string) []yarnPattern {
	patterns := make([]yarnPattern, 0, 1+strings.Count(header, ","))
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.Trim(one, ` "`); one != "" {
			name, spec := splitPattern(one)
			patterns = append(patterns, yarnPattern{name, spec})
		}
	}
	if len(patterns) == 0 {
		patterns = append(patterns, yarnPattern{name: header})
	}
	return patterns
}

// yarnField splits `key "value"` and `"key": value`; false if a quote is not
// closed.
func yarnField(s string) (key, value string, ok bool) {
	ok = true
	if s[0] == '"' {
		key, value, ok = strings.Cut(s[1:], `"`)
	} else if i := strings.IndexAny(s, ": "); i >= 0 {
		key, value = s[:i], s[i:]
	} else {
		return s, "", true
	}
	value = strings.TrimLeft(value, ": ")
	if strings.HasPrefix(value, `"`) && (len(value) == 1 || !strings.HasSuffix(value, `"`)) {
		ok = false
	}
	return key, strings.Trim(value, `"`), ok
}

// splitPattern splits "name@spec"; the name may be scoped.
func splitPattern(s string) (name, spec string) {
	if s == "" {
		return "", ""
	}
	if i := strings.IndexByte(s[1:], '@'); i >= 0 {
		return s[:i+1], s[i+2:]
	}
	return s, ""
}
