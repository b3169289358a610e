package osvimport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/builder"
)

// The parts of an entry that are used; see https://ossf.github.io/osv-schema.
type (
	osvEntry struct {
		SchemaVersion    string          `json:"schema_version"`
		ID               string          `json:"id"`
		Modified         time.Time       `json:"modified"`
		Published        time.Time       `json:"published"`
		Withdrawn        *time.Time      `json:"withdrawn"`
		Aliases          []string        `json:"aliases"`
		Upstream         []string        `json:"upstream"`
		Related          []string        `json:"related"`
		Summary          string          `json:"summary"`
		Details          string          `json:"details"`
		Severity         []osvSeverity   `json:"severity"`
		Affected         []osvAffected   `json:"affected"`
		References       []osvReference  `json:"references"`
		DatabaseSpecific json.RawMessage `json:"database_specific"`
	}
	osvSeverity struct {
		Type  string `json:"type"`
		Score string `json:"score"`
	}
	osvAffected struct {
		Package struct {
			Name      string `json:"name"`
			Ecosystem string `json:"ecosystem"`
		} `json:"package"`
		Severity          []osvSeverity   `json:"severity"`
		Ranges            []osvRange      `json:"ranges"`
		Versions          []string        `json:"versions"`
		DatabaseSpecific  json.RawMessage `json:"database_specific"`
		EcosystemSpecific json.RawMessage `json:"ecosystem_specific"`
	}
	osvRange struct {
		Type   string     `json:"type"`
		Events []osvEvent `json:"events"`
	}
	osvEvent struct {
		Introduced   string `json:"introduced"`
		Fixed        string `json:"fixed"`
		LastAffected string `json:"last_affected"`
		Limit        string `json:"limit"`
	}
	osvReference struct {
		URL string `json:"url"`
	}
)

// advisory is what an entry says about one package.
type advisory struct {
	ecosystem, pkg string
	vulnerable     []string
	patched        []string
	unaffected     []string
	// fixed is the first good version of a package of an operating system.
	fixed string
	// status is what its vendor says about a problem without one.
	status   string
	severity gatehouse.Severity
	imports  []vulndb.Import
}

// parsed is an entry, ready to be stored.
type parsed struct {
	id       string   // unique within the source
	own      string   // by which people know it; empty: id
	ids      []string // under which it is stored
	aliases  []string
	names    []string        // all that mean the same problem
	origin   *builder.Source // nil: id and ecosystem tell it
	modified time.Time
	// newest is when the entry was published or modified, whatever is later.
	newest     time.Time
	detail     vulndb.Detail // severities are set by the caller
	rating     rating
	advisories []advisory
	withdrawn  bool

	gitOnly, unusableVersions int
	unknownEcosystems         []string
	problems                  []problem
}

// problem is why a part of an entry was left out.
type problem struct{ pkg, reason string }

// errNotOSV is for documents that are no attempt at an OSV entry.
var errNotOSV = errors.New("not an OSV entry")

// decode reads a JSON document: an entry or a list of entries.
func decode(name string, data []byte, now time.Time) (o outcome) {
	raws := []json.RawMessage{data}
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		raws = nil
		if err := json.Unmarshal(data, &raws); err != nil {
			return outcome{errs: []error{fmt.Errorf("no valid JSON: %w", err)}}
		}
	}
	for _, raw := range raws {
		e, err := decodeEntry(raw)
		if err == nil {
			o.entries = append(o.entries, parse(e, now))
			continue
		}
		var more []*parsed
		var format string
		if errors.Is(err, errNotOSV) {
			more, format, err = parseNative(name, raw)
			o.entries = append(o.entries, more...)
		}
		switch {
		case err == nil:
		case !errors.Is(err, errNotOSV):
			o.errs = append(o.errs, err)
		case format != "":
			if o.unsupported == nil {
				o.unsupported = map[string]int{}
			}
			o.unsupported[format]++
		default:
			o.ignored++
		}
	}
	return o
}

func decodeEntry(data []byte) (*osvEntry, error) {
	var e osvEntry
	err := json.Unmarshal(data, &e)
	if err == nil && e.ID != "" && (e.Affected != nil || e.SchemaVersion != "" || !e.Modified.IsZero() || e.Withdrawn != nil) {
		if len(e.ID) > 256 || strings.ContainsAny(e.ID, " \t\r\n\x00") {
			return nil, fmt.Errorf("%.80q is no id", e.ID)
		}
		return &e, nil
	}
	if !json.Valid(data) {
		return nil, fmt.Errorf("no valid JSON: %w", cmpError(err))
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil || keys["affected"] == nil && keys["schema_version"] == nil {
		return nil, errNotOSV
	}
	if err != nil {
		return nil, fmt.Errorf("no valid OSV entry: %w", err)
	}
	return nil, errors.New("it has no id")
}

func cmpError(err error) error {
	if err == nil {
		return errors.New("it is cut short")
	}
	return err
}

// parse evaluates an entry at the time now.
func parse(e *osvEntry, now time.Time) *parsed {
	p := &parsed{id: e.ID, modified: e.Modified, newest: e.Modified}
	if e.Published.After(p.newest) {
		p.newest = e.Published
	}
	if e.Withdrawn != nil && !e.Withdrawn.After(now) {
		p.withdrawn = true
		return p
	}
	p.ids, p.aliases = names(e.ID, e.others())
	p.names = append(append([]string{e.ID}, p.ids...), p.aliases...)
	p.detail = vulndb.Detail{
		Title: e.Summary, Description: e.Details, CWEs: cwes(e.DatabaseSpecific),
		Published: e.Published, Modified: e.Modified,
	}
	for _, r := range e.References {
		if r.URL != "" {
			p.detail.References = append(p.detail.References, r.URL)
		}
	}
	p.detail.Malicious = isMalicious(p.names, p.detail.CWEs)
	p.rating = rate(e)
	parsers := map[string]parser{}
	for i := range e.Affected {
		p.affected(&e.Affected[i], parsers)
	}
	return p
}

// others are the other ids of the problems that an entry is about. What is
// related is another problem (https://ossf.github.io/osv-schema/#related-field),
// but for the bulletins of distributors, which named there what they fix before
// OSV had the field upstream.
func (e *osvEntry) others() []string {
	ids := slices.Concat(e.Aliases, e.Upstream)
	if len(ids) > 0 || len(e.Affected) == 0 {
		return ids
	}
	if ecosystem, ok := ecosystemOf(e.Affected[0].Package.Ecosystem); !ok || !vulndb.IsSystem(ecosystem) {
		return nil
	}
	for _, id := range e.Related {
		if strings.HasPrefix(id, "CVE-") {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *parsed) affected(a *osvAffected, parsers map[string]parser) {
	ecosystem, ok := ecosystemOf(a.Package.Ecosystem)
	switch {
	case a.Package.Ecosystem == "" && a.Package.Name == "":
		// A repository and not a package.
		p.gitOnly++
		return
	case !ok:
		p.unknownEcosystems = append(p.unknownEcosystems, unknownName(a.Package.Ecosystem))
		return
	case !plainName(a.Package.Name):
		p.problems = append(p.problems, problem{a.Package.Name, fmt.Sprintf("%.80q is no package name", a.Package.Name)})
		return
	}
	versions := parsers[ecosystem]
	if versions.parse == nil {
		versions = parserOf(ecosystem)
		parsers[ecosystem] = versions
	}
	vulnerable, fixed, unusable, err := versions.constraints(a)
	p.unusableVersions += unusable
	if err == errGitOnly {
		p.gitOnly++
		return
	}
	if err != nil {
		p.problems = append(p.problems, problem{a.Package.Name, err.Error()})
	}
	if len(vulnerable) == 0 {
		return
	}
	name := vulndb.NormalizeName(ecosystem, a.Package.Name)
	// A package may be there several times, with a range each.
	for i := range p.advisories {
		if have := &p.advisories[i]; have.ecosystem == ecosystem && have.pkg == name {
			for _, c := range vulnerable {
				if !slices.Contains(have.vulnerable, c) {
					have.vulnerable = append(have.vulnerable, c)
				}
			}
			have.addImports(a.EcosystemSpecific)
			return
		}
	}
	adv := advisory{ecosystem: ecosystem, pkg: name, vulnerable: vulnerable}
	if versions.system {
		adv.fixed, adv.severity, adv.status = fixed, urgency(a.EcosystemSpecific), statusOf(fixed, a.EcosystemSpecific)
	}
	if ecosystem == "go" {
		adv.imports = goImports(a.EcosystemSpecific)
	}
	p.advisories = append(p.advisories, adv)
	if strings.HasPrefix(ecosystem, "SUSE") || strings.HasPrefix(ecosystem, "openSUSE") {
		p.binaries(adv, versions, a.EcosystemSpecific)
	}
}

// binaries adds the packages that SUSE builds from one of source code: they are
// what is installed, and what trivy-db has advisories about.
func (p *parsed) binaries(source advisory, versions parser, specific json.RawMessage) {
	var s struct {
		Binaries []map[string]string `json:"binaries"`
	}
	if len(specific) == 0 || json.Unmarshal(specific, &s) != nil {
		return
	}
	for _, byName := range s.Binaries {
		for _, name := range slices.Sorted(maps.Keys(byName)) {
			fixed, err := versions.version(byName[name])
			known := slices.ContainsFunc(p.advisories, func(a advisory) bool { return a.ecosystem == source.ecosystem && a.pkg == name })
			if err != nil || known || !plainName(name) {
				continue
			}
			adv := source
			adv.pkg, adv.fixed, adv.vulnerable = name, fixed.text, []string{"<" + fixed.text}
			p.advisories = append(p.advisories, adv)
		}
	}
}

// goImports reads which parts of a module have the problem.
func goImports(specific json.RawMessage) []vulndb.Import {
	var s struct {
		Imports []vulndb.Import `json:"imports"`
	}
	if len(specific) == 0 || json.Unmarshal(specific, &s) != nil {
		return nil
	}
	return slices.DeleteFunc(s.Imports, func(i vulndb.Import) bool { return i.Path == "" })
}

// addImports adds those of another range of the same package. If either says
// nothing, all of the package may have the problem.
func (a *advisory) addImports(specific json.RawMessage) {
	more := goImports(specific)
	if len(a.imports) == 0 || len(more) == 0 {
		a.imports = nil
		return
	}
	a.imports = append(a.imports, more...)
}

// embeddedMaliciousCode is the CWE id that GitHub gives to malware; see
// https://cwe.mitre.org/data/definitions/506.html.
const embeddedMaliciousCode = "CWE-506"

func isMalicious(names, cwes []string) bool {
	return slices.Contains(cwes, embeddedMaliciousCode) ||
		slices.ContainsFunc(names, func(s string) bool { return strings.HasPrefix(s, "MAL-") })
}

// maxNameBytes is far more than a name has: npm admits 214 characters, and a
// Maven coordinate has two parts of some 100.
const maxNameBytes = 4096

// unknownName is what an unknown ecosystem is counted under: its name without
// the release, in plain text of bounded length.
func unknownName(name string) string {
	base, _, _ := strings.Cut(name, ":")
	base = strings.TrimFunc(strings.ToValidUTF8(base, ""), func(r rune) bool { return r < ' ' })
	if base == "" || len(base) > 64 || strings.ContainsFunc(base, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "other"
	}
	return base
}

var errGitOnly = errors.New("it has only commits")

// constraints returns the affected versions as constraints, and how many of
// the versions listed are none in the ecosystem: no package can have them. If
// a range is malformed, there is an error, and the result has only the versions
// that are listed.
//
// The first version without the problem is empty if some range has no end, or
// ends with a version that has it.
func (p parser) constraints(a *osvAffected) (out []string, fixed string, unusable int, err error) {
	intervals, git, err := p.ranges(a)
	fixed = lastFixed(intervals)
	for _, r := range intervals {
		out = append(out, r.constraint())
	}
	for _, text := range a.Versions {
		if p.system && len(intervals) > 0 {
			break // distributions list what lies in the ranges
		}
		v, err := p.version(text)
		if err != nil {
			unusable++
			continue
		}
		if !slices.ContainsFunc(intervals, func(r interval) bool { return r.contains(v) }) {
			out = append(out, "="+text)
		}
	}
	switch {
	case err != nil && len(out) > 0:
		return out, fixed, unusable, fmt.Errorf("%w; only the %d versions that it lists are imported", err, len(out))
	case err != nil || len(out) > 0:
		return out, fixed, unusable, err
	case unusable > 0:
		return nil, "", unusable, fmt.Errorf("none of its %d versions is a version of the ecosystem", unusable)
	case git:
		return nil, "", 0, errGitOnly
	}
	return nil, "", 0, errors.New("it says no versions")
}

func lastFixed(intervals []interval) string {
	var last *version
	for _, r := range intervals {
		if r.to == nil || r.closed {
			return ""
		}
		if last == nil || last.cmp(*r.to) < 0 {
			last = r.to
		}
	}
	if last == nil {
		return ""
	}
	return last.text
}

// ranges returns the affected intervals of versions, and whether there are
// ranges of commits, which are not read.
func (p parser) ranges(a *osvAffected) (out []interval, git bool, err error) {
	for _, r := range a.Ranges {
		switch r.Type {
		case "GIT":
			git = true
		case "SEMVER", "ECOSYSTEM":
			part, err := p.intervals(r.Events)
			if err != nil {
				return nil, git, fmt.Errorf("range: %w", err)
			}
			out = append(out, part...)
		default:
			return nil, git, fmt.Errorf("range: unknown type %.80q", r.Type)
		}
	}
	if known := p.lastKnown(a.DatabaseSpecific); known != nil {
		for i := range out {
			if out[i].to == nil && out[i].from.cmp(*known.to) <= 0 {
				out[i].to, out[i].closed = known.to, known.closed
			}
		}
	}
	return out, git, nil
}

// lastKnown reads the hint of the GitHub advisory database where a range ends
// that has no fix yet: "<= 1.2.3" or "< 1.2.3". What cannot be read is no
// hint, and the range stays open.
func (p parser) lastKnown(specific json.RawMessage) *interval {
	var s struct {
		Range string `json:"last_known_affected_version_range"`
	}
	if len(specific) == 0 || json.Unmarshal(specific, &s) != nil {
		return nil
	}
	text, isEnd := strings.CutPrefix(strings.TrimSpace(s.Range), "<")
	text, closed := strings.CutPrefix(text, "=")
	v, err := p.version(strings.TrimSpace(text))
	if !isEnd || err != nil {
		return nil
	}
	return &interval{to: &v, closed: closed}
}

// names returns the ids under which an entry is stored, and its others. That
// is each CVE id, else a GHSA id, else its own.
func names(id string, aliases []string) (ids, others []string) {
	all := slices.DeleteFunc(append([]string{id}, aliases...), func(s string) bool { return s == "" || len(s) > 256 })
	slices.Sort(all)
	all = slices.Compact(all)
	for _, prefix := range []string{"CVE-", "GHSA-"} {
		for _, a := range all {
			if strings.HasPrefix(a, prefix) {
				ids = append(ids, a)
			}
		}
		if len(ids) > 0 {
			break
		}
	}
	if len(ids) == 0 {
		ids = []string{id}
	}
	if !strings.HasPrefix(ids[0], "CVE-") {
		ids = ids[:1]
	}
	others = slices.DeleteFunc(all, func(s string) bool { return slices.Contains(ids, s) })
	return ids, others
}
