package render

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

const (
	// maxComment is the largest body of a GitHub comment in characters; GitLab
	// allows 1,000,000. Bytes are counted, which are never fewer.
	maxComment = 65_536
	// commentReserve is kept for the note that something was left out.
	commentReserve = 600
	maxRows        = 50
	maxListed      = 30
	maxCell        = 300
)

// markdown is a comment of bounded size.
type markdown struct {
	b    strings.Builder
	left int // rows and lines left out
}

// add writes s if it leaves the reserve, and reports whether it did.
func (m *markdown) add(s string) bool {
	if m.b.Len()+len(s) > maxComment-commentReserve {
		return false
	}
	m.b.WriteString(s)
	return true
}

// block writes head, as many rows as allowed, and tail.
func (m *markdown) block(head string, rows []string, limit int, tail string) {
	if m.b.Len()+len(head)+len(tail)+200 > maxComment-commentReserve {
		m.left += max(len(rows), 1)
		return
	}
	m.b.WriteString(head)
	shown := 0
	for _, r := range rows {
		if shown == limit || m.b.Len()+len(r)+len(tail)+200 > maxComment-commentReserve {
			break
		}
		m.b.WriteString(r)
		shown++
	}
	if n := len(rows) - shown; n > 0 {
		m.left += n
		fmt.Fprintf(&m.b, "\n… and %s more.\n", thousands(n))
	}
	m.b.WriteString(tail)
}

func renderMarkdown(w *bufio.Writer, in Input) error {
	v := newView(in)
	m := &markdown{}
	m.heading(v)
	m.problems(v)
	m.gaps(v)
	m.waived(v)
	m.list("Warnings", v.warnings)
	if v.verdict != nil {
		m.list("Findings that no policy objects to", v.others)
	}
	m.coverage(v)
	if m.left > 0 {
		fmt.Fprintf(&m.b, "\n_%s left out here; the formats text and json have all._\n", count(m.left, "line"))
	}
	w.WriteString(m.b.String())
	return nil
}

func (m *markdown) heading(v *view) {
	mark := map[bool]string{true: "✅", false: "❌"}[v.passed()]
	switch {
	case v.verdict == nil:
		mark = "🔎"
	case v.verdict.Outcome == gatehouse.OutcomeIncomplete:
		mark = "⚠️"
	}
	m.add(fmt.Sprintf("## %s gatehouse: %s\n\n", mark, v.outcome()))
	for _, r := range v.reasons() {
		if !m.add(mdCell(r) + "\n") {
			m.left++
		}
	}
}

func (m *markdown) problems(v *view) {
	all := v.violations
	if v.verdict == nil {
		all = v.others
	}
	if len(all) == 0 {
		return
	}
	todo := "\n**What to do next**\n\n"
	for _, r := range remedies(all) {
		var what []string
		for _, e := range r.entries {
			what = append(what, mdCode(e.what))
		}
		todo += "- " + mdCell(r.title) + ": " + some(what, 4) + "\n"
	}
	if !m.add(todo) {
		m.left++
	}
	var rows []string
	for i := range all {
		is := &all[i]
		what := "**" + mdCode(is.rule) + "** " + mdCell(is.message)
		if p := is.policies(); len(p) > 0 && is.finding != nil {
			what += "<br><sub>" + mdCode(strings.Join(p, ", ")) + "</sub>"
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", is.severity, what, mdPlace(is.location), mdCell(fixText(is))))
	}
	m.block("\n| Severity | Problem | Where | Fix |\n| --- | --- | --- | --- |\n", rows, maxRows, "")
}

func (m *markdown) gaps(v *view) {
	if len(v.gaps) == 0 {
		return
	}
	var rows []string
	for _, g := range v.gaps {
		rows = append(rows, fmt.Sprintf("- %s %s: %s\n", mdCode(gapRule(g.Code)), mdPlace(gapLocation(g)), mdCell(gapText(g))))
	}
	m.block(details("Could not be judged: "+count(len(rows), "gap")), rows, maxListed, endDetails)
}

func (m *markdown) waived(v *view) {
	var rows []string
	for i := range v.waived {
		is := &v.waived[i]
		rows = append(rows, fmt.Sprintf("- %s %s in %s: %s\n", is.severity, mdCode(is.rule), mdPlace(is.location), mdCell(v.waiverText(is.waiver))))
	}
	for _, g := range v.waivedGaps {
		rows = append(rows, fmt.Sprintf("- %s %s: %s\n", mdCode(gapRule(g.gap.Code)), mdPlace(gapLocation(g.gap)), mdCell(v.waiverText(g.waiver))))
	}
	title := "Waived: " + count(len(rows), "problem")
	if len(rows) == 0 {
		title = "Waivers to review"
	}
	if v.verdict != nil {
		for _, w := range v.verdict.Waivers {
			if w.State == gatehouse.WaiverUnused || w.State == gatehouse.WaiverExpired || w.State == gatehouse.WaiverExpiring {
				rows = append(rows, fmt.Sprintf("- waiver %s of %s is %s (until %s)\n", mdCode(w.ID), mdCell(w.Owner), w.State, w.Expires.UTC().Format(time.DateOnly)))
			}
		}
	}
	if len(rows) > 0 {
		m.block(details(title), rows, maxListed, endDetails)
	}
}

func (m *markdown) list(title string, all []issue) {
	if len(all) == 0 {
		return
	}
	var rows []string
	for i := range all {
		is := &all[i]
		rows = append(rows, fmt.Sprintf("- %s %s %s: %s\n", is.severity, mdCode(is.rule), mdPlace(is.location), mdCell(is.message)))
	}
	m.block(details(fmt.Sprintf("%s: %s", title, thousands(len(all)))), rows, maxListed, endDetails)
}

func (m *markdown) coverage(v *view) {
	c := &v.report.Coverage
	var rows []string
	for _, s := range c.Scanners {
		db := "-"
		if d, ok := v.report.Databases[s.Name]; ok {
			db = mdCell(firstOf(d.UpdatedAt, "date unknown"))
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %d | %d | %d | %s | %s |\n", mdCell(s.Name), mdCell(string(s.Status)), s.Scanned, s.Skipped, s.Failed, selfTest(c, &s), db))
	}
	tail := "\n"
	skips := map[string]int{}
	for _, s := range c.Skipped {
		skips[s.Reason]++
	}
	for _, r := range slices.Sorted(maps.Keys(skips))[:min(len(skips), 10)] {
		tail += fmt.Sprintf("- left out: %d × %s\n", skips[r], mdCell(r))
	}
	if len(skips) > 10 {
		tail += "- left out: for " + count(len(skips)-10, "more reason") + "\n"
	}
	if v.verdict != nil {
		tail += fmt.Sprintf("\nPolicy %s (%s), judged as of %s.\n", mdCode(v.verdict.Policy.Digest), count(v.verdict.Policy.Rules, "rule"), v.verdict.Time.UTC().Format(time.RFC3339))
	}
	m.block(details(fmt.Sprintf("What was checked: %s", count(v.report.Target.Files, "file")))+
		"| Scanner | Status | Scanned | Skipped | Failed | Self-test | Database of |\n| --- | --- | ---: | ---: | ---: | --- | --- |\n",
		rows, maxListed, tail+endDetails)
}

func details(title string) string { return "\n<details><summary>" + title + "</summary>\n\n" }

const endDetails = "\n</details>\n"

func mdPlace(l gatehouse.Location) string {
	if l.Path == "" {
		return "-"
	}
	return mdCode(gatehouse.Location{Path: l.Path, Line: l.Line}.String())
}

// mdCell is text for a table or a list: one line of bounded length.
func mdCell(s string) string { return mdText(clip(s, maxCell)) }

// mdCode is literal text. HTML is used because nothing inside it is markup,
// mention or link, whatever characters it has.
func mdCode(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + mdEscape.Replace(clean(clip(s, maxCell))) + "</code>"
}

// mdText is prose. A zero-width space keeps "@name", "#1" and URLs from being
// a mention, a reference or a link.
func mdText(s string) string { return mdBreak.Replace(mdEscape.Replace(clean(s))) }

var (
	// mdEscape writes all characters with a meaning in GitHub Flavored
	// Markdown as references, which are never read as structure.
	mdEscape = strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "|", "&#124;", "`", "&#96;", `\`, "&#92;",
		"*", "&#42;", "_", "&#95;", "~", "&#126;", "[", "&#91;", "]", "&#93;", "$", "&#36;",
	)
	mdBreak = strings.NewReplacer("@", "@\u200b", "&#", "&#", "#", "#\u200b", "://", ":\u200b//", "www.", "www\u200b.")
)
