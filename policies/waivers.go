package policies

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/gatehouse-sec/gatehouse"
)

// ExpiringWithin is how long before its end a waiver that is used counts as
// expiring.
const ExpiringWithin = 14 * 24 * time.Hour

// subject is what a waiver may cover: a violation, a finding or a gap.
type subject struct {
	// ids by the kind of waiver that may name them.
	ids  map[gatehouse.WaiverKind][]string
	path string
	// also are the other places of a secret: a path must cover all of them, as
	// the finding stays one as long as one is left.
	also         []gatehouse.Location
	purl         string
	resource     string
	fingerprints []string
	scanner      string
	// narrow is true if a policy waiver must say which one it means, since the
	// rule speaks about many things.
	narrow bool
}

func (s *subject) addFinding(f *gatehouse.Finding) {
	ids := []string{f.Rule}
	switch {
	case f.Vulnerability != nil:
		ids = append(ids, f.Vulnerability.Aliases...)
		s.purl = f.Vulnerability.Package.Purl
	case f.License != nil:
		ids = append(ids, f.License.Expression)
		s.purl = f.License.Package.Purl
	case f.Misconfiguration != nil:
		s.resource = f.Misconfiguration.Resource
	}
	s.ids[gatehouse.WaiverKind(f.Kind)] = ids
	s.path, s.also, s.scanner = f.Location.Path, f.Also, f.Scanner
	s.fingerprints = []string{f.Fingerprint, f.ID}
	s.narrow = true
}

func (s *subject) addGap(g *gatehouse.Gap) {
	s.ids[gatehouse.WaiverCoverage] = []string{string(g.Code)}
	s.path, s.scanner = g.Path, g.Scanner
	s.narrow = true
}

func findingSubject(f *gatehouse.Finding) subject {
	s := subject{ids: map[gatehouse.WaiverKind][]string{}}
	s.addFinding(f)
	return s
}

func gapSubject(g *gatehouse.Gap) subject {
	s := subject{ids: map[gatehouse.WaiverKind][]string{}}
	s.addGap(g)
	return s
}

func violationSubject(in *Input, v *gatehouse.Violation) subject {
	s := subject{ids: map[gatehouse.WaiverKind][]string{}}
	if g := in.gaps[v.Gap]; g != nil {
		s.addGap(g)
	}
	if f := in.findings[v.Finding]; f != nil {
		s.addFinding(f)
	}
	s.ids[gatehouse.WaiverPolicy] = []string{v.Rule}
	if v.ID != "" {
		s.ids[gatehouse.WaiverPolicy] = append(s.ids[gatehouse.WaiverPolicy], v.ID)
	}
	if v.Finding == "" {
		s.addDetails(v)
	}
	if v.Location != nil {
		s.path, s.narrow = v.Location.Path, true
	}
	return s
}

// covers reports whether the waiver, were it in force, covers the subject.
func covers(w *gatehouse.Waiver, s *subject) bool {
	ids := s.ids[w.Kind]
	matched := slices.ContainsFunc(w.Match, func(m string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return matchWildcard(m, id) })
	})
	if !matched {
		return false
	}
	sc := &w.Scope
	if len(sc.Paths)+len(sc.Purls)+len(sc.Resources)+len(sc.Fingerprints)+len(sc.Scanners) == 0 {
		// A policy rule is a judgement over many things; without a scope its
		// waiver would turn the rule off.
		return w.Kind != gatehouse.WaiverPolicy || !s.narrow
	}
	covered := func(path string) bool {
		return applies(sc.Paths, func(g string) bool { return path != "" && doublestar.MatchUnvalidated(g, path) })
	}
	return covered(s.path) && !slices.ContainsFunc(s.also, func(l gatehouse.Location) bool { return !covered(l.Path) }) &&
		applies(sc.Purls, func(p string) bool { return samePurl(p, s.purl) }) &&
		applies(sc.Resources, func(r string) bool { return s.resource != "" && matchWildcard(r, s.resource) }) &&
		applies(sc.Fingerprints, func(f string) bool { return slices.Contains(s.fingerprints, f) }) &&
		applies(sc.Scanners, func(n string) bool { return s.scanner != "" && n == s.scanner })
}

// applies reports whether a part of a scope is left open, or has an item for
// which yes is true.
func applies(items []string, yes func(string) bool) bool {
	return len(items) == 0 || slices.ContainsFunc(items, yes)
}

// samePurl reports whether a package URL of a waiver means the package. A
// waiver without version means all versions; qualifiers do not count.
func samePurl(waiver, have string) bool {
	if have == "" {
		return false
	}
	wb, wv := splitPurl(unescapePurl(waiver))
	hb, hv := splitPurl(unescapePurl(have))
	return wb == hb && (wv == "" || wv == hv)
}

// unescapePurl decodes percent signs, but keeps "@" of a namespace apart from
// that of the version: it stands before the last slash.
func unescapePurl(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

func expired(w *gatehouse.Waiver, now time.Time) bool {
	return w.Expires.IsZero() || now.Unix() > w.Expires.Unix()
}

// use counts what each waiver covers.
type use struct {
	waivers []gatehouse.Waiver
	matches []int
	now     time.Time
}

func newUse(waivers []gatehouse.Waiver, now time.Time) *use {
	return &use{waivers: waivers, matches: make([]int, len(waivers)), now: now}
}

// find returns the id of the first waiver in force that covers the subject, or
// "". Each waiver that does is counted.
func (u *use) find(s *subject) string {
	id := ""
	for i := range u.waivers {
		w := &u.waivers[i]
		if !covers(w, s) {
			continue
		}
		u.matches[i]++
		if id == "" && !expired(w, u.now) {
			id = w.ID
		}
	}
	return id
}

func (u *use) report() []gatehouse.WaiverUse {
	out := make([]gatehouse.WaiverUse, len(u.waivers))
	for i, w := range u.waivers {
		state := gatehouse.WaiverUsed
		switch {
		case expired(&w, u.now):
			state = gatehouse.WaiverExpired
		case u.matches[i] == 0:
			state = gatehouse.WaiverUnused
		case w.Expires.Sub(u.now) < ExpiringWithin:
			state = gatehouse.WaiverExpiring
		}
		out[i] = gatehouse.WaiverUse{Waiver: w, State: state, Matches: u.matches[i]}
	}
	return out
}

// MatchReport says for each waiver how many findings and gaps of a report it
// covers, without policies. Waivers of policy rules cover nothing here: for
// them, see the waivers of a verdict.
func MatchReport(report *gatehouse.Report, waivers []gatehouse.Waiver, now time.Time) []gatehouse.WaiverUse {
	u := newUse(waivers, now)
	for i := range report.Findings {
		s := findingSubject(&report.Findings[i])
		u.find(&s)
	}
	for i := range report.Coverage.Gaps {
		s := gapSubject(&report.Coverage.Gaps[i])
		u.find(&s)
	}
	return u.report()
}

// apply puts the judgement into the verdict, with what waivers cover apart.
func (j *judgement) apply(v *gatehouse.Verdict, waivers []gatehouse.Waiver) {
	u := newUse(waivers, j.in.now)
	v.Violations, v.Gaps = []gatehouse.Violation{}, []gatehouse.Gap{}
	v.Warnings = append([]gatehouse.Violation{}, j.warnings...)
	v.Waived = []gatehouse.Waived{}
	for i := range j.violations {
		s := violationSubject(j.in, &j.violations[i])
		if id := u.find(&s); id != "" {
			v.Waived = append(v.Waived, gatehouse.Waived{Waiver: id, Violation: &j.violations[i]})
		} else {
			v.Violations = append(v.Violations, j.violations[i])
		}
	}
	for i := range j.gaps {
		s := gapSubject(&j.gaps[i])
		if id := u.find(&s); id != "" {
			v.Waived = append(v.Waived, gatehouse.Waived{Waiver: id, Gap: &j.gaps[i]})
		} else {
			v.Gaps = append(v.Gaps, j.gaps[i])
		}
	}
	v.Waived = append(v.Waived, j.excepted...)
	v.Waivers = u.report()
}

// addDetails reads what a rule says about the subject if it names no finding:
// a package, and the licences that it objects to.
func (s *subject) addDetails(v *gatehouse.Violation) {
	d := readDetails(v.Details)
	if d.Purl != "" {
		s.purl, s.narrow = d.Purl, true
	}
	if len(d.Licenses) > 0 && strings.HasPrefix(v.Rule, "gatehouse.") {
		s.ids[gatehouse.WaiverKind(gatehouse.KindLicense)] = d.Licenses
	}
	if d.Resource != "" {
		s.resource = d.Resource
	}
}

// details are the keys of a rule's object that scopes of waivers can name.
type details struct {
	Purl     string   `json:"purl"`
	Licenses []string `json:"licenses"`
	Resource string   `json:"resource"`
}

// readDetails leaves out what has another type: other policies use the same
// keys for other things.
func readDetails(raw gatehouse.RawJSON) details {
	var d details
	var fields map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &fields) != nil {
		return d
	}
	for key, into := range map[string]any{"purl": &d.Purl, "licenses": &d.Licenses, "resource": &d.Resource} {
		if f, ok := fields[key]; ok && json.Unmarshal(f, into) != nil {
			continue
		}
	}
	return d
}
