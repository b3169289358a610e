package sca

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

// place is what a package is looked at in.
type place struct {
	file    string
	graph   *inventory.Graph
	manager *manager
}

// mostPaths is how many ways to a package a finding shows.
const mostPaths = 5

// finding describes one problem of one package; group are the advisories that
// are one under several names.
func (m *matcher) finding(in *place, p *inventory.Package, group []advisory) (gatehouse.Finding, error) {
	id := group[0].ID
	v := &gatehouse.Vulnerability{Package: p.Identity(), Source: group[0].Source.Name, Direct: p.Direct, Scope: p.Scope}
	f := gatehouse.Finding{
		Rule:          id,
		Kind:          gatehouse.KindVulnerability,
		Location:      gatehouse.Location{Path: in.file, Line: p.Line},
		Fingerprint:   gatehouse.Fingerprint(gatehouse.KindVulnerability, id, p.Eco.PackageURL(p.Name, "")),
		Vulnerability: v,
	}
	about := ""
	for i := range group {
		a := &group[i]
		d, err := m.detail(a.ID)
		if err != nil {
			return f, err
		}
		f.Severity = max(f.Severity, a.Severity, d.SeverityOf(a.Source.ID))
		d.Describe(v)
		about = cmp.Or(about, d.Informational)
		if f.Title == "" {
			f.Title = d.Headline()
		}
		f.References = append(f.References, d.References...)
		for _, alias := range append([]string{a.ID}, a.Aliases...) {
			v.Malicious = v.Malicious || strings.HasPrefix(alias, "MAL-")
			if alias != id {
				v.Aliases = append(v.Aliases, alias)
			}
		}
	}
	slices.Sort(v.Aliases)
	v.Aliases = slices.Compact(v.Aliases)
	f.References = inventory.UniqueInOrder(f.References)
	slices.SortStableFunc(v.Ratings, func(a, b gatehouse.Rating) int { return strings.Compare(a.Source, b.Source) })
	fixed, next := fixes(p, group)
	v.FixedVersions = fixed
	paths := in.graph.Paths(p, mostPaths)
	var through []*inventory.Package
	for _, path := range paths {
		through = append(through, path[0])
		var names []string
		for _, step := range path {
			names = append(names, step.Label())
		}
		v.Paths = append(v.Paths, names)
	}
	if v.Malicious {
		f.Severity = gatehouse.SeverityCritical
		f.Message = fmt.Sprintf("%s %s is a malicious package (%s)", p.Name, p.Version, id)
		f.Fix = fmt.Sprintf("remove %s%s, and treat each machine that installed it as compromised: rotate the secrets it could read", p.Name, broughtIn(through))
	} else {
		f.Message = fmt.Sprintf("%s %s is affected by %s", p.Name, p.Version, id)
		if about != "" {
			f.Message = fmt.Sprintf("%s %s is %s, says %s", p.Name, p.Version, about, id)
		}
		if f.Title != "" {
			f.Message += fmt.Sprintf(" (%s)", f.Title)
		}
		f.Message += fixedIn(p, fixed, next)
		f.Fix = fixFor(p, next, through)
		upgrade, obstacle, err := m.upgrade(in, p, group, f.Severity, paths)
		if err != nil {
			return f, err
		}
		v.Upgrade = upgrade
		if obstacle != "" {
			f.Fix += fmt.Sprintf("; but %s, so look for a release of it that allows that", obstacle)
		}
	}
	if f.Title == "" {
		f.Title = fmt.Sprintf("%s in %s", id, p.Name)
	}
	return f, nil
}

func fixedIn(p *inventory.Package, fixed []string, next string) string {
	switch {
	case next != "":
		return "; fixed in " + p.Written(next)
	case len(fixed) > 0:
		return "; fixed in " + p.Written(fixed[len(fixed)-1])
	}
	return "; there is no fixed version"
}

func fixFor(p *inventory.Package, next string, through []*inventory.Package) string {
	if next == "" {
		return fmt.Sprintf("replace %s, or waive the finding with a reason until there is a fix%s", p.Name, broughtIn(through))
	}
	if p.Eco == inventory.Golang && p.Name == "stdlib" {
		return fmt.Sprintf("set the go or toolchain line of go.mod to %s or later", strings.TrimPrefix(next, "v"))
	}
	return fmt.Sprintf("upgrade %s to %s or later%s", p.Name, p.Written(next), broughtIn(through))
}

// mostNamed is how many direct dependencies a fix names.
const mostNamed = 3

// broughtIn names the direct dependencies through which a package comes.
func broughtIn(through []*inventory.Package) string {
	if len(through) == 0 {
		return ""
	}
	var names []string
	for _, p := range through {
		names = append(names, strings.TrimSpace(p.Name+" "+p.Version))
	}
	if len(names) > mostNamed {
		names = append(names[:mostNamed:mostNamed], "others")
	}
	return fmt.Sprintf("; it comes in through %s", strings.Join(names, ", "))
}
