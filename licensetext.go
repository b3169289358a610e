package gatehouse

import "cmp"

// LicenseText is a file with texts of licences.
type LicenseText struct {
	Path string `json:"path"`
	// Package is what is under these licences; nil for the target itself. Its
	// version and purl are empty where the place of the file does not tell them.
	Package *Package `json:"package,omitempty"`
	// Licenses are never empty.
	Licenses []DetectedLicense `json:"licenses"`
}

// DetectedLicense is a licence whose text stands in a file.
type DetectedLicense struct {
	// License is an SPDX expression, mostly one id; empty for a text that no
	// known licence has.
	License  string   `json:"license"`
	Location Location `json:"location"`
	// Confidence is 1 for the text of the licence itself, less for one that
	// differs from it or only names it, and 0 for a text that is not known.
	Confidence float64 `json:"confidence"`
}

// AddLicenseText adds a file with texts of licences. An empty path, also of a
// licence, means that of the file.
func (p *Pass) AddLicenseText(t LicenseText) {
	t.Path = cmp.Or(t.Path, p.path)
	for i := range t.Licenses {
		t.Licenses[i].Location.Path = cmp.Or(t.Licenses[i].Location.Path, t.Path)
	}
	p.result.LicenseTexts = append(p.result.LicenseTexts, t)
}

// attachLicenses gives each component the licences that stand in its files. A
// text whose place does not tell the version belongs to the only version that
// there is.
func (r *Report) attachLicenses() {
	type name struct{ ecosystem, name string }
	byPurl, byName := map[string][]DetectedLicense{}, map[name][]DetectedLicense{}
	for _, t := range r.LicenseTexts {
		switch {
		case t.Package == nil:
		case t.Package.Purl != "":
			byPurl[t.Package.Purl] = append(byPurl[t.Package.Purl], t.Licenses...)
		default:
			n := name{t.Package.Ecosystem, t.Package.Name}
			byName[n] = append(byName[n], t.Licenses...)
		}
	}
	if len(byPurl)+len(byName) == 0 {
		return
	}
	versions := map[name]string{}
	several := map[name]bool{}
	for i := range r.Components {
		c := &r.Components[i]
		n := name{c.Ecosystem, c.Name}
		if v, ok := versions[n]; ok && v != c.Version {
			several[n] = true
		}
		versions[n] = c.Version
	}
	for i := range r.Components {
		c := &r.Components[i]
		n := name{c.Ecosystem, c.Name}
		c.DetectedLicenses = append(c.DetectedLicenses, byPurl[c.Purl]...)
		if !several[n] {
			c.DetectedLicenses = append(c.DetectedLicenses, byName[n]...)
		}
	}
}

func compareLicenseTexts(a, b LicenseText) int { return cmp.Compare(a.Path, b.Path) }
