package render

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse"
)

// The JUnit form follows the schema of Jenkins' xUnit plugin (junit-10.xsd),
// the strictest of those in use that allows "skipped".
type (
	junitSuites struct {
		XMLName  xml.Name      `xml:"testsuites"`
		Name     string        `xml:"name,attr"`
		Tests    int           `xml:"tests,attr"`
		Failures int           `xml:"failures,attr"`
		Errors   int           `xml:"errors,attr"`
		Suites   []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Skipped   *junitSkipped `xml:"skipped"`
		Error     *junitProblem `xml:"error"`
		Failure   *junitProblem `xml:"failure"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

func renderJUnit(w *bufio.Writer, in Input) error {
	v := newView(in)
	out := junitSuites{Name: "gatehouse"}
	out.Suites = append(out.Suites, junitVerdict(v))
	out.Suites = append(out.Suites, junitPolicies(v)...)
	out.Suites = append(out.Suites, junitScanners(v)...)
	for _, s := range out.Suites {
		for _, c := range s.Cases {
			s.Tests++
			switch {
			case c.Error != nil:
				s.Errors++
			case c.Failure != nil:
				s.Failures++
			case c.Skipped != nil:
				s.Skipped++
			}
		}
		out.Tests += s.Tests
		out.Failures += s.Failures
		out.Errors += s.Errors
	}
	w.WriteString(xml.Header)
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	w.WriteByte('\n')
	return nil
}

// junitVerdict is one case for the outcome, so that no file of a verdict that
// is not a pass is green.
func junitVerdict(v *view) *junitSuite {
	c := junitCase{Name: "verdict", Classname: "gatehouse"}
	if v.verdict == nil {
		c.Name = "scan"
	}
	text := xmlText(strings.Join(v.reasons(), "\n"))
	switch {
	case v.verdict == nil && len(v.gaps) > 0, v.verdict != nil && v.verdict.Outcome == gatehouse.OutcomeIncomplete:
		c.Error = &junitProblem{Message: xmlText(v.outcome() + ": " + v.reasons()[0]), Type: v.outcome(), Text: text}
	case v.verdict != nil && v.verdict.Outcome == gatehouse.OutcomeFail:
		c.Failure = &junitProblem{Message: xmlText(v.outcome() + ": " + v.reasons()[0]), Type: v.outcome(), Text: text}
	default:
		c.SystemOut = text
	}
	return &junitSuite{Name: "gatehouse", Cases: []junitCase{c}}
}

// junitPolicies has a suite for each policy package and a case for each rule
// that objects; rules that do not are only counted in a verdict. What is waived
// is a case of its own.
func junitPolicies(v *view) []*junitSuite {
	if v.verdict == nil {
		return nil
	}
	var rules []string
	byRule := map[string][]gatehouse.Violation{}
	waived := map[string][]gatehouse.Waived{}
	note := func(rule string) {
		if !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	for _, x := range v.verdict.Violations {
		note(x.Rule)
		byRule[x.Rule] = append(byRule[x.Rule], x)
	}
	for _, x := range v.verdict.Waived {
		if x.Violation != nil {
			note(x.Violation.Rule)
			waived[x.Violation.Rule] = append(waived[x.Violation.Rule], x)
		}
	}
	warned := map[string][]gatehouse.Violation{}
	for _, x := range v.verdict.Warnings {
		note(x.Rule)
		warned[x.Rule] = append(warned[x.Rule], x)
	}
	slices.Sort(rules)
	var suites []*junitSuite
	for _, rule := range rules {
		pkg, name := rulePackage(rule)
		pkg, name = xmlText(pkg), xmlText(name)
		if len(suites) == 0 || suites[len(suites)-1].Name != "policy "+pkg {
			suites = append(suites, &junitSuite{Name: "policy " + pkg})
		}
		s := suites[len(suites)-1]
		if all := byRule[rule]; len(all) > 0 {
			s.Cases = append(s.Cases, junitCase{Name: name, Classname: pkg, Failure: &junitProblem{
				Message: xmlText(countedMessage(len(all), "violation", all[0].Message)), Type: "violation", Text: violationsText(all)}})
		}
		if all := waived[rule]; len(all) > 0 {
			var lines []string
			for _, x := range all {
				lines = append(lines, violationText(x.Violation)+" - "+v.waiverText(x.Waiver))
			}
			s.Cases = append(s.Cases, junitCase{Name: name + " (waived)", Classname: pkg,
				Skipped:   &junitSkipped{Message: xmlText(countedMessage(len(all), "waived violation", v.waiverText(all[0].Waiver)))},
				SystemOut: xmlText(strings.Join(lines, "\n"))})
		}
		if all := warned[rule]; len(all) > 0 {
			s.Cases = append(s.Cases, junitCase{Name: name + " (warnings)", Classname: pkg, SystemOut: violationsText(all)})
		}
	}
	return suites
}

// junitScanners has a suite for each scanner with a case for its coverage. A
// scan without verdict has the findings as well.
func junitScanners(v *view) []*junitSuite {
	var suites []*junitSuite
	suite := func(name string) *junitSuite {
		name = xmlText(name)
		for _, s := range suites {
			if s.Name == name {
				return s
			}
		}
		suites = append(suites, &junitSuite{Name: name})
		return suites[len(suites)-1]
	}
	gaps := map[string][]gatehouse.Gap{}
	waived := map[string][]waivedGap{}
	names := []string{}
	for _, s := range v.report.Coverage.Scanners {
		names = append(names, s.Name)
	}
	note := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, g := range v.gaps {
		note(g.Scanner)
		gaps[g.Scanner] = append(gaps[g.Scanner], g)
	}
	for _, g := range v.waivedGaps {
		note(g.gap.Scanner)
		waived[g.gap.Scanner] = append(waived[g.gap.Scanner], g)
	}
	for _, name := range names {
		label, class := "scanner "+name, xmlText("gatehouse."+name)
		if name == "" {
			label, class = "all scanners", "gatehouse"
		}
		s := suite(label)
		c := junitCase{Name: "coverage", Classname: class, SystemOut: xmlText(coverageText(v, name))}
		if all := gaps[name]; len(all) > 0 {
			var lines []string
			for _, g := range all {
				lines = append(lines, gapLine(g))
			}
			c.Error = &junitProblem{Message: xmlText(countedMessage(len(all), "gap", gapText(all[0]))), Type: "gap", Text: xmlText(strings.Join(lines, "\n"))}
		}
		s.Cases = append(s.Cases, c)
		if all := waived[name]; len(all) > 0 {
			var lines []string
			for _, g := range all {
				lines = append(lines, gapLine(g.gap)+" - "+v.waiverText(g.waiver))
			}
			s.Cases = append(s.Cases, junitCase{Name: "coverage (waived)", Classname: class,
				Skipped: &junitSkipped{Message: xmlText(countedMessage(len(all), "waived gap", v.waiverText(all[0].waiver)))}, SystemOut: xmlText(strings.Join(lines, "\n"))})
		}
	}
	if v.verdict != nil {
		return suites
	}
	return append(suites, junitFindings(v)...)
}

// junitFindings has a suite for each scanner with a case for each of its rules
// that has findings.
func junitFindings(v *view) []*junitSuite {
	var suites []*junitSuite
	type place struct{ scanner, rule string }
	var order []place
	lines := map[place][]string{}
	titles := map[place]string{}
	for i := range v.others {
		is := &v.others[i]
		p := place{is.finding.Scanner, is.rule}
		if lines[p] == nil {
			order = append(order, p)
			titles[p] = is.title
		}
		lines[p] = append(lines[p], fmt.Sprintf("%s %s: %s", is.severity, is.location, is.message))
	}
	slices.SortStableFunc(order, func(a, b place) int { return strings.Compare(a.scanner, b.scanner) })
	for _, p := range order {
		name := xmlText("findings of " + p.scanner)
		if len(suites) == 0 || suites[len(suites)-1].Name != name {
			suites = append(suites, &junitSuite{Name: name})
		}
		s := suites[len(suites)-1]
		s.Cases = append(s.Cases, junitCase{Name: xmlText(p.rule), Classname: xmlText("gatehouse." + p.scanner),
			Failure: &junitProblem{Message: xmlText(titles[p]), Type: "finding", Text: xmlText(strings.Join(lines[p], "\n"))}})
	}
	return suites
}

func coverageText(v *view, scanner string) string {
	for _, s := range v.report.Coverage.Scanners {
		if s.Name == scanner {
			return fmt.Sprintf("%s: %s scanned, %d skipped, %d failed, %d known-bad samples found",
				s.Status, count(s.Scanned, "file"), s.Skipped, s.Failed, s.Canaries)
		}
	}
	return ""
}

func countedMessage(n int, what, first string) string {
	if n == 1 {
		return first
	}
	return count(n, what) + ", first: " + first
}

func violationsText(all []gatehouse.Violation) string {
	var lines []string
	for i := range all {
		lines = append(lines, violationText(&all[i]))
	}
	return xmlText(strings.Join(lines, "\n"))
}

func violationText(v *gatehouse.Violation) string {
	s := v.Severity.String() + " "
	if v.Location != nil {
		s += clean(v.Location.String()) + ": "
	}
	s += clean(firstOf(v.Message, v.Title, v.Rule))
	if v.Solution != "" {
		s += " (" + clean(v.Solution) + ")"
	}
	return s
}

func gapLine(g gatehouse.Gap) string {
	return clean(strings.TrimSpace(string(g.Code) + " " + gapLocation(g).String() + ": " + gapText(g)))
}

// xmlText makes characters visible that XML 1.0 does not allow in any form
// (section 2.2, Char), and invalid UTF-8; newlines stay.
func xmlText(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteByte('\n')
		case r < 0x20 || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r == 0xfffe || r == 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}
