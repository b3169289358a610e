package render

import (
	"bufio"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// codeQuality is an entry of GitLab's Code Quality report; see
// https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
type codeQuality struct {
	Description string          `json:"description"`
	CheckName   string          `json:"check_name"`
	Fingerprint string          `json:"fingerprint"`
	Severity    string          `json:"severity"`
	Location    qualityLocation `json:"location"`
}

type qualityLocation struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
		End   int `json:"end,omitempty"`
	} `json:"lines"`
}

func renderGitLab(w *bufio.Writer, in Input) error {
	v := newView(in)
	out := []codeQuality{}
	add := func(description, rule, id, severity string, loc gatehouse.Location) {
		q := codeQuality{Description: clean(description), CheckName: clean(rule), Fingerprint: id, Severity: severity}
		// Both are required; a problem of the whole target stands at its root.
		q.Location.Path = v.inRepository(firstOf(loc.Path, "."))
		q.Location.Lines.Begin = max(loc.Line, 1)
		if loc.EndLine > loc.Line {
			q.Location.Lines.End = loc.EndLine
		}
		out = append(out, q)
	}
	seen := map[string]bool{}
	issues := func(all []issue, severity func(*issue) string, suffix func(*issue) string) {
		for i := range all {
			is := &all[i]
			// GitLab merges entries with the same fingerprint; the first is
			// what counts.
			if seen[is.id] {
				continue
			}
			seen[is.id] = true
			add(is.message+suffix(is), is.rule, is.id, severity(is), is.location)
		}
	}
	none := func(*issue) string { return "" }
	bySeverity := func(is *issue) string { return qualitySeverity(is.severity) }
	if !v.passed() {
		// So that the report of a verdict that is not a pass is never empty.
		add("gatehouse: "+v.outcome()+": "+strings.Join(v.reasons(), "; "), "gatehouse", hash("verdict", v.outcome()), "blocker", gatehouse.Location{})
		if v.verdict == nil {
			out[0].Severity = "info"
		}
	}
	issues(v.violations, bySeverity, none)
	if v.verdict == nil {
		issues(v.others, bySeverity, none)
	}
	for _, g := range v.gaps {
		add("not judged: "+gapText(g), gapRule(g.Code), gapID(g), "critical", gapLocation(g))
	}
	issues(v.warnings, func(*issue) string { return "minor" }, none)
	issues(v.waived, func(*issue) string { return "info" }, func(is *issue) string { return " [" + v.waiverText(is.waiver) + "]" })
	for _, g := range v.waivedGaps {
		add("not judged: "+gapText(g.gap)+" ["+v.waiverText(g.waiver)+"]", gapRule(g.gap.Code), gapID(g.gap), "info", gapLocation(g.gap))
	}
	return writeJSON(w, out)
}

func qualitySeverity(s gatehouse.Severity) string {
	switch s {
	case gatehouse.SeverityCritical:
		return "blocker"
	case gatehouse.SeverityHigh:
		return "critical"
	case gatehouse.SeverityMedium:
		return "major"
	case gatehouse.SeverityLow:
		return "minor"
	}
	return "info"
}
