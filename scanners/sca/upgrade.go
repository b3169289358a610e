package sca

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/version"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

// target is the version to move to.
type target struct {
	// text is the smallest version known to be good that is not affected by
	// anything as bad; if each is, the smallest that is rid of this problem.
	text string
	// instead is a smaller version that is rid of this problem, but affected by
	// the advisory but; both may be empty.
	instead, but string
}

// fixedVersion is a version that some advisory about a package calls good.
type fixedVersion struct {
	text string
	v    version.Version
	// affecting are the advisories that it is affected by, by index.
	affecting []int
}

// fixedVersions are all versions that the advisories about a package call good,
// the oldest first: no others are known without asking the registry.
func fixedVersions(eco *inventory.Ecosystem, all []advisory) []fixedVersion {
	var list []fixedVersion
	seen := map[string]bool{}
	for i := range all {
		for _, text := range all[i].goodVersions() {
			v, err := eco.Compare.Parse(text)
			if err != nil || seen[text] {
				continue
			}
			seen[text] = true
			list = append(list, fixedVersion{text: text, v: v})
		}
	}
	slices.SortStableFunc(list, func(a, b fixedVersion) int { return a.v.Compare(b.v) })
	for i := range list {
		for k := range all {
			if all[k].bad == nil && all[k].affects(list[i].v) {
				list[i].affecting = append(list[i].affecting, k)
			}
		}
	}
	return list
}

// upgradeTo chooses the version to move to.
func (m *matcher) upgradeTo(p *inventory.Package, group []advisory, severity gatehouse.Severity) (target, error) {
	var t target
	known, err := m.about(p.Eco, p.Name)
	if err != nil {
		return t, err
	}
	installed, err := p.Eco.Compare.Parse(p.Version)
	if err != nil {
		return t, nil // a gap says so
	}
	known.fixedOnce.Do(func() { known.fixed = fixedVersions(p.Eco, known.list) })
	for _, c := range known.fixed {
		if c.v.Compare(installed) <= 0 || slices.ContainsFunc(group, func(a advisory) bool { return a.affects(c.v) }) {
			continue
		}
		bad := ""
		for _, k := range c.affecting {
			a := &known.list[k]
			s, err := m.severityOf(a)
			if err != nil {
				return t, err
			}
			if s >= severity {
				bad = a.ID
				break
			}
		}
		if bad == "" {
			t.text = c.text
			return t, nil
		}
		if t.instead == "" {
			t.instead, t.but = c.text, bad
		}
	}
	t.text = t.instead // better than now
	return t, nil
}

// upgrade is the smallest change of what the target asks for that removes the
// problem; nil if none is known. The clause says who is in the way of one that
// is known; mostly it is empty.
func (m *matcher) upgrade(in *place, p *inventory.Package, group []advisory, severity gatehouse.Severity, paths [][]*inventory.Package) (u *gatehouse.Upgrade, obstacle string, err error) {
	if in.manager.elsewhere {
		return nil, "", nil
	}
	t, err := m.upgradeTo(p, group, severity)
	if err != nil || t.text == "" {
		return nil, "", err
	}
	to := p.Written(t.text)
	u = &gatehouse.Upgrade{Package: p.Name, From: p.Version, To: to}
	note := ""
	switch {
	case t.but != "" && t.instead == t.text:
		note = fmt.Sprintf("; %s is still affected by %s, and no known version is not", to, t.but)
	case t.but != "":
		note = fmt.Sprintf("; %s has this fixed too, but is affected by %s", p.Written(t.instead), t.but)
	}
	switch {
	case p.Eco == inventory.Golang && p.Name == "stdlib":
		release := strings.TrimPrefix(t.text, "v")
		u.To, u.How = release, fmt.Sprintf("go get go@%s", release)
		u.Location = &gatehouse.Location{Path: in.file, Line: p.Line}
	case p.Direct || in.manager.manifest == "" && len(paths) == 0:
		direct(u, in, p, t)
	default:
		if obstacle = transitive(u, in, p, t, paths); obstacle != "" && !in.manager.forces {
			return nil, obstacle, nil
		}
	}
	u.How += note
	return u, "", nil
}

// direct is for a package that the target asks for.
func direct(u *gatehouse.Upgrade, in *place, p *inventory.Package, t target) {
	set := orGeneric(fill(in.manager.set, p, t.text), p, t.text)
	switch ok, known := admits(p, p.Requirement, t.text); {
	case ok && in.manager.refresh != "":
		u.To = ""
		u.How = fmt.Sprintf("%s: %q allows %s already", fill(in.manager.refresh, p, t.text), p.Requirement, p.Written(t.text))
	case known && in.manager.manifest != "":
		u.How = fmt.Sprintf("%s: %q does not allow %s", set, p.Requirement, p.Written(t.text))
	case !known && in.manager.refresh != "":
		u.How = fmt.Sprintf("%s; if that does not reach %s, %s", fill(in.manager.refresh, p, t.text), p.Written(t.text), set)
	default:
		u.How = set
	}
	switch {
	case p.Declared != nil:
		u.Location = p.Declared
	case in.manager.manifest == "" && p.Line > 0:
		u.Location = &gatehouse.Location{Path: in.file, Line: p.Line}
	}
}

// transitive is for a package that others need. It returns which of them does
// not allow the version to move to; empty if none is known to.
func transitive(u *gatehouse.Upgrade, in *place, p *inventory.Package, t target, paths [][]*inventory.Package) (refuses string) {
	users := in.graph.Users(p)
	ranges := 0
	for _, user := range users {
		ok, known := admits(p, user.Ranges[p.Name], t.text)
		if known {
			ranges++
		}
		if known && !ok && refuses == "" {
			refuses = fmt.Sprintf("%s asks for %s %s", user.Label(), p.Name, user.Ranges[p.Name])
		}
	}
	refresh := fill(in.manager.refresh, p, t.text)
	override := fill(in.manager.override, p, t.text)
	switch {
	case refuses == "" && ranges == len(users) && ranges > 0 && refresh != "":
		// Only the lockfile holds the old one.
		if len(paths) > 0 {
			top := paths[0][0]
			u.Package, u.From = top.Name, top.Version
		}
		u.To = ""
		u.How = fmt.Sprintf("%s: those that need it allow %s", refresh, p.Written(t.text))
	case refuses != "":
		u.How = fmt.Sprintf("%s: %s; a newer release of it may not, which is not known without asking the registry", orGeneric(override, p, t.text), refuses)
	case refresh != "" && override != "":
		u.How = fmt.Sprintf("%s; if that does not reach %s, %s", refresh, p.Written(t.text), override)
	default:
		u.How = orGeneric(cmp.Or(refresh, override), p, t.text)
	}
	if in.manager.manifest != "" && u.To != "" && !strings.Contains(in.manager.manifest, "*") {
		u.Location = &gatehouse.Location{Path: path.Join(path.Dir(in.file), in.manager.manifest)}
	}
	return refuses
}

// admits reports whether a requirement allows a version, and whether that is
// known.
func admits(p *inventory.Package, requirement, text string) (ok, known bool) {
	if strings.TrimSpace(requirement) == "" {
		return false, false
	}
	if rest, ok := strings.CutPrefix(requirement, "npm:"); ok {
		if i := strings.LastIndexByte(rest, '@'); i > 0 {
			rest = rest[i+1:]
		}
		requirement = rest
	}
	r, err := p.Eco.Compare.ParseRequirement(requirement)
	if err != nil {
		return false, false
	}
	v, err := p.Eco.Compare.Parse(text)
	if err != nil {
		return false, false
	}
	return r.Contains(v), true
}
