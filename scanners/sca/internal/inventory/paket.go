package inventory

import (
	"errors"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

var paketLine = lazyregexp.New(`^([^\s(]+)\s*\(([^)]*)\)`)

// parsePaketLock reads paket.lock; see
// https://fsprojects.github.io/Paket/lock-file.html.
func parsePaketLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	n, section, remote, group := 0, "", "", ""
	known := false
	for line := range strings.Lines(string(f.Data)) {
		n++
		line = strings.TrimRight(line, " \r\n")
		word := strings.TrimSpace(line)
		depth := indent(line)
		switch {
		case word == "":
		case depth == 0:
			section = word
			if name, ok := strings.CutPrefix(word, "GROUP "); ok {
				group, section = strings.ToLower(name), ""
			}
			known = known || section == "NUGET" || section == "GITHUB" || section == "HTTP" || section == "GIT" || section == "GIST"
		case strings.HasPrefix(word, "remote:"):
			remote = strings.TrimSpace(word[len("remote:"):])
		case strings.HasPrefix(word, "specs:") || depth == 2:
		case depth == 4:
			inv.addPaket(section, remote, group, word, n)
		case depth == 6 && section == "NUGET" && len(inv.Packages) > 0:
			name, _, _ := strings.Cut(word, " ")
			p := &inv.Packages[len(inv.Packages)-1]
			p.DependsOn = append(p.DependsOn, group+"/"+strings.ToLower(name))
		}
	}
	if !known {
		return inv, errors.New("it has none of the sections of paket.lock (NUGET, GITHUB, HTTP, GIT)")
	}
	return inv, nil
}

func (inv *Inventory) addPaket(section, remote, group, word string, line int) {
	m := paketLine().FindStringSubmatch(word)
	if m == nil {
		inv.gap(gatehouse.GapUnresolved, line, word, "the entry has no version")
		return
	}
	p := Package{ID: group + "/" + strings.ToLower(m[1]), Eco: NuGet, Name: m[1], Version: m[2], Line: line}
	if strings.Contains(group, "test") || group == "build" {
		p.Dev = true
		p.Scope = gatehouse.ScopeBuild
		if strings.Contains(group, "test") {
			p.Scope = gatehouse.ScopeTest
		}
	}
	switch section {
	case "NUGET":
		p.Origin = fromRegistry(remote)
	case "GITHUB", "GIST":
		p.Eco, p.Name = GitHub, remote
		p.ID += "@" + remote
		p.Origin = repository("https://github.com/"+remote, m[2])
	case "GIT":
		p.Eco, p.Name = Generic, vcsName(redactURL(remote))
		p.Origin = repository(remote, m[2])
	default:
		p.Eco, p.Version = Generic, ""
		p.Origin = &gatehouse.Origin{Kind: "url", URL: redactURL(remote)}
	}
	inv.add(p)
}
