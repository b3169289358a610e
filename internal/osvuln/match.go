package osvuln

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
	"github.com/gatehouse-sec/gatehouse/internal/version"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// Database is what is needed of a vulnerability database; [vulndb.DB] is one.
type Database interface {
	// Advisories returns all advisories about a package.
	Advisories(ecosystem, name string) ([]vulndb.Advisory, error)
	// Details returns what is known about a problem, and whether there is
	// anything.
	Details(id string) (vulndb.Detail, bool, error)
	// All yields the advisories of an ecosystem.
	All(ecosystem string) iter.Seq2[vulndb.PackageAdvisory, error]
}

// Covers reports whether the database has advisories about the system.
func (s *System) Covers(db Database) (bool, error) {
	if s.Ecosystem == "" {
		return false, nil
	}
	for _, err := range db.All(s.Ecosystem) {
		return err == nil, err
	}
	return false, nil
}

// Result is what matching gave. Locations have lines and no paths.
type Result struct {
	Findings []Finding
	Gaps     []Gap
}

// Finding is one about the package with an index.
type Finding struct {
	Package int
	gatehouse.Finding
}

// Gap is one about the package with an index; -1 if it is about several.
type Gap struct {
	Package int
	gatehouse.Gap
}

// Match finds the advisories about the packages of one database of packages. An
// error means that the vulnerability database could not be read.
func (s *System) Match(ctx context.Context, db Database, packages []ospkg.Package) (Result, error) {
	m := &matching{System: s, db: db, scheme: version.Of(s.Ecosystem), details: map[string]vulndb.Detail{}, foreign: map[string]int{}}
	if s.Manager == ospkg.RPM {
		m.epochs = epochsOf(packages)
	}
	for i := range packages {
		if i%64 == 0 && ctx.Err() != nil {
			return m.result, ctx.Err()
		}
		if err := m.match(i, &packages[i]); err != nil {
			return m.result, err
		}
	}
	m.others()
	return m.result, nil
}

type matching struct {
	*System
	db      Database
	scheme  version.Scheme
	details map[string]vulndb.Detail
	epochs  map[string]string
	// foreign counts the packages of each other vendor.
	foreign map[string]int
	result  Result
}

// name is one under which advisories about a package may be, with the version
// that they mean.
type name struct{ name, version string }

func (m *matching) names(p *ospkg.Package) []name {
	source := name{p.Source, p.SourceVersion}
	if m.Manager == ospkg.RPM {
		source.version = withEpoch(p, m.epochs)
	}
	binary := name{p.Name, p.Version}
	switch m.family.naming {
	case byBinary:
		return []name{binary}
	case bySource:
		return []name{source}
	}
	if stream := strings.SplitN(p.Module, ":", 3); len(stream) > 1 {
		// As trivy-db has it: "nodejs:12::npm".
		binary.name = stream[0] + ":" + stream[1] + "::" + p.Name
	}
	if m.family.naming == byEither && source.name != binary.name {
		return []name{binary, source}
	}
	return []name{binary}
}

func (m *matching) match(i int, p *ospkg.Package) error {
	if p.Vendor != "" && len(m.family.vendors) > 0 && !slices.ContainsFunc(m.family.vendors, func(v string) bool {
		return strings.Contains(strings.ToLower(p.Vendor), v)
	}) {
		m.foreign[p.Vendor]++
		return nil
	}
	seen := map[string]bool{}
	for _, n := range m.names(p) {
		list, err := m.db.Advisories(m.ecosystemOf(n), n.name)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			continue
		}
		if m.family.naming == byModule && p.Module == "" && strings.Contains(p.Version, ".module_") {
			m.gap(i, p, fmt.Sprintf("there are advisories about %s, but the database of packages does not say of which stream of its module it is; check by hand whether they apply", p.Name))
			return nil
		}
		v, err := m.scheme.Parse(n.version)
		if err != nil {
			m.gap(i, p, fmt.Sprintf("there are advisories about %s, but its version %q could not be compared; check by hand whether they apply", n.name, n.version))
			continue
		}
		before := len(m.result.Findings)
		for k := range list {
			a := &list[k]
			if seen[a.ID] || a.Status == "not_affected" || !aboutArch(a, p.Arch) || flavour(a.FixedVersion) != flavour(n.version) && m.family.ids[0] == "ol" {
				continue
			}
			hit, fixed, err := m.affects(a, v)
			if err != nil {
				m.gap(i, p, fmt.Sprintf("advisory %s about %s could not be compared: %v", a.ID, n.name, err))
				continue
			}
			if !hit {
				continue
			}
			f, err := m.finding(p, a, fixed)
			if err != nil {
				return err
			}
			m.result.Findings = append(m.result.Findings, Finding{i, f})
		}
		for _, f := range m.result.Findings[before:] {
			seen[f.Rule] = true
		}
	}
	return nil
}

// ecosystemOf is that of the system, and for packages that Ubuntu rebuilds for
// its customers, that of those.
func (m *matching) ecosystemOf(n name) string {
	if m.family.ids[0] == "ubuntu" && strings.Contains(n.version, "esm") {
		return m.Ecosystem + "-ESM"
	}
	return m.Ecosystem
}

func aboutArch(a *vulndb.Advisory, arch string) bool {
	return len(a.Arches) == 0 || arch == "noarch" || arch == "" || slices.Contains(a.Arches, arch)
}

// flavour tells apart the builds of Oracle of one package, each of which has
// fixes of its own; see trivy-db, pkg/vulnsrc/oracle-oval.
func flavour(version string) string {
	version = strings.ToLower(version)
	switch {
	case strings.HasSuffix(version, "_fips"):
		return "fips"
	case strings.Contains(version, ".ksplice"):
		return "ksplice"
	}
	return ""
}

// affects reports whether the version has the problem, and the first version
// that has not; empty if there is none. Without ranges and a fixed version it
// has.
func (m *matching) affects(a *vulndb.Advisory, v version.Version) (hit bool, fixed string, err error) {
	if len(a.VulnerableVersions) > 0 {
		r, err := m.scheme.ParseRange(a.VulnerableVersions)
		if err != nil || !r.Any && !r.Contains(v) {
			return false, "", err
		}
		if a.FixedVersion == "" && !r.Any {
			bounds := r.UpperBounds(v)
			if len(bounds) > 0 {
				return true, bounds[len(bounds)-1], nil
			}
		}
		return true, a.FixedVersion, nil
	}
	if a.FixedVersion == "" {
		return true, "", nil
	}
	w, err := m.scheme.Parse(a.FixedVersion)
	if err != nil {
		return false, "", fmt.Errorf("its version %q cannot be read", a.FixedVersion)
	}
	return v.Compare(w) < 0, a.FixedVersion, nil
}

func (m *matching) gap(i int, p *ospkg.Package, reason string) {
	m.result.Gaps = append(m.result.Gaps, Gap{i, gatehouse.Gap{Code: gatehouse.GapUnmatched, Line: p.Line, Entry: p.Name + "@" + p.Version, Reason: reason}})
}

// others says which packages are none of the distribution.
func (m *matching) others() {
	for vendor, n := range m.foreign {
		m.result.Gaps = append(m.result.Gaps, Gap{-1, gatehouse.Gap{Code: gatehouse.GapUnmatched, Entry: vendor, Reason: fmt.Sprintf(
			"%s built by %q; the advisories of %s are not about them: check them by other means and waive this", packages(n), vendor, m.Label)}})
	}
	slices.SortFunc(m.result.Gaps, func(a, b Gap) int {
		if a.Package != b.Package {
			return a.Package - b.Package
		}
		return strings.Compare(a.Entry+a.Reason, b.Entry+b.Reason)
	})
}

func packages(n int) string {
	if n == 1 {
		return "1 package was"
	}
	return fmt.Sprintf("%d packages were", n)
}

func (m *matching) finding(p *ospkg.Package, a *vulndb.Advisory, fixed string) (gatehouse.Finding, error) {
	d, ok := m.details[a.ID]
	if !ok {
		var err error
		if d, _, err = m.db.Details(a.ID); err != nil {
			return gatehouse.Finding{}, err
		}
		m.details[a.ID] = d
	}
	v := &gatehouse.Vulnerability{Package: m.identity(p), Source: a.Source.Name, Status: a.Status, Aliases: a.Aliases, Bulletins: a.Bulletins}
	d.Describe(v)
	f := gatehouse.Finding{
		Rule: a.ID, Kind: gatehouse.KindVulnerability, Severity: a.Severity, Title: d.Headline(), References: d.References,
		Location: gatehouse.Location{Line: p.Line}, Vulnerability: v,
		Fingerprint: gatehouse.Fingerprint(gatehouse.KindVulnerability, a.ID, purlTypes[m.Manager], m.Release.ID, p.Name),
	}
	if f.Severity == gatehouse.SeverityUnknown { // what the vendor says of this package counts first
		f.Severity = d.SeverityOf(a.Source.ID)
	}
	f.Message = fmt.Sprintf("%s %s is affected by %s", p.Name, p.Version, a.ID)
	if p.Source != p.Name {
		f.Message = fmt.Sprintf("%s %s, built from %s, is affected by %s", p.Name, p.Version, p.Source, a.ID)
	}
	if f.Title != "" {
		f.Message += fmt.Sprintf(" (%s)", f.Title)
	} else {
		f.Title = fmt.Sprintf("%s in %s", a.ID, p.Name)
	}
	if fixed == "" {
		f.Message += "; " + m.without(a.Status)
		f.Fix = fmt.Sprintf("%s: remove %s if nothing needs it, or waive the finding with a reason", m.without(a.Status), p.Name)
		return f, nil
	}
	v.FixedVersions = []string{fixed}
	f.Message += "; fixed in " + fixed
	if len(a.Bulletins) > 0 {
		f.Message += fmt.Sprintf(" (%s)", strings.Join(a.Bulletins, ", "))
	}
	how := strings.ReplaceAll(m.family.update, "{name}", p.Name)
	v.Upgrade = &gatehouse.Upgrade{Package: p.Name, From: p.Version, To: fixed, How: how}
	f.Fix = fmt.Sprintf("upgrade %s to %s or later: %s", p.Name, fixed, how)
	return f, nil
}

// without says what the vendor means to do about a problem that is not fixed.
func (m *matching) without(status string) string {
	switch status {
	case "will_not_fix":
		return m.family.label + " will not fix it"
	case "fix_deferred":
		return m.family.label + " put off a fix"
	case "end_of_life":
		return m.family.label + " does not support the package any more"
	case "under_investigation":
		return m.family.label + " is looking into it"
	}
	return m.Label + " has no fix"
}
