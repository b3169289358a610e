package render

import (
	"bufio"
	"fmt"
	"net/url"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// The parts of SARIF 2.1.0 that are written; see
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Invocations        []sarifInvocation        `json:"invocations"`
		OriginalURIBaseIDs map[string]sarifArtifact `json:"originalUriBaseIds"`
		ColumnKind         string                   `json:"columnKind"`
		Results            []sarifResult            `json:"results"`
		Properties         map[string]any           `json:"properties,omitempty"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string          `json:"id"`
		Name                 string          `json:"name,omitempty"`
		ShortDescription     sarifMessage    `json:"shortDescription"`
		FullDescription      *sarifMessage   `json:"fullDescription,omitempty"`
		HelpURI              string          `json:"helpUri,omitempty"`
		Help                 *sarifMessage   `json:"help,omitempty"`
		DefaultConfiguration sarifConfig     `json:"defaultConfiguration"`
		Properties           sarifProperties `json:"properties"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	// sarifProperties are those that GitHub reads; see
	// https://docs.github.com/code-security/reference/code-scanning/sarif-support
	sarifProperties struct {
		Tags             []string `json:"tags"`
		Precision        string   `json:"precision,omitempty"`
		SecuritySeverity string   `json:"security-severity,omitempty"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifInvocation struct {
		ExecutionSuccessful        bool                `json:"executionSuccessful"`
		ToolExecutionNotifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level      string          `json:"level"`
		Message    sarifMessage    `json:"message"`
		Descriptor *sarifReference `json:"descriptor,omitempty"`
		Locations  []sarifLocation `json:"locations,omitempty"`
	}
	sarifReference struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID              string             `json:"ruleId"`
		RuleIndex           int                `json:"ruleIndex"`
		Level               string             `json:"level"`
		Message             sarifMessage       `json:"message"`
		Locations           []sarifLocation    `json:"locations"`
		RelatedLocations    []sarifLocation    `json:"relatedLocations,omitempty"`
		PartialFingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions        []sarifSuppression `json:"suppressions,omitempty"`
		Properties          map[string]any     `json:"properties,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation struct {
			ArtifactLocation sarifArtifact `json:"artifactLocation"`
			Region           *sarifRegion  `json:"region,omitempty"`
		} `json:"physicalLocation"`
	}
	sarifArtifact struct {
		URI         string        `json:"uri,omitempty"`
		URIBaseID   string        `json:"uriBaseId,omitempty"`
		Description *sarifMessage `json:"description,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

const (
	sarifSchema    = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	sarifBase      = "%SRCROOT%"
	informationURI = "https://github.com/gatehouse-sec/gatehouse"
	fingerprintKey = "gatehouse/v1"
	// maxRelated bounds the other places of a secret: GitHub shows 1,000
	// locations of a result at most, and few people read ten.
	maxRelated = 100
)

func renderSARIF(w *bufio.Writer, in Input) error {
	b := newSARIF(newView(in))
	run := sarifRun{ColumnKind: "utf16CodeUnits", Results: b.results}
	run.Tool.Driver = sarifDriver{
		Name: "gatehouse", Version: b.view.report.Tool.Version,
		InformationURI: informationURI, Rules: b.rules,
	}
	run.OriginalURIBaseIDs = map[string]sarifArtifact{sarifBase: {Description: &sarifMessage{Text: "The root of the repository."}}}
	run.Invocations = []sarifInvocation{b.invocation()}
	run.Properties = map[string]any{
		"outcome": b.view.outcome(),
		"reasons": b.view.reasons(),
		"target":  b.view.report.Target.Digest,
	}
	if v := b.view.verdict; v != nil {
		run.Properties["policy"] = v.Policy.Digest
		run.Properties["coverage"] = v.CoverageDigest
		run.Properties["evaluationTime"] = v.Time.UTC()
	}
	return writeJSON(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// sarifBuilder collects rules and the results that refer to them.
type sarifBuilder struct {
	view    *view
	rules   []sarifRule
	index   map[string]int // of a rule, by kind and id
	taken   map[string]bool
	results []sarifResult
	seen    map[string]bool // ids of issues
}

func newSARIF(v *view) *sarifBuilder {
	b := &sarifBuilder{view: v, rules: []sarifRule{}, results: []sarifResult{},
		index: map[string]int{}, taken: map[string]bool{}, seen: map[string]bool{}}
	b.issues(v.violations, func(*issue) string { return "error" })
	b.gaps()
	b.issues(v.warnings, func(*issue) string { return "warning" })
	b.issues(v.waived, func(is *issue) string { return severityLevel(is.severity) })
	b.issues(v.others, func(is *issue) string {
		if v.verdict != nil {
			return "note" // no policy objects
		}
		return severityLevel(is.severity)
	})
	return b
}

func (b *sarifBuilder) issues(all []issue, level func(*issue) string) {
	for i := range all {
		is := &all[i]
		// A finding is one result; that it counts is more important than that
		// it is waived elsewhere.
		if b.seen[is.id] {
			continue
		}
		b.seen[is.id] = true
		rule := b.rule(is)
		r := sarifResult{
			RuleID: b.rules[rule].ID, RuleIndex: rule, Level: level(is),
			Message:             sarifMessage{Text: sarifText(resultText(is))},
			Locations:           []sarifLocation{b.location(is.location)},
			PartialFingerprints: map[string]string{fingerprintKey: fingerprint(is)},
		}
		if is.waiver != "" {
			r.Suppressions = []sarifSuppression{b.suppression(is.waiver)}
		}
		if f := is.finding; f != nil {
			for _, l := range f.Also[:min(len(f.Also), maxRelated)] {
				r.RelatedLocations = append(r.RelatedLocations, b.location(l))
			}
			if f.Suppressed != nil {
				r.Suppressions = append(r.Suppressions, sarifSuppression{Kind: "inSource", Status: "accepted",
					Justification: "Suppressed by " + f.Suppressed.String()})
			}
		}
		if p := is.policies(); len(p) > 0 {
			r.Properties = map[string]any{"policies": p}
		}
		b.results = append(b.results, r)
	}
}

// gaps become results too: consoles show results, but hardly any shows
// notifications, and what was not judged must not look like nothing found.
func (b *sarifBuilder) gaps() {
	add := func(g gatehouse.Gap, waiver string) {
		rule := b.gapRule(g.Code)
		r := sarifResult{
			RuleID: b.rules[rule].ID, RuleIndex: rule, Level: "error",
			Message:             sarifMessage{Text: sarifText("Not judged: " + gapText(g))},
			Locations:           []sarifLocation{b.location(gapLocation(g))},
			PartialFingerprints: map[string]string{fingerprintKey: gapID(g)},
		}
		if waiver != "" {
			r.Suppressions = []sarifSuppression{b.suppression(waiver)}
		}
		b.results = append(b.results, r)
	}
	for _, g := range b.view.gaps {
		add(g, "")
	}
	for _, g := range b.view.waivedGaps {
		add(g.gap, g.waiver)
	}
}

// invocation says whether everything could be judged. A verdict that is
// incomplete for another reason than a gap counts too.
func (b *sarifBuilder) invocation() sarifInvocation {
	v := b.view
	inv := sarifInvocation{ExecutionSuccessful: len(v.gaps) == 0 &&
		(v.verdict == nil || v.verdict.Outcome != gatehouse.OutcomeIncomplete)}
	add := func(level string, g gatehouse.Gap) {
		n := sarifNotification{Level: level, Message: sarifMessage{Text: sarifText(gapText(g))},
			Descriptor: &sarifReference{ID: gapRule(g.Code)}}
		if g.Path != "" {
			n.Locations = []sarifLocation{b.location(gapLocation(g))}
		}
		inv.ToolExecutionNotifications = append(inv.ToolExecutionNotifications, n)
	}
	if !inv.ExecutionSuccessful && len(v.gaps) == 0 {
		inv.ToolExecutionNotifications = append(inv.ToolExecutionNotifications,
			sarifNotification{Level: "error", Message: sarifMessage{Text: sarifText(strings.Join(v.reasons(), "; "))}})
	}
	for _, g := range v.gaps {
		add("error", g)
	}
	for _, g := range v.waivedGaps {
		add("note", g.gap)
	}
	return inv
}

func (b *sarifBuilder) suppression(id string) sarifSuppression {
	s := sarifSuppression{Kind: "external", Status: "accepted", Justification: b.view.waiverText(id)}
	if w := b.view.waivers[id]; w != nil && w.Ticket != "" {
		s.Justification += " (" + w.Ticket + ")"
	}
	return s
}

// location always has a path: GitHub refuses a file with a result without one.
func (b *sarifBuilder) location(l gatehouse.Location) sarifLocation {
	var out sarifLocation
	out.PhysicalLocation.ArtifactLocation = sarifArtifact{URI: relativeURI(b.view.inRepository(firstOf(l.Path, "."))), URIBaseID: sarifBase}
	if l.Line > 0 {
		r := &sarifRegion{StartLine: l.Line, StartColumn: max(l.Column, 0)}
		if l.EndLine > l.Line {
			r.EndLine = l.EndLine
		}
		out.PhysicalLocation.Region = r
	}
	return out
}

// relativeURI escapes each segment of a path. A colon in the first segment
// would make it a scheme.
func relativeURI(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), ":", "%3A")
	}
	return strings.Join(segments, "/")
}

// fingerprint is that of the finding, so that it survives moves.
func fingerprint(is *issue) string {
	if is.finding != nil && is.finding.Fingerprint != "" {
		return is.finding.Fingerprint
	}
	return is.id
}

func resultText(is *issue) string {
	s := is.message
	if is.finding == nil {
		return s
	}
	for _, o := range is.objections {
		if o.Message != "" && !strings.Contains(s, o.Message) {
			s += fmt.Sprintf("\nPolicy %s: %s", o.Rule, o.Message)
		}
	}
	return s
}

// sarifText escapes embedded links (SARIF 2.1.0, section 3.11.6), so that a
// message from the target cannot place one.
func sarifText(s string) string {
	if strings.Contains(s, "](") {
		s = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(s)
	}
	return firstOf(s, "(no message)")
}

func severityLevel(s gatehouse.Severity) string {
	switch s {
	case gatehouse.SeverityCritical, gatehouse.SeverityHigh:
		return "error"
	case gatehouse.SeverityMedium:
		return "warning"
	}
	return "note"
}
