package sca

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// finding describes one problem of one package; group are the advisories that
// are one under several names.
func (m *matcher) finding(p *pkg, group []advisory, g *graph) (gatehouse.Finding, error) {
	id := group[0].ID
	v := &gatehouse.Vulnerability{Package: p.identity(), Source: group[0].Source.Name}
	f := gatehouse.Finding{
		Rule:          id,
		Kind:          gatehouse.KindVulnerability,
		Location:      gatehouse.Location{Line: p.line},
		Fingerprint:   gatehouse.Fingerprint(gatehouse.KindVulnerability, id, p.eco.packageURL(p.name, "")),
		Vulnerability: v,
	}
	malicious := false
	for _, a := range group {
		d, err := m.detail(a.ID)
		if err != nil {
			return f, err
		}
		f.Severity = max(f.Severity, a.Severity, d.SeverityOf(a.Source.ID))
		v.CVSS = max(v.CVSS, d.Score())
		if f.Title == "" {
			f.Title = title(d)
		}
		if v.Published == "" && !d.Published.IsZero() {
			v.Published = d.Published.UTC().Format(time.RFC3339)
		}
		f.References = append(f.References, d.References...)
		for _, alias := range append([]string{a.ID}, a.Aliases...) {
			malicious = malicious || strings.HasPrefix(alias, "MAL-")
			if alias != id {
				v.Aliases = append(v.Aliases, alias)
			}
		}
	}
	slices.Sort(v.Aliases)
	v.Aliases = slices.Compact(v.Aliases)
	f.References = uniqueInOrder(f.References)
	fixed, next := fixes(p, group)
	v.FixedVersions = fixed
	through := g.broughtInBy(p, mostNamed+1)
	if malicious {
		f.Severity = gatehouse.SeverityCritical
		f.Message = fmt.Sprintf("%s %s is a malicious package (%s)", p.name, p.version, id)
		f.Fix = fmt.Sprintf("remove %s%s, and treat each machine that installed it as compromised: rotate the secrets it could read", p.name, broughtIn(through))
	} else {
		f.Message = fmt.Sprintf("%s %s is affected by %s", p.name, p.version, id)
		if f.Title != "" {
			f.Message += fmt.Sprintf(" (%s)", f.Title)
		}
		f.Message += fixedIn(p, fixed, next)
		f.Fix = fixFor(p, next, through)
	}
	if f.Title == "" {
		f.Title = fmt.Sprintf("%s in %s", id, p.name)
	}
	return f, nil
}

// title is one line without a period.
func title(d vulndb.Detail) string {
	t := d.Title
	if t == "" {
		t, _, _ = strings.Cut(strings.TrimSpace(d.Description), "\n")
		if before, _, ok := strings.Cut(t, ". "); ok {
			t = before
		}
	}
	t = strings.Join(strings.Fields(t), " ")
	t = strings.TrimLeft(strings.TrimRight(t, ". "), "# ")
	const most = 160
	if len(t) > most {
		t = strings.ToValidUTF8(t[:most], "") + "…"
	}
	return t
}

func fixedIn(p *pkg, fixed []string, next string) string {
	switch {
	case next != "":
		return "; fixed in " + p.written(next)
	case len(fixed) > 0:
		return "; fixed in " + p.written(fixed[len(fixed)-1])
	}
	return "; there is no fixed version"
}

// written is a version as the files of the ecosystem write it: advisories for
// Go leave out the "v" that go get wants.
func (p *pkg) written(version string) string {
	if p.eco == golang && p.name != "stdlib" && !strings.HasPrefix(version, "v") {
		return "v" + version
	}
	return version
}

func fixFor(p *pkg, next string, through []*pkg) string {
	if next == "" {
		return fmt.Sprintf("replace %s, or waive the finding with a reason until there is a fix%s", p.name, broughtIn(through))
	}
	if p.eco == golang && p.name == "stdlib" {
		return fmt.Sprintf("set the go or toolchain line of go.mod to %s or later", strings.TrimPrefix(next, "v"))
	}
	return fmt.Sprintf("upgrade %s to %s or later%s", p.name, p.written(next), broughtIn(through))
}

// mostNamed is how many direct dependencies a fix names.
const mostNamed = 3

// broughtIn names the direct dependencies through which a package comes.
func broughtIn(through []*pkg) string {
	if len(through) == 0 {
		return ""
	}
	var names []string
	for _, p := range through {
		names = append(names, strings.TrimSpace(p.name+" "+p.version))
	}
	if len(names) > mostNamed {
		names = append(names[:mostNamed:mostNamed], "others")
	}
	return fmt.Sprintf("; it comes in through %s", strings.Join(names, ", "))
}

func uniqueInOrder(list []string) []string {
	seen := map[string]bool{}
	var unique []string
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			unique = append(unique, s)
		}
	}
	return unique
}
