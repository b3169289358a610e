package vulndb

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// Detail is what is known about a problem, whatever the package.
type Detail struct {
	Title       string
	Description string
	// Severity is that of the first vendor who gives one, by trivy-db's
	// precedence; see [Detail.SeverityOf].
	Severity gatehouse.Severity
	// VendorSeverity has the severity that each source gives, by source id.
	VendorSeverity map[string]gatehouse.Severity
	// CVSS has the scores that each source gives, by source id.
	CVSS       map[string]CVSS
	CWEs       []string
	References []string
	// Published and Modified are zero if they are not known.
	Published, Modified time.Time
	// Extra is zero in databases that other programs made.
	Extra
}

// CVSS holds the vectors of one problem; those that are not known are empty.
type CVSS struct {
	V2Vector  string  `json:",omitempty"`
	V3Vector  string  `json:",omitempty"`
	V40Vector string  `json:",omitempty"`
	V2Score   float64 `json:",omitempty"`
	V3Score   float64 `json:",omitempty"`
	V40Score  float64 `json:",omitempty"`
}

// SeverityOf returns the severity for an advisory that comes from the source:
// what the source itself says, else what NVD says, else [Detail.Severity].
// That is the choice of trivy (pkg/vulnerability, getVendorSeverity).
func (d Detail) SeverityOf(sourceID string) gatehouse.Severity {
	for _, id := range []string{sourceID, "nvd"} {
		if s := d.VendorSeverity[id]; s != gatehouse.SeverityUnknown {
			return s
		}
	}
	return d.Severity
}

// Ratings are what each source says about the severity, sorted by source; one
// for each CVSS version that the source gives, and one without a score if it
// gives a word only.
func (d Detail) Ratings() []gatehouse.Rating {
	ids := map[string]bool{}
	for id := range d.VendorSeverity {
		ids[id] = true
	}
	for id := range d.CVSS {
		ids[id] = true
	}
	var out []gatehouse.Rating
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		c, n := d.CVSS[id], len(out)
		for _, r := range []gatehouse.Rating{
			{Score: c.V40Score, Vector: c.V40Vector}, {Score: c.V3Score, Vector: c.V3Vector}, {Score: c.V2Score, Vector: c.V2Vector},
		} {
			if r.Score == 0 && r.Vector == "" {
				continue
			}
			r.Source, r.Severity = id, d.VendorSeverity[id]
			if r.Severity == gatehouse.SeverityUnknown {
				r.Severity = SeverityOfScore(r.Score)
			}
			out = append(out, r)
		}
		if s := d.VendorSeverity[id]; len(out) == n && s != gatehouse.SeverityUnknown {
			out = append(out, gatehouse.Rating{Source: id, Severity: s})
		}
	}
	return out
}

// SeverityOfScore is the scale of the CVSS v3.1 specification, section 5,
// which CVSS v4.0 keeps.
func SeverityOfScore(score float64) gatehouse.Severity {
	switch {
	case score >= 9:
		return gatehouse.SeverityCritical
	case score >= 7:
		return gatehouse.SeverityHigh
	case score >= 4:
		return gatehouse.SeverityMedium
	case score > 0:
		return gatehouse.SeverityLow
	}
	return gatehouse.SeverityUnknown
}

// Score is the highest CVSS base score of any source and version, 0 to 10; 0
// if there is none.
func (d Detail) Score() float64 {
	var best float64
	for _, c := range d.CVSS {
		best = max(best, c.V2Score, c.V3Score, c.V40Score)
	}
	return best
}

// rawDetail is trivy-db's pkg/types.Vulnerability.
type rawDetail struct {
	Title            string          `json:",omitempty"`
	Description      string          `json:",omitempty"`
	Severity         string          `json:",omitempty"`
	CweIDs           []string        `json:",omitempty"`
	VendorSeverity   map[string]int  `json:",omitempty"`
	CVSS             map[string]CVSS `json:",omitempty"`
	References       []string        `json:",omitempty"`
	PublishedDate    *time.Time      `json:",omitempty"`
	LastModifiedDate *time.Time      `json:",omitempty"`
}

// EncodeDetail is the value that stands for d in the file.
func EncodeDetail(d Detail) ([]byte, error) {
	raw := rawDetail{
		Title: d.Title, Description: d.Description, Severity: d.Severity.String(), CweIDs: d.CWEs,
		CVSS: d.CVSS, References: d.References,
	}
	if len(d.VendorSeverity) > 0 {
		raw.VendorSeverity = map[string]int{}
		for id, s := range d.VendorSeverity {
			raw.VendorSeverity[id] = int(s)
		}
	}
	if !d.Published.IsZero() {
		raw.PublishedDate = &d.Published
	}
	if !d.Modified.IsZero() {
		raw.LastModifiedDate = &d.Modified
	}
	return json.Marshal(raw)
}

// Details returns what is known about the problem with the id that
// [Advisory.ID] gives, and whether there is anything.
func (db *DB) Details(id string) (Detail, bool, error) {
	value, ok, err := db.details.Get(id)
	var raw rawDetail
	var extra Extra
	if err == nil && ok {
		if err = json.Unmarshal(value, &raw); err != nil {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	if err == nil && ok {
		extra, err = db.extraOf(id)
	}
	if err != nil {
		return Detail{}, false, db.readError(fmt.Sprintf("look up %q", id), err)
	}
	if !ok {
		return Detail{}, false, nil
	}
	d := Detail{
		Title: raw.Title, Description: raw.Description, CVSS: raw.CVSS, CWEs: raw.CweIDs, References: raw.References,
		Extra: extra,
	}
	if len(raw.VendorSeverity) > 0 {
		d.VendorSeverity = map[string]gatehouse.Severity{}
		for id, s := range raw.VendorSeverity {
			d.VendorSeverity[id] = toSeverity(s)
		}
	}
	if raw.PublishedDate != nil {
		d.Published = *raw.PublishedDate
	}
	if raw.LastModifiedDate != nil {
		d.Modified = *raw.LastModifiedDate
	}
	// An unknown name is no error: the field is deprecated in trivy-db.
	d.Severity, _ = gatehouse.ParseSeverity(raw.Severity)
	if d.Severity == gatehouse.SeverityUnknown {
		d.Severity = Preferred(d.VendorSeverity)
	}
	return d, true, nil
}

// precedence lists vendors by how far their judgement is trusted: trivy-db's
// pkg/vulnsrc/vulnerability, AllSourceIDs. Others follow by name.
var precedence = []string{
	"nvd", "redhat", "redhat-oval", "debian", "ubuntu", "alpine", "amazon", "oracle-oval", "suse-cvrf", "photon",
	"arch-linux", "alma", "rocky", "cbl-mariner", "azure", "ruby-advisory-db", "php-security-advisories",
	"nodejs-security-wg", "ghsa", "glad", "aqua", "osv", "k8s", "wolfi", "chainguard", "bitnami", "govulndb", "julia",
	"bottlerocket", "echo", "minimos", "rootio", "rapidfort",
}

// ByPrecedence returns the keys of m, the most trusted vendor first.
func ByPrecedence[T any](m map[string]T) []string {
	var ids []string
	for _, id := range precedence {
		if _, ok := m[id]; ok {
			ids = append(ids, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(precedence, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Preferred returns the severity of the most trusted vendor who gives one.
func Preferred(m map[string]gatehouse.Severity) gatehouse.Severity {
	for _, id := range ByPrecedence(m) {
		if s := m[id]; s != gatehouse.SeverityUnknown {
			return s
		}
	}
	return gatehouse.SeverityUnknown
}
