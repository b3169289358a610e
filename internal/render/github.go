package render

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// maxAnnotations is how many annotations of each level GitHub shows for a step;
// see https://docs.github.com/actions/reference/limits ("annotations per
// step"). The rest would be dropped without a word.
const maxAnnotations = 10

// annotation is a workflow command; see
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
type annotation struct {
	level, title, message string
	location              gatehouse.Location
}

func renderGitHub(w *bufio.Writer, in Input) error {
	v := newView(in)
	var errs, warnings, notices []annotation
	// The outcome is the first annotation, so that it is always shown.
	summary := annotation{level: "error", title: "gatehouse: " + v.outcome(), message: strings.Join(v.reasons(), "\n")}
	switch {
	case v.passed():
		summary.level = "notice"
		notices = append(notices, summary)
	case v.verdict == nil:
		summary.level = "warning"
		warnings = append(warnings, summary)
	default:
		errs = append(errs, summary)
	}
	for i := range v.violations {
		errs = append(errs, issueAnnotation("error", &v.violations[i]))
	}
	gapLevel := "error"
	if v.verdict == nil {
		gapLevel = "warning"
	}
	for _, g := range v.gaps {
		a := annotation{level: gapLevel, title: gapRule(g.Code) + ": not judged", message: gapText(g), location: gapLocation(g)}
		if gapLevel == "error" {
			errs = append(errs, a)
		} else {
			warnings = append(warnings, a)
		}
	}
	for i := range v.warnings {
		warnings = append(warnings, issueAnnotation("warning", &v.warnings[i]))
	}
	if v.verdict == nil {
		for i := range v.others {
			warnings = append(warnings, issueAnnotation("warning", &v.others[i]))
		}
	}
	for i := range v.waived {
		a := issueAnnotation("notice", &v.waived[i])
		a.message += "\n" + v.waiverText(v.waived[i].waiver)
		notices = append(notices, a)
	}
	for _, g := range v.waivedGaps {
		notices = append(notices, annotation{level: "notice", title: gapRule(g.gap.Code) + ": waived",
			message: gapText(g.gap) + "\n" + v.waiverText(g.waiver), location: gapLocation(g.gap)})
	}
	var rest []annotation
	for _, all := range [][]annotation{errs, warnings, notices} {
		n := min(len(all), maxAnnotations)
		for _, a := range all[:n] {
			if a.location.Path != "" {
				a.location.Path = v.inRepository(a.location.Path)
			}
			a.write(w)
		}
		rest = append(rest, all[n:]...)
	}
	if len(rest) > 0 {
		fmt.Fprintf(w, "::group::gatehouse: %s beyond GitHub's limit of %d annotations for a step\n", count(len(rest), "more problem"), maxAnnotations)
		for _, a := range rest {
			fmt.Fprintf(w, "%s %s\n", a.level, clean(strings.TrimSpace(a.location.String()+" "+a.title+": "+strings.ReplaceAll(a.message, "\n", "; "))))
		}
		fmt.Fprintln(w, "::endgroup::")
	}
	return nil
}

func issueAnnotation(level string, is *issue) annotation {
	a := annotation{level: level, title: is.severity.String() + " " + is.rule, message: is.message, location: is.location}
	if fix := fixText(is); fix != "" {
		a.message += "\n" + fix
	}
	return a
}

func (a *annotation) write(w *bufio.Writer) {
	var props []string
	if a.location.Path != "" {
		props = append(props, "file="+property(a.location.Path))
		if a.location.Line > 0 {
			props = append(props, fmt.Sprintf("line=%d", a.location.Line))
			if a.location.EndLine > a.location.Line {
				props = append(props, fmt.Sprintf("endLine=%d", a.location.EndLine))
			}
			if a.location.Column > 0 {
				props = append(props, fmt.Sprintf("col=%d", a.location.Column))
			}
		}
	}
	if a.title != "" {
		props = append(props, "title="+property(a.title))
	}
	fmt.Fprintf(w, "::%s %s::%s\n", a.level, strings.Join(props, ","), messageData(a.message))
}

// messageData and property escape as actions/toolkit does in
// packages/core/src/command.ts (escapeData, escapeProperty). Other control
// characters are made visible first.
func messageData(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(strings.Join(lines, "\n"))
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(clean(s))
}
