package inventory

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// gemSpec is "    name (version-platform)" below "specs:".
var gemSpec = regexp.MustCompile(`^([^\s(]+)(?: \(([^)]*)\))?$`)

// parseGemfileLock reads the sections of Gemfile.lock: GEM, GIT, PATH and
// PLUGIN SOURCE have gems; DEPENDENCIES says which the project asks for.
func parseGemfileLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	section, current := "", ""
	byName := map[string][]int{} // a gem is there once for each platform
	needs := map[string][]string{}
	direct := map[string]bool{}
	n, sections := 0, 0
	for line := range strings.Lines(string(f.Data)) {
		n++
		line = strings.TrimRight(line, " \n\r")
		if line == "" {
			continue
		}
		depth, text := indent(line), strings.TrimSpace(line)
		if depth == 0 {
			section = line
			switch section {
			case "GEM", "GIT", "PATH", "PLUGIN SOURCE", "DEPENDENCIES", "PLATFORMS", "BUNDLED WITH":
				sections++
			}
			continue
		}
		m := gemSpec.FindStringSubmatch(text)
		switch {
		case section == "DEPENDENCIES" && depth == 2 && m != nil:
			direct[strings.TrimSuffix(m[1], "!")] = true
		case depth == 4 && (section == "GEM" || section == "GIT" || section == "PATH" || section == "PLUGIN SOURCE"):
			if m == nil || m[2] == "" {
				inv.gap(gatehouse.GapUnresolved, n, text, "the gem has no version")
				continue
			}
			version, _, _ := strings.Cut(m[2], "-") // the platform follows
			current = m[1]
			byName[current] = append(byName[current], len(inv.Packages))
			inv.add(Package{ID: fmt.Sprintf("%s#%d", m[1], n), Eco: Gem, Name: m[1], Version: version, Line: n, FirstParty: section == "PATH"})
		case depth == 6 && m != nil && current != "":
			needs[current] = append(needs[current], strings.TrimSuffix(m[1], "!"))
		}
	}
	for name := range direct {
		inv.Knows = append(inv.Knows, name) // a gem for another platform is only there
	}
	if sections == 0 {
		return inv, errors.New("it has none of the sections of a lockfile of bundler")
	}
	for name, all := range byName {
		for _, i := range all {
			p := &inv.Packages[i]
			p.Direct = direct[name]
			for _, need := range needs[name] {
				for _, j := range byName[need] {
					p.DependsOn = append(p.DependsOn, inv.Packages[j].ID)
				}
			}
		}
	}
	return inv, nil
}
