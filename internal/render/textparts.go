package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse"
)

// gaps lists what could not be judged. Gaps with the same cause are one entry.
func (t *text) gaps() {
	if len(t.view.gaps) == 0 {
		return
	}
	t.section(fmt.Sprintf("Could not be judged: %s", count(len(t.view.gaps), "gap")), "")
	type cause struct{ code, scanner, reason string }
	var causes []cause
	places := map[cause][]gatehouse.Location{}
	for _, g := range t.view.gaps {
		c := cause{string(g.Code), g.Scanner, gapText(g)}
		if _, ok := places[c]; !ok {
			causes = append(causes, c)
			places[c] = nil
		}
		if g.Path != "" {
			places[c] = append(places[c], gapLocation(g))
		}
	}
	// What concerns a whole scanner comes first.
	slices.SortStableFunc(causes, func(a, b cause) int {
		return cmp.Compare(min(len(places[a]), 1), min(len(places[b]), 1))
	})
	shown := causes[:t.fit(len(causes))]
	width := 0
	for _, c := range shown {
		width = max(width, utf8.RuneCountInString(clean(c.code)))
	}
	for _, c := range shown {
		max := 2
		if t.in.Verbose {
			max = len(places[c])
		}
		where := firstOf(placesText(places[c], max), c.scanner, "the whole scan")
		if c.scanner != "" && len(places[c]) > 0 {
			where += " (" + c.scanner + ")"
		}
		for i, l := range wrap(clean(where), t.width-width-4) {
			if i == 0 {
				t.line("  " + t.paint(yellow, pad(clean(c.code), width)) + "  " + l)
			} else {
				t.line(strings.Repeat(" ", width+4) + l)
			}
		}
		t.para(4+width, c.reason, "", 5)
	}
	t.more(len(causes) - len(shown))
	if t.view.verdict != nil {
		t.para(2, "To close a gap, fix its cause, exclude the file in gatehouse.yaml, or waive it for a while with a waiver of kind \"coverage\".", dim, 0)
	}
}

// waived lists each waiver with what it covers, and those that need care.
func (t *text) waived() {
	covered := map[string][]string{}
	for _, is := range t.view.waived {
		covered[is.waiver] = append(covered[is.waiver], strings.TrimSpace(issueLine(&is)+" "+is.location.String()))
	}
	for _, g := range t.view.waivedGaps {
		covered[g.waiver] = append(covered[g.waiver], strings.TrimSpace("gap "+string(g.gap.Code)+" "+gapLocation(g.gap).String()))
	}
	if len(covered) > 0 {
		n := len(t.view.waived) + len(t.view.waivedGaps)
		t.section("Waived: "+count(n, "problem"), "")
	}
	for _, id := range slices.Sorted(maps.Keys(covered)) {
		t.waiverHead(id)
		if w := t.view.waivers[id]; w != nil {
			t.para(4, w.Reason, dim, 2)
		}
		lines := covered[id]
		if len(lines) > 3 && !t.in.Verbose {
			lines = lines[:3]
		}
		for _, l := range lines {
			t.para(4, "- "+l, "", 0)
		}
		if left := len(covered[id]) - len(lines); left > 0 {
			t.skipped = true
			t.line("    " + t.paint(dim, fmt.Sprintf("… and %d more", left)))
		}
	}
	t.waiversToReview()
}

func issueLine(is *issue) string {
	if is.finding != nil && is.finding.Vulnerability != nil {
		p := is.finding.Vulnerability.Package
		return fmt.Sprintf("%s in %s %s,", is.rule, p.Name, p.Version)
	}
	if is.finding == nil {
		return is.message
	}
	return is.rule + " in"
}

// waiverHead is the id and its terms: "until 2026-12-31 (36 days), by anna".
func (t *text) waiverHead(id string) {
	name := clean(id)
	w := t.view.waivers[id]
	if w == nil {
		t.line("  " + t.paint(bold, name))
		return
	}
	s := "until " + w.Expires.UTC().Format(time.DateOnly)
	if t.view.verdict != nil {
		left := count(daysBetween(t.view.verdict.Time, w.Expires), "day")
		if w.State == gatehouse.WaiverExpiring {
			left = "ends soon: " + left
		}
		s += " (" + left + ")"
	}
	s += ", by " + clean(w.Owner)
	if indent := utf8.RuneCountInString(name) + 4; indent+utf8.RuneCountInString(s) <= t.width {
		t.line("  " + t.paint(bold, name) + "  " + s)
		return
	}
	t.line("  " + t.paint(bold, name))
	t.para(4, s, "", 0)
}

func (t *text) waiversToReview() {
	if t.view.verdict == nil {
		return
	}
	var lines []string
	for _, w := range t.view.verdict.Waivers {
		switch w.State {
		case gatehouse.WaiverExpired:
			what := "it matches nothing now: remove it"
			if w.Matches > 0 {
				what = count(w.Matches, "problem") + " that it covered count again"
			}
			lines = append(lines, fmt.Sprintf("%s expired on %s; %s (%s, %s)", w.ID, w.Expires.UTC().Format(time.DateOnly), what, w.Owner, w.Location))
		case gatehouse.WaiverUnused:
			lines = append(lines, fmt.Sprintf("%s matches nothing: remove it (%s, %s)", w.ID, w.Owner, w.Location))
		}
	}
	if len(lines) == 0 {
		return
	}
	t.section("Waivers to review: "+fmt.Sprint(len(lines)), "")
	shown := lines[:t.fit(len(lines))]
	for _, l := range shown {
		t.para(2, l, "", 0)
	}
	t.more(len(lines) - len(shown))
}

// warnings summarises them by rule.
func (t *text) warnings() {
	if len(t.view.warnings) == 0 {
		return
	}
	t.section("Warnings: "+thousands(len(t.view.warnings))+" ("+severityCounts(countSeverities(t.view.warnings))+")", "")
	if t.in.Verbose {
		for _, r := range remedies(t.view.warnings) {
			t.entries(r.entries)
		}
		return
	}
	entries := group(t.view.warnings,
		func(is *issue) string { return is.objections[0].Rule },
		func(all []issue) entry {
			o := all[0].objections[0]
			if len(all) == 1 {
				return entry{what: firstOf(o.Message, all[0].message)}
			}
			return entry{what: fmt.Sprintf("%d × %s", len(all), firstOf(o.Title, o.Rule))}
		})
	t.entries(entries)
}

// others counts the findings that no policy objects to.
func (t *text) others() {
	if t.view.verdict == nil || len(t.view.others) == 0 {
		return
	}
	title := "No policy objects to: " + count(len(t.view.others), "finding") + " (" + severityCounts(countSeverities(t.view.others)) + ")"
	if !t.in.Verbose {
		t.section(title, "-v lists them")
		return
	}
	t.section(title, "")
	for _, r := range remedies(t.view.others) {
		t.entries(r.entries)
	}
}

// coverage is a table of what each scanner did.
func (t *text) coverage() {
	c := &t.view.report.Coverage
	t.section("What was checked", "")
	rows := [][]string{{"scanner", "status", "scanned", "skipped", "failed", "self-test", "matched against"}}
	for _, s := range c.Scanners {
		rows = append(rows, []string{
			clean(s.Name), statusText(s.Status), thousands(s.Scanned), thousands(s.Skipped),
			thousands(s.Failed), selfTest(c, &s), t.matchedAgainst(&s),
		})
	}
	if len(c.Scanners) == 0 {
		t.line("  no scanner ran")
	} else {
		t.table(rows)
	}
	t.databases()
	t.unmatched()
	t.vexDocuments()
	t.boms()
	t.skips()
	t.compliance()
}

// compliance says which controls of each spec hold. What was not assessed is
// always shown.
func (t *text) compliance() {
	for _, c := range t.view.report.Compliance {
		t.section(fmt.Sprintf("%s: %d passed, %d failed, %d not assessed", clean(c.Title), c.Passed, c.Failed, c.NotAssessed), "")
		for _, r := range c.Controls {
			line := fmt.Sprintf("%-12s  %s  %s", r.Status, r.ID, r.Name)
			if n := len(r.Findings); n > 0 {
				line += " (" + count(n, "finding") + ")"
			}
			if r.Reason != "" {
				line += ": " + r.Reason
			}
			t.para(2, clean(line), "", 0)
		}
	}
}

func statusText(s gatehouse.Status) string {
	if s == gatehouse.StatusNotApplicable {
		return "no files"
	}
	return clean(string(s))
}

// selfTest says whether the scanner found its known-bad samples.
func selfTest(c *gatehouse.Coverage, s *gatehouse.ScannerCoverage) string {
	missed := slices.ContainsFunc(c.Gaps, func(g gatehouse.Gap) bool { return g.Code == gatehouse.GapCanary && g.Scanner == s.Name })
	switch {
	case missed:
		return "MISSED"
	case s.Canaries == 0:
		return "none"
	}
	return fmt.Sprintf("ok (%d)", s.Canaries)
}

func (t *text) matchedAgainst(s *gatehouse.ScannerCoverage) string {
	if db, ok := t.view.report.Databases[s.Name]; ok {
		return advisories(db)
	}
	if s.Rules > 0 {
		return count(s.Rules, "rule")
	}
	return "-"
}

func advisories(db gatehouse.Database) string {
	switch db.Advisories {
	case 0:
		return "advisories"
	case 1:
		return "1 advisory"
	}
	return thousands(db.Advisories) + " advisories"
}

// databases says how old the data is.
func (t *text) databases() {
	for _, name := range slices.Sorted(maps.Keys(t.view.report.Databases)) {
		db := t.view.report.Databases[name]
		s := fmt.Sprintf("Database of %s: %s", name, advisories(db))
		if at, err := time.Parse(time.RFC3339, db.UpdatedAt); err != nil {
			s += ", date unknown"
		} else {
			s += ", last updated on " + at.UTC().Format(time.DateOnly)
			if v := t.view.verdict; v != nil && !v.Time.IsZero() {
				s += " (" + count(max(daysBetween(at, v.Time), 0), "day") + " old)"
			}
		}
		if len(db.Sources) > 0 {
			s += ", from " + some(db.Sources, 5)
		}
		t.para(2, s+".", dim, 0)
	}
}

// unmatched counts what no advisory can be found about.
func (t *text) unmatched() {
	for _, s := range t.view.report.Coverage.Scanners {
		var parts []string
		total := 0
		for _, eco := range slices.Sorted(maps.Keys(s.Unmatched)) {
			parts = append(parts, fmt.Sprintf("%s %s", thousands(s.Unmatched[eco]), clean(eco)))
			total += s.Unmatched[eco]
		}
		if total > 0 {
			t.para(2, fmt.Sprintf("Listed by %s without a source of advisories: %s.", clean(s.Name), strings.Join(parts, ", ")), dim, 0)
		}
	}
}

// vexDocuments says what became of each VEX document.
func (t *text) vexDocuments() {
	for _, d := range t.view.report.VEX {
		s := fmt.Sprintf("VEX document %s: %s", clean(d.Path), count(d.Statements, "statement"))
		if d.Author != "" {
			s += " by " + clean(d.Author)
		}
		switch d.Applied {
		case 0:
			s += ", none about a finding"
		default:
			s += ", about " + count(d.Applied, "finding")
		}
		t.para(2, s+".", dim, 0)
		for _, u := range d.Unused {
			t.para(4, clean(fmt.Sprintf("%s about %s does not apply: %s.", u.Place, u.Vulnerability, u.Reason)), dim, 0)
		}
	}
}

// boms says of each bill of materials who made it, and what it does not tell.
func (t *text) boms() {
	for i, b := range t.view.report.SBOMs {
		if i == mostBoms && !t.in.Verbose {
			t.para(2, fmt.Sprintf("%s more; --verbose shows all.", count(len(t.view.report.SBOMs)-mostBoms, "bill of materials")), dim, 0)
			return
		}
		s := fmt.Sprintf("%s %s of %s: %s", strings.TrimSpace(b.Format+" "+b.Spec), b.Path, cmp.Or(strings.Join(b.Producers, ", "), "a tool that it does not name"), count(b.Packages, "package"))
		if len(b.LeftOut) > 0 {
			s += "; " + strings.Join(b.LeftOut, "; ")
		}
		t.para(2, clean(s)+".", dim, 0)
	}
}

// mostBoms is how many bills of materials are shown.
const mostBoms = 10

// table aligns rows; columns of numbers to the right.
func (t *text) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			b.WriteString("  ")
			if i >= 2 && i <= 4 {
				cell = strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + cell
			} else if i < len(r)-1 {
				cell = pad(cell, widths[i])
			}
			b.WriteString(cell)
		}
		line := b.String()
		switch {
		case n == 0:
			line = t.paint(dim, line)
		case strings.TrimSpace(r[1]) == string(gatehouse.StatusPartial), strings.TrimSpace(r[1]) == string(gatehouse.StatusFailed):
			line = t.paint(yellow, line)
		}
		t.line(line)
	}
}

// skips counts what was left out on purpose, by reason.
func (t *text) skips() {
	all := t.view.report.Coverage.Skipped
	if len(all) == 0 {
		return
	}
	byReason := map[string]int{}
	for _, s := range all {
		byReason[s.Reason]++
	}
	reasons := slices.SortedFunc(maps.Keys(byReason), func(a, b string) int {
		return cmp.Or(-cmp.Compare(byReason[a], byReason[b]), cmp.Compare(a, b))
	})
	shown := reasons
	if len(shown) > 4 && !t.in.Verbose {
		shown = shown[:4]
	}
	var parts []string
	for _, r := range shown {
		parts = append(parts, fmt.Sprintf("%s × %s", thousands(byReason[r]), r))
	}
	s := "Left out: " + strings.Join(parts, "; ")
	if n := len(reasons) - len(shown); n > 0 {
		s += "; … and " + count(n, "more reason")
		t.skipped = true
	}
	t.para(2, s+".", dim, 0)
	if t.in.Verbose {
		for _, s := range all {
			t.para(4, s.Path+": "+s.Reason, dim, 0)
		}
	}
}

func daysBetween(from, to time.Time) int { return int(to.Sub(from).Hours() / 24) }

func roundDuration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
