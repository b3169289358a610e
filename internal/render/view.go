package render

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// view is the input, joined and sorted: the worst first.
type view struct {
	report  *gatehouse.Report
	verdict *gatehouse.Verdict // nil for a scan

	// violations and warnings are one issue for each finding, and one for each
	// objection that is not about a finding.
	violations []issue
	warnings   []issue
	// waived are issues that a waiver covers.
	waived []issue
	// others are findings that no policy objects to; all findings of a scan.
	others []issue

	// gaps are those that count: all gaps of a scan.
	gaps       []gatehouse.Gap
	waivedGaps []waivedGap

	waivers map[string]*gatehouse.WaiverUse
	prefix  string
}

// inRepository is the path as code hosts want it.
func (v *view) inRepository(p string) string {
	p = strings.TrimLeft(p, "/") // of the documents of an image
	if v.prefix == "" {
		return p
	}
	return path.Join(v.prefix, p)
}

// issue is one problem as a reader sees it: a finding, what policies say about
// it, and who waived it; or a policy's objection alone.
type issue struct {
	finding    *gatehouse.Finding     // nil if the objection is not about a finding
	objections []*gatehouse.Violation // empty for a finding of a scan
	waiver     string                 // id; empty if it counts

	id       string // unique and stable
	rule     string // of the finding, or of the policy
	severity gatehouse.Severity
	title    string
	message  string
	fix      string
	location gatehouse.Location // zero if unknown
	inImage  string             // see [view.inImage]
}

type waivedGap struct {
	gap    gatehouse.Gap
	waiver string
}

func newView(in Input) *view {
	v := &view{report: in.Report, verdict: in.Verdict, prefix: in.PathPrefix, waivers: map[string]*gatehouse.WaiverUse{}}
	findings := make(map[string]*gatehouse.Finding, len(in.Report.Findings))
	for i := range in.Report.Findings {
		findings[in.Report.Findings[i].ID] = &in.Report.Findings[i]
	}
	if in.Verdict == nil {
		for i := range in.Report.Findings {
			v.others = append(v.others, v.findingIssue(&in.Report.Findings[i]))
		}
		sortIssues(v.others)
		v.gaps = in.Report.Coverage.Gaps
		return v
	}
	for i := range in.Verdict.Waivers {
		v.waivers[in.Verdict.Waivers[i].ID] = &in.Verdict.Waivers[i]
	}
	mentioned := map[string]bool{}
	collect := func(violations []gatehouse.Violation) []issue {
		var all []issue
		at := map[string]int{} // of the issue for a finding
		for i := range violations {
			viol := &violations[i]
			f := findings[viol.Finding]
			if f == nil {
				all = append(all, policyIssue(viol))
				continue
			}
			mentioned[f.ID] = true
			j, ok := at[f.ID]
			if !ok {
				j = len(all)
				at[f.ID] = j
				all = append(all, v.findingIssue(f))
			}
			all[j].object(viol)
		}
		sortIssues(all)
		return all
	}
	v.violations = collect(in.Verdict.Violations)
	v.warnings = collect(in.Verdict.Warnings)
	byWaiver := map[string][]gatehouse.Violation{}
	var ids []string
	for _, w := range in.Verdict.Waived {
		if w.Violation != nil {
			if byWaiver[w.Waiver] == nil {
				ids = append(ids, w.Waiver)
			}
			byWaiver[w.Waiver] = append(byWaiver[w.Waiver], *w.Violation)
		}
		if w.Gap != nil {
			v.waivedGaps = append(v.waivedGaps, waivedGap{*w.Gap, w.Waiver})
		}
	}
	for _, id := range ids {
		for _, is := range collect(byWaiver[id]) {
			is.waiver = id
			v.waived = append(v.waived, is)
		}
	}
	sortIssues(v.waived)
	v.gaps = in.Verdict.Gaps
	for i := range in.Report.Findings {
		if f := &in.Report.Findings[i]; !mentioned[f.ID] {
			v.others = append(v.others, v.findingIssue(f))
		}
	}
	sortIssues(v.others)
	return v
}

func (v *view) findingIssue(f *gatehouse.Finding) issue {
	is := issue{
		finding: f, id: firstOf(f.ID, f.Fingerprint), rule: f.Rule, severity: f.Severity,
		title: firstOf(f.Title, f.Rule), message: firstOf(f.Message, f.Title, f.Rule) + also(f.Also),
		fix: f.Fix, location: f.Location, inImage: v.inImage(f),
	}
	if is.inImage != "" {
		is.message = strings.TrimSuffix(is.message, ".") + "; " + is.inImage
	}
	return is
}

// inImage says, as a clause, where in an image a finding is; empty if it is in none.
func (v *view) inImage(f *gatehouse.Finding) string {
	info := v.report.Target.Image
	if info == nil {
		return ""
	}
	s := ""
	switch {
	case f.Layer != nil:
		s = f.Layer.String()
	case strings.HasPrefix(f.Location.Path, "//"):
		s = "in the configuration of the image"
	}
	if len(f.Platforms) > 0 && len(f.Platforms) < len(info.Platforms) {
		s = strings.TrimSpace(s + " (" + strings.Join(f.Platforms, ", ") + ")")
	}
	return s
}

// also says where else a secret stands.
func also(places []gatehouse.Location) string {
	if len(places) == 0 {
		return ""
	}
	const max = 3
	names := make([]string, 0, max)
	for _, l := range places[:min(max, len(places))] {
		names = append(names, l.String())
	}
	s := fmt.Sprintf("; and in %d more places: %s", len(places), strings.Join(names, ", "))
	if len(places) == 1 {
		s = "; and in " + names[0]
	}
	if len(places) > max {
		s += ", …"
	}
	return s
}

func policyIssue(v *gatehouse.Violation) issue {
	is := issue{
		objections: []*gatehouse.Violation{v}, rule: firstOf(v.ID, v.Rule), severity: v.Severity,
		title: firstOf(v.Title, v.Rule), message: firstOf(v.Message, v.Title, v.Rule), fix: v.Solution,
	}
	if v.Location != nil {
		is.location = *v.Location
	}
	// Lines are left out, so that the id survives edits above the place.
	is.id = hash("policy", v.Rule, is.location.Path, v.Message, v.Gap)
	return is
}

// object adds what a policy says about the finding of the issue.
func (is *issue) object(v *gatehouse.Violation) {
	is.objections = append(is.objections, v)
	is.severity = max(is.severity, v.Severity)
	is.fix = firstOf(is.fix, v.Solution)
	if is.location.Path == "" && v.Location != nil {
		is.location = *v.Location
	}
}

// policies are the distinct names of the policy rules that object.
func (is *issue) policies() []string {
	var all []string
	for _, o := range is.objections {
		if !slices.Contains(all, o.Rule) {
			all = append(all, o.Rule)
		}
	}
	return all
}

// kind is that of the finding, or WaiverPolicy.
func (is *issue) kind() gatehouse.Kind {
	if is.finding == nil {
		return gatehouse.Kind(gatehouse.WaiverPolicy)
	}
	return is.finding.Kind
}

func sortIssues(all []issue) {
	slices.SortStableFunc(all, func(a, b issue) int {
		return cmp.Or(
			-cmp.Compare(a.severity, b.severity),
			cmp.Compare(kindOrder(a.kind()), kindOrder(b.kind())),
			cmp.Compare(a.location.Path, b.location.Path),
			cmp.Compare(a.location.Line, b.location.Line),
			cmp.Compare(a.rule, b.rule),
			cmp.Compare(a.message, b.message),
			cmp.Compare(a.id, b.id),
			cmp.Compare(a.waiver, b.waiver),
		)
	})
}

// kindOrder is the order in which people should act on equally bad problems: a
// secret can be used by others from the moment it is published.
func kindOrder(k gatehouse.Kind) int {
	i := slices.Index([]gatehouse.Kind{
		gatehouse.KindSecret, gatehouse.KindVulnerability,
		gatehouse.KindMisconfiguration, gatehouse.KindLicense,
	}, k)
	if i < 0 {
		return 9
	}
	return i
}

// outcome is the name of the outcome, or SCAN if there is no verdict.
func (v *view) outcome() string {
	if v.verdict == nil {
		return "SCAN"
	}
	return v.verdict.Outcome.String()
}

// reasons says why the outcome is what it is; never empty.
func (v *view) reasons() []string {
	if v.verdict != nil {
		if len(v.verdict.Reasons) > 0 {
			return v.verdict.Reasons
		}
		return []string{"The verdict gives no reason."}
	}
	s := "Nothing was found"
	if n := len(v.others); n > 0 {
		s = fmt.Sprintf("%s (%s)", count(n, "finding"), severityCounts(countSeverities(v.others)))
	}
	reasons := []string{s + "; no policy was evaluated, so this is not a verdict."}
	if n := len(v.gaps); n > 0 {
		reasons = append(reasons, count(n, "gap")+": not everything could be judged.")
	}
	return reasons
}

// passed reports whether everything is well. A scan passes if it has neither
// findings nor gaps.
func (v *view) passed() bool {
	if v.verdict == nil {
		return len(v.others) == 0 && len(v.gaps) == 0
	}
	return v.verdict.Outcome == gatehouse.OutcomePass
}

// waiverText says who waived something, until when and why.
func (v *view) waiverText(id string) string {
	w := v.waivers[id]
	if w == nil {
		return "waived by " + id
	}
	s := fmt.Sprintf("waived by %s until %s (waiver %s)", w.Owner, w.Expires.UTC().Format("2006-01-02"), id)
	if w.Reason != "" {
		s += ": " + w.Reason
	}
	return s
}

func countSeverities(all []issue) map[gatehouse.Severity]int {
	counts := map[gatehouse.Severity]int{}
	for i := range all {
		counts[all[i].severity]++
	}
	return counts
}

// gapText is what a gap is about and why.
func gapText(g gatehouse.Gap) string {
	s := g.Reason
	if g.Entry != "" {
		s = g.Entry + ": " + s
	}
	if g.Platform != "" {
		s += " (" + g.Platform + ")"
	}
	return s
}

func gapLocation(g gatehouse.Gap) gatehouse.Location {
	return gatehouse.Location{Path: g.Path, Line: g.Line}
}

// gapRule is the name under which gaps appear as problems.
func gapRule(c gatehouse.GapCode) string { return "coverage/" + string(c) }

func gapID(g gatehouse.Gap) string {
	return firstOf(g.ID, hash("gap", string(g.Code), g.Scanner, g.Path, g.Entry, g.Reason))
}

// hash identifies the parts.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s\x00", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// rulePackage splits the path of a policy rule into package and name.
func rulePackage(rule string) (pkg, name string) {
	if i := strings.LastIndexByte(rule, '.'); i > 0 {
		return rule[:i], rule[i+1:]
	}
	return rule, rule
}
