package render

import (
	"bufio"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse"
)

const (
	defaultWidth = 80
	minWidth     = 40
	// maxEntries is how much of a long group is shown without Verbose: what
	// fits on one screen together with the heading and the summary.
	maxEntries = 10
	// closingLines is the length above which the outcome is repeated at the
	// end: the heading has left the screen.
	closingLines = 30
	// bodyIndent is the column of text below a severity.
	bodyIndent = 14
)

// text collects lines. Whatever comes from the target goes through clean
// before it is painted.
type text struct {
	view    *view
	in      Input
	width   int
	lines   []string
	skipped bool // some entries were left out
}

func renderText(w *bufio.Writer, in Input) error {
	t := &text{view: newView(in), in: in, width: in.Width}
	if t.width <= 0 {
		t.width = defaultWidth
	}
	t.width = max(t.width, minWidth)

	t.heading()
	t.toDo()
	t.gaps()
	t.waived()
	t.warnings()
	t.others()
	t.coverage()
	t.closing()
	for _, line := range t.lines {
		w.WriteString(strings.TrimRight(line, " "))
		w.WriteByte('\n')
	}
	return nil
}

type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	redB   style = "1;31"
	greenB style = "1;32"
	yellB  style = "1;33"
)

func (t *text) paint(s style, str string) string {
	if !t.in.Color || s == "" || str == "" {
		return str
	}
	return "\x1b[" + string(s) + "m" + str + "\x1b[0m"
}

func (t *text) line(s string) { t.lines = append(t.lines, s) }

// para writes s wrapped and indented; more than max lines are cut, unless max
// is 0.
func (t *text) para(indent int, s string, st style, max int) {
	lines := wrap(clean(s), t.width-indent)
	if max > 0 && len(lines) > max {
		lines = lines[:max]
		lines[max-1] = clip(lines[max-1], t.width-indent-2) + " …"
		t.skipped = true
	}
	for _, l := range lines {
		t.line(strings.Repeat(" ", indent) + t.paint(st, l))
	}
}

func (t *text) section(title string, aside string) {
	t.line("")
	s := t.paint(bold, title)
	if aside != "" {
		s += "  " + t.paint(dim, aside)
	}
	t.line(s)
}

func (t *text) outcomeStyle() style {
	switch {
	case t.view.verdict == nil:
		return bold
	case t.view.verdict.Outcome == gatehouse.OutcomePass:
		return greenB
	case t.view.verdict.Outcome == gatehouse.OutcomeFail:
		return redB
	}
	return yellB
}

func severityStyle(s gatehouse.Severity) style {
	switch s {
	case gatehouse.SeverityCritical:
		return redB
	case gatehouse.SeverityHigh:
		return red
	case gatehouse.SeverityMedium:
		return yellow
	}
	return dim
}

func (t *text) severity(s gatehouse.Severity) string {
	return t.paint(severityStyle(s), pad(s.String(), 8))
}

// heading says the outcome, why, and what was looked at.
func (t *text) heading() {
	t.outcomeLine()
	for _, r := range t.view.reasons()[1:] {
		t.para(len(t.view.outcome())+2, r, "", 0)
	}
	target := t.view.report.Target
	about := fmt.Sprintf("Looked at %s: %s, %s", firstOf(target.Name, "."), count(target.Files, "file"), bytesText(target.Bytes))
	if info := target.Image; info != nil && len(info.Platforms) > 1 {
		about += " for " + count(len(info.Platforms), "platform")
	}
	if n := len(t.view.report.Components); n > 0 {
		about += ", " + count(n, "package")
	}
	about += "."
	if v := t.view.verdict; v != nil {
		about += fmt.Sprintf(" Policy: %s (%s), judged as of %s.",
			firstOf(strings.Join(v.Policy.Sources, " + "), "none"), count(v.Policy.Rules, "rule"), v.Time.UTC().Format("2006-01-02"))
	}
	t.para(len(t.view.outcome())+2, about, dim, 0)
}

func (t *text) outcomeLine() {
	name := t.view.outcome()
	indent := len(name) + 2
	for i, l := range wrap(clean(t.view.reasons()[0]), t.width-indent) {
		if i == 0 {
			t.line(t.paint(t.outcomeStyle(), name) + "  " + t.paint(bold, l))
		} else {
			t.line(strings.Repeat(" ", indent) + t.paint(bold, l))
		}
	}
}

// closing repeats the outcome where the eye is after a long output.
func (t *text) closing() {
	if t.in.Elapsed > 0 {
		s := "Took " + roundDuration(t.in.Elapsed)
		if st := t.view.report.Stats; st.CacheHits+st.CacheMisses > 0 {
			s += fmt.Sprintf("; %s of %s results were cached", thousands(st.CacheHits), thousands(st.CacheHits+st.CacheMisses))
		}
		t.line("  " + t.paint(dim, s+"."))
	}
	if len(t.lines) <= closingLines {
		return
	}
	t.line("")
	if t.skipped && !t.in.Verbose {
		t.line(t.paint(dim, "Shortened; -v or -o json shows all."))
	}
	t.outcomeLine()
}

// toDo lists what makes the verdict fail; for a scan, all findings.
func (t *text) toDo() {
	all := t.view.violations
	if t.view.verdict == nil {
		all = t.view.others
	}
	if len(all) == 0 {
		if t.view.passed() {
			t.section("Nothing to do.", "")
		}
		return
	}
	t.section("What to do next", "")
	t.line("")
	for i, r := range remedies(all) {
		if i > 0 {
			t.line("")
		}
		t.line(t.paint(bold, fmt.Sprintf("%2d. %s", i+1, r.title)))
		if len(r.policies) > 0 {
			var names []string
			for _, p := range r.policies {
				names = append(names, clean(p))
			}
			t.para(4, "asked for by "+some(names, 3), dim, 3)
		}
		t.para(4, r.note, "", t.noteLines())
		t.entries(r.entries)
	}
}

// noteLines is how much of a note is shown; 0 means all.
func (t *text) noteLines() int {
	if t.in.Verbose {
		return 0
	}
	return 2
}

// fit is how many of n entries are shown. A rest of one or two is not worth
// the line that says so.
func (t *text) fit(n int) int {
	if t.in.Verbose || n <= maxEntries+2 {
		return n
	}
	return maxEntries
}

// entries lists entries, those of configuration below their file.
func (t *text) entries(all []entry) {
	shown := all[:t.fit(len(all))]
	byFile := map[string][]*entry{}
	for i := range shown {
		if isConfig(&shown[i]) {
			path := shown[i].issues[0].location.Path
			byFile[path] = append(byFile[path], &shown[i])
		}
	}
	for i := range shown {
		if !isConfig(&shown[i]) {
			t.entry(&shown[i], t.places(&shown[i]))
			continue
		}
		// All entries of a file are listed with the first one.
		path := shown[i].issues[0].location.Path
		if byFile[path] == nil {
			continue
		}
		t.line("    " + clean(firstOf(path, "(no file)")))
		for _, e := range byFile[path] {
			t.entry(e, linesText(e.places, t.in.Verbose))
		}
		delete(byFile, path)
	}
	t.more(len(all) - len(shown))
}

func isConfig(e *entry) bool { return e.issues[0].kind() == gatehouse.KindMisconfiguration }

func (t *text) places(e *entry) string {
	if t.in.Verbose {
		return placesText(e.places, len(e.places))
	}
	return placesText(e.places, 2)
}

// linesText is such as "line 3" or "lines 3, 9".
func linesText(places []gatehouse.Location, all bool) string {
	var lines []string
	last := 0 // places are sorted
	for _, p := range places {
		if p.Line > last {
			lines = append(lines, fmt.Sprint(p.Line))
			last = p.Line
		}
	}
	switch {
	case len(lines) == 0:
		return ""
	case len(lines) == 1:
		return "line " + lines[0]
	case all:
		return "lines " + strings.Join(lines, ", ")
	}
	return "lines " + some(lines, 4)
}

// entry writes what and where on one line if both fit, and the notes below.
func (t *text) entry(e *entry, place string) {
	room := t.width - bodyIndent
	place = clean(place)
	placeWidth := utf8.RuneCountInString(place)
	lines := wrapKeepingGaps(clean(e.what), room)
	first := t.severity(e.severity)
	for i, l := range lines {
		prefix := strings.Repeat(" ", bodyIndent)
		if i == 0 {
			prefix = strings.Repeat(" ", bodyIndent-10) + first + "  "
		}
		if i == len(lines)-1 && placeWidth > 0 && utf8.RuneCountInString(l)+2+placeWidth <= room {
			l = pad(l, room-placeWidth) + t.paint(dim, place)
			place = ""
		}
		t.line(prefix + l)
	}
	if place != "" && placeWidth > 0 {
		t.para(bodyIndent, place, dim, 0)
	}
	for _, n := range e.notes {
		t.para(bodyIndent, n, "", t.noteLines())
	}
	if t.in.Verbose {
		t.details(e)
	}
}

// details lists each issue of an entry.
func (t *text) details(e *entry) {
	for _, is := range e.issues {
		if len(e.issues) > 1 || is.message != e.what {
			t.para(bodyIndent, fmt.Sprintf("- %s: %s (%s)", is.rule, is.message, is.location), dim, 0)
		}
		if is.finding != nil && len(is.finding.References) > 0 {
			t.para(bodyIndent+2, is.finding.References[0], dim, 0)
		}
	}
}

// wrapKeepingGaps is wrap, but a line that fits keeps its double spaces.
func wrapKeepingGaps(s string, width int) []string {
	if utf8.RuneCountInString(s) <= width {
		return []string{strings.TrimSpace(s)}
	}
	return wrap(s, width)
}

func (t *text) more(n int) {
	if n > 0 {
		t.skipped = true
		t.line(strings.Repeat(" ", bodyIndent) + t.paint(dim, fmt.Sprintf("… and %s more (-v or -o json shows all)", thousands(n))))
	}
}
