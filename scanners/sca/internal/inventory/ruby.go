package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// gemSpec is "    name (version-platform)" below "specs:".
var gemSpec = lazyregexp.New(`^([^\s(]+)(?: \(([^)]*)\))?$`)

// gemChecksum is "  name (version) sha256=…" below CHECKSUMS.
var gemChecksum = lazyregexp.New(`^(\S+ \([^)]*\))((?: \w+=[0-9a-fA-F]+)+)$`)

// gemLock reads Gemfile.lock line by line.
type gemLock struct {
	inv      Inventory
	section  string
	origin   *gatehouse.Origin
	current  string
	byName   map[string][]int // a gem is there once for each platform
	versions []string         // of each package, with the platform
	needs    map[string][][2]string
	direct   map[string]string // to requirements
	hashes   map[string][]string
}

// parseGemfileLock reads the sections of Gemfile.lock: GEM, GIT, PATH and
// PLUGIN SOURCE have gems; DEPENDENCIES says which the project asks for.
func parseGemfileLock(f *Lockfile) (Inventory, error) {
	l := gemLock{byName: map[string][]int{}, needs: map[string][][2]string{}, direct: map[string]string{}, hashes: map[string][]string{}}
	n, sections := 0, map[string]bool{}
	for line := range strings.Lines(string(f.Data)) {
		n++
		line = strings.TrimRight(line, " \n\r")
		if line == "" {
			continue
		}
		if indent(line) == 0 {
			l.section, l.origin, l.current = line, nil, ""
			switch line {
			case "GEM", "GIT", "PATH", "PLUGIN SOURCE", "DEPENDENCIES", "PLATFORMS", "BUNDLED WITH":
				sections[line] = true
			}
			continue
		}
		l.line(line, n)
	}
	for name := range l.direct {
		l.inv.Knows = append(l.inv.Knows, name) // a gem for another platform is only there
	}
	if len(sections) == 0 {
		return l.inv, errors.New("it has none of the sections of a lockfile of bundler")
	}
	if sections["GEM"] && !sections["DEPENDENCIES"] && strings.Contains(string(f.Data), "\n  remote:") {
		l.inv.gap(gatehouse.GapParse, 0, "DEPENDENCIES", "it has no DEPENDENCIES, which stand below the gems; it is cut short, so make it anew")
	}
	l.connect()
	l.declare(f)
	return l.inv, nil
}

func (l *gemLock) line(line string, n int) {
	depth := indent(line)
	text := line[depth:]
	switch l.section {
	case "DEPENDENCIES":
		if m := gemSpec().FindStringSubmatch(strings.TrimSuffix(text, "!")); m != nil && depth == 2 {
			l.direct[strings.TrimSuffix(m[1], "!")] = m[2]
		}
	case "CHECKSUMS":
		if m := gemChecksum().FindStringSubmatch(text); m != nil {
			for one := range strings.FieldsSeq(m[2]) {
				algorithm, sum, _ := strings.Cut(one, "=")
				l.hashes[m[1]] = append(l.hashes[m[1]], digests(hexDigest(algorithm, sum))...)
			}
		}
	case "GEM", "GIT", "PATH", "PLUGIN SOURCE":
		switch depth {
		case 2:
			l.source(text)
		case 4:
			l.gem(text, n)
		case 6:
			if m := gemSpec().FindStringSubmatch(text); m != nil && l.current != "" {
				l.needs[l.current] = append(l.needs[l.current], [2]string{strings.TrimSuffix(m[1], "!"), m[2]})
			} else {
				l.inv.gap(gatehouse.GapParse, n, l.current, "the line names no gem; the file may be cut short")
			}
		}
	}
}

// source reads what is above "specs:".
func (l *gemLock) source(text string) {
	key, value, _ := strings.Cut(text, ": ")
	value = strings.Clone(value)
	switch {
	case key == "remote" && l.origin != nil && l.origin.Kind == "registry":
		l.origin.URL += " " + redactURL(value) // any of several
	case key == "remote" && l.section == "GIT":
		l.origin = repository(value, "")
	case key == "remote" && l.section == "PATH":
		l.origin = &gatehouse.Origin{Kind: "path", URL: value, Pinned: true}
	case key == "remote":
		l.origin = fromRegistry(strings.TrimSuffix(value, "/"))
	case key == "revision" && l.origin != nil:
		l.origin.Revision, l.origin.Pinned = value, commitID(value)
	}
}

func (l *gemLock) gem(text string, n int) {
	m := gemSpec().FindStringSubmatch(text)
	if m == nil || m[2] == "" {
		l.inv.gap(gatehouse.GapUnresolved, n, text, "the gem has no version")
		return
	}
	version, _, _ := strings.Cut(m[2], "-") // the platform follows
	l.current = m[1]
	l.byName[m[1]] = append(l.byName[m[1]], len(l.inv.Packages))
	l.versions = append(l.versions, text)
	l.inv.add(Package{ID: fmt.Sprintf("%s#%d", m[1], n), Eco: Gem, Name: m[1], Version: version, Line: n, FirstParty: l.section == "PATH", Origin: l.origin})
}

func (l *gemLock) connect() {
	missing := map[string]bool{}
	for name, all := range l.byName {
		ranges := map[string]string{}
		var ids []string
		for _, need := range l.needs[name] {
			ranges[need[0]] = need[1]
			for _, j := range l.byName[need[0]] {
				ids = append(ids, l.inv.Packages[j].ID)
			}
			if l.byName[need[0]] == nil && need[0] != "bundler" {
				missing[need[0]] = true
			}
		}
		requirement, direct := l.direct[name]
		for _, i := range all {
			p := &l.inv.Packages[i]
			p.Direct, p.Requirement = direct, requirement
			p.DependsOn, p.Hashes = ids, l.hashes[l.versions[i]]
			if len(ranges) > 0 {
				p.Ranges = ranges
			}
		}
	}
	l.inv.tellMissing(missing)
}

// declare takes lines and groups from the Gemfile.
func (l *gemLock) declare(f *Lockfile) {
	asked := gemfileAsks(f)
	if len(asked) == 0 {
		return
	}
	scopes := map[string]gatehouse.Scope{}
	for i := range l.inv.Packages {
		p := &l.inv.Packages[i]
		if !p.Direct {
			continue
		}
		all := asked[p.Name]
		p.declare(all)
		scope := widest(all)
		if scope == "" {
			scope = gatehouse.ScopeRuntime
		}
		scopes[p.ID] = scope
	}
	l.inv.spreadScopes(scopes)
}

var (
	gemfileGem   = lazyregexp.New(`^\s*gem[ (]+["']([^"']+)["']((?:\s*,\s*["'][^"']*["'])*)(.*)$`)
	gemfileGroup = lazyregexp.New(`^\s*group[ (]+((?::\w+|["']\w+["'])(?:\s*,\s*(?::\w+|["']\w+["']))*)[^#]*\bdo\b`)
	gemfileBlock = lazyregexp.New(`\bdo\b\s*(?:\|[^|]*\|)?\s*(?:#.*)?$|^\s*(?:if|unless|case|begin|def|while)\b`)
	gemfileIn    = lazyregexp.New(`(?::groups?\s*=>|\bgroups?:)\s*(\[[^\]]*\]|:\w+|["']\w+["'])`)
	gemfileEnd   = lazyregexp.New(`^\s*end\b`)
	rubyWord     = lazyregexp.New(`\w+`)
)

// gemfileAsks reads what the Gemfile asks for. It is a program, of which only
// the usual lines are understood.
func gemfileAsks(f *Lockfile) asks {
	found := asks{}
	for _, p := range append(f.manifests("Gemfile"), f.manifests("gems.rb")...) {
		var blocks []gatehouse.Scope
		n := 0
		for line := range strings.Lines(string(PlainText(f.Others[p].Data))) {
			n++
			line = strings.TrimRight(line, "\r\n")
			if m := gemfileGem().FindStringSubmatch(line); m != nil {
				a := ask{name: m[1], scope: gatehouse.ScopeRuntime, workspace: workspaceOf(f.Path, p), at: gatehouse.Location{Path: p, Line: n},
					requirement: strings.Join(strings.Fields(strings.NewReplacer(`"`, "", `'`, "").Replace(strings.TrimLeft(m[2], " ,"))), " ")}
				for _, s := range blocks {
					if s != "" {
						a.scope = s
					}
				}
				if in := gemfileIn().FindStringSubmatch(m[3]); in != nil {
					a.scope = groupsScope(rubyWord().FindAllString(in[1], -1))
				}
				found.add(a)
				continue
			}
			switch m := gemfileGroup().FindStringSubmatch(line); {
			case m != nil:
				blocks = append(blocks, groupsScope(rubyWord().FindAllString(m[1], -1)))
			case gemfileBlock().MatchString(line):
				blocks = append(blocks, "")
			case gemfileEnd().MatchString(line) && len(blocks) > 0:
				blocks = blocks[:len(blocks)-1]
			}
		}
	}
	return found
}
