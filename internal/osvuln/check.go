package osvuln

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
	"github.com/gatehouse-sec/gatehouse/internal/version"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// Named returns the system with that name in the database, or nil if packages
// of it cannot be matched.
func Named(ecosystem string) *System {
	i := slices.IndexFunc(families, func(f family) bool {
		release, ok := strings.CutPrefix(ecosystem, f.ecosystem)
		if f.release == nil {
			return ok && release == ""
		}
		return ok && strings.HasPrefix(release, " ") && !strings.Contains(release[1:], " ")
	})
	if i < 0 {
		return nil
	}
	f := &families[i]
	return &System{Release: ospkg.Release{ID: f.ids[0]}, Manager: f.manager, Ecosystem: ecosystem, Label: ecosystem, family: f}
}

// candidates bounds how many advisories are tried. Nearly each gives an affected
// version.
const candidates = 1000

var lowerBound = regexp.MustCompile(`>?=\s*([^\s,|]+)`)

// Finds reports whether a package that the database itself calls affected is
// found. An error means that the database cannot be read.
func (s *System) Finds(db Database) (bool, error) {
	tried := 0
	for a, err := range db.All(s.Ecosystem) {
		if err != nil {
			return false, err
		}
		if tried++; tried > candidates {
			break
		}
		p, ok := s.affected(a)
		if !ok {
			continue
		}
		r, err := s.Match(context.Background(), db, []ospkg.Package{p})
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Rule == a.ID }) {
			return true, nil
		}
	}
	return false, nil
}

// affected is a package that an advisory is about, if one can be made.
func (s *System) affected(a vulndb.PackageAdvisory) (ospkg.Package, bool) {
	p := ospkg.Package{Name: a.Package, Source: a.Package}
	if stream, name, ok := strings.Cut(a.Package, "::"); ok && s.family.naming >= byModule {
		p.Name, p.Module = name, stream+":1:1"
	}
	if len(a.Arches) > 0 {
		p.Arch = a.Arches[0]
	}
	versions := []string{"0"}
	for _, r := range a.VulnerableVersions {
		for _, m := range lowerBound.FindAllStringSubmatch(r, -1) {
			versions = append(versions, m[1])
		}
	}
	m := matching{System: s, scheme: version.Of(s.Ecosystem)}
	for _, text := range versions {
		v, err := m.scheme.Parse(text)
		if err != nil || flavour(a.FixedVersion) != "" {
			continue
		}
		if hit, _, err := m.affects(&a.Advisory, v); err == nil && hit {
			p.Version, p.SourceVersion = text, text
			return p, true
		}
	}
	return p, false
}
