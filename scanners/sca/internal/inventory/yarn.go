package inventory

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// yarnEntry is a block of yarn.lock: the patterns that it satisfies, such as
// "lodash@^4.17.0", and what they resolve to.
type yarnEntry struct {
	line, end int
	patterns  []string
	version   string
	// resolution and soft are written by yarn 2 and later; soft marks a
	// directory of the project.
	resolution string
	soft       bool
	needs      []string // patterns
}

// parseYarnLock reads the formats of yarn 1 and of yarn 2 and later.
func parseYarnLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	all := yarnEntries(string(f.Data))
	if len(all) == 0 && !strings.Contains(string(f.Data), "yarn lockfile") && !strings.Contains(string(f.Data), "__metadata:") {
		return inv, errors.New("it names no packages and does not start like a lockfile of yarn")
	}
	asked := readYarnManifests(f)
	var entries []yarnEntry
	var packages []Package
	byPattern := map[string]string{}
	for _, e := range all {
		p := yarnPackage(e)
		if p.Version == "" && !p.FirstParty {
			inv.gap(gatehouse.GapUnresolved, e.line, p.Name, fmt.Sprintf("%s has no version in the lockfile", p.Name))
			continue
		}
		for _, pattern := range e.patterns {
			byPattern[plainPattern(pattern)] = p.ID
			p.Direct = p.Direct || asked.direct[plainPattern(pattern)]
		}
		entries, packages = append(entries, e), append(packages, p)
	}
	edges := map[string][]string{}
	var shipped []string
	for i, e := range entries {
		p := &packages[i]
		for _, need := range e.needs {
			if id := byPattern[plainPattern(need)]; id != "" {
				p.DependsOn = append(p.DependsOn, id)
			}
		}
		edges[p.ID] = p.DependsOn
		for _, pattern := range e.patterns {
			if asked.shipped[plainPattern(pattern)] {
				shipped = append(shipped, p.ID)
			}
		}
	}
	prod := reach(shipped, edges)
	for i := range packages {
		packages[i].Dev = asked.known && !prod[packages[i].ID]
		inv.add(packages[i])
	}
	return inv, nil
}

// yarnShorthand is "user/repository", which means GitHub.
var yarnShorthand = regexp.MustCompile(`^[\w.-]+/[\w.-]+(#.*)?$`)

func yarnPackage(e yarnEntry) Package {
	name, spec := splitPattern(e.patterns[0])
	p := Package{Eco: NPM, Name: name, Version: e.version, Line: e.line, EndLine: e.end, FirstParty: e.soft}
	switch {
	case e.resolution != "":
		real, place := splitPattern(e.resolution)
		p.Name = cmp.Or(real, name)
		if !hasAnyPrefix(place, "npm:", "patch:", "virtual:") {
			q := p
			placeNpm(&q, place)
			p.FirstParty, p.Unmatched = p.FirstParty || q.FirstParty, q.Unmatched
		}
	case strings.HasPrefix(spec, "npm:"):
		// "foo@npm:bar@^1.0" is bar under another name.
		rest := strings.TrimPrefix(spec, "npm:")
		if i := strings.LastIndexByte(rest, '@'); i > 0 {
			p.Name = rest[:i]
		}
	case yarnShorthand.MatchString(spec):
		p.Unmatched = "it is installed from a repository and not from the npm registry"
	case strings.Contains(spec, ":"):
		q := p
		placeNpm(&q, spec)
		p.FirstParty, p.Unmatched = p.FirstParty || q.FirstParty, q.Unmatched
	}
	p.ID = fmt.Sprintf("%s@%s#%d", p.Name, p.Version, e.line)
	return p
}

// yarnEntries reads the blocks of both formats: a header without indentation
// that ends in ":", fields below it, and lists below them.
func yarnEntries(text string) []yarnEntry {
	var entries []yarnEntry
	var e *yarnEntry
	list := ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \n\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		depth := indent(line)
		field := strings.TrimSpace(line)
		if depth == 0 {
			e, list = nil, ""
			header, ok := strings.CutSuffix(field, ":")
			if !ok || header == "__metadata" {
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
		key, value := yarnField(field)
		switch {
		case depth > 2 && (list == "dependencies" || list == "optionalDependencies"):
			e.needs = append(e.needs, key+"@"+value)
		case depth > 2:
		case value == "":
			list = key
		default:
			list = ""
			switch key {
			case "version":
				e.version = value
			case "resolution":
				e.resolution = value
			case "linkType":
				e.soft = value == "soft"
			}
		}
	}
	return entries
}

func yarnPatterns(header string) []string {
	var patterns []string
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.Trim(strings.TrimSpace(one), `"`); one != "" {
			patterns = append(patterns, one)
		}
	}
	if len(patterns) == 0 {
		patterns = []string{header}
	}
	return patterns
}

// yarnField splits `key "value"` and `"key": value`.
func yarnField(s string) (key, value string) {
	if rest, ok := strings.CutPrefix(s, `"`); ok {
		key, value, _ = strings.Cut(rest, `"`)
	} else if i := strings.IndexAny(s, ": "); i >= 0 {
		key, value = s[:i], s[i:]
	} else {
		key = s
	}
	return key, strings.Trim(strings.TrimLeft(value, ": "), `"`)
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

// plainPattern leaves out the protocol of the registry, which yarn 2 adds.
func plainPattern(s string) string {
	name, spec := splitPattern(s)
	return name + "@" + strings.TrimPrefix(spec, "npm:")
}

// yarnManifests are the patterns that the package.json files ask for.
type yarnManifests struct {
	known           bool
	direct, shipped map[string]bool
}

func readYarnManifests(f *Lockfile) yarnManifests {
	m := yarnManifests{direct: map[string]bool{}, shipped: map[string]bool{}}
	for _, data := range f.context("package.json") {
		var j packageJSON
		if json.Unmarshal(data, &j) != nil {
			continue
		}
		m.known = true
		for i, table := range []map[string]any{j.Dependencies, j.OptionalDependencies, j.PeerDependencies, j.DevDependencies} {
			for name, spec := range table {
				pattern := plainPattern(fmt.Sprintf("%s@%v", name, spec))
				m.direct[pattern] = true
				if i < 3 {
					m.shipped[pattern] = true
				}
			}
		}
	}
	return m
}
