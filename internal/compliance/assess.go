package compliance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// Assess says what became of each control. Rules are all that the scanners
// know.
func Assess(spec *Spec, report *gatehouse.Report, rules []gatehouse.Rule) gatehouse.Compliance {
	a := assessment{report: report, rules: map[string]*gatehouse.Rule{}}
	for i := range rules {
		r := &rules[i]
		for _, name := range append([]string{r.ID}, r.Aliases...) {
			a.rules[strings.ToUpper(name)] = r
		}
	}
	out := gatehouse.Compliance{ID: spec.ID, Title: spec.Title, Version: spec.Version, Controls: []gatehouse.ControlResult{}}
	for i := range spec.Controls {
		c := a.control(&spec.Controls[i])
		switch c.Status {
		case gatehouse.ControlPassed:
			out.Passed++
		case gatehouse.ControlFailed:
			out.Failed++
		default:
			out.NotAssessed++
		}
		out.Controls = append(out.Controls, c)
	}
	return out
}

type assessment struct {
	report *gatehouse.Report
	rules  map[string]*gatehouse.Rule
}

func (a *assessment) control(c *Control) gatehouse.ControlResult {
	severity, _ := gatehouse.ParseSeverity(c.Severity) // was parsed
	out := gatehouse.ControlResult{ID: c.ID, Name: c.Name, Severity: severity, Status: gatehouse.ControlNotAssessed}
	var open []string // why a check shows nothing
	suppressed := 0
	for _, ref := range c.Checks {
		out.Checks = append(out.Checks, ref.ID)
		covers, why := a.check(ref.ID)
		if why != "" {
			open = append(open, ref.ID+": "+why)
		}
		for i := range a.report.Findings {
			if f := &a.report.Findings[i]; covers(f) {
				out.Findings = append(out.Findings, f.ID)
				if f.Suppressed != nil {
					suppressed++
				}
			}
		}
	}
	switch {
	case len(out.Findings) > 0:
		out.Status = gatehouse.ControlFailed
		if suppressed > 0 {
			out.Reason = fmt.Sprintf("%d of its findings are suppressed, which does not make it hold", suppressed)
		}
	case strings.EqualFold(c.DefaultStatus, "FAIL") && (len(c.Checks) == 0 || len(open) > 0):
		out.Status = gatehouse.ControlFailed
		out.Reason = "the spec says that it fails unless it is shown to hold"
	case len(c.Checks) == 0 && len(c.Commands) > 0:
		out.Reason = "it is about a node of a cluster, on which commands would have to run"
	case len(c.Checks) == 0:
		out.Reason = "only people can say"
	case len(open) > 0:
		out.Reason = strings.Join(open[:min(len(open), 5)], "; ")
	default:
		out.Status = gatehouse.ControlPassed
	}
	return out
}

// check finds what a check covers, and why its silence shows nothing; why is
// empty if it does.
func (a *assessment) check(id string) (covers func(*gatehouse.Finding) bool, why string) {
	upper := strings.ToUpper(id)
	bySeverity := func(kind gatehouse.Kind, name string) func(*gatehouse.Finding) bool {
		severity, err := gatehouse.ParseSeverity(name)
		return func(f *gatehouse.Finding) bool { return err == nil && f.Kind == kind && f.Severity == severity }
	}
	switch {
	case strings.HasPrefix(upper, "VULN-"):
		return bySeverity(gatehouse.KindVulnerability, upper[len("VULN-"):]), a.scanner("sca")
	case strings.HasPrefix(upper, "SECRET-"):
		return bySeverity(gatehouse.KindSecret, upper[len("SECRET-"):]), a.scanner("secrets")
	case strings.HasPrefix(upper, "CVE-"), strings.HasPrefix(upper, "GHSA-"):
		return func(f *gatehouse.Finding) bool {
			return strings.EqualFold(f.Rule, id) || f.Vulnerability != nil && slices.ContainsFunc(f.Vulnerability.Aliases, func(x string) bool { return strings.EqualFold(x, id) })
		}, a.scanner("sca")
	}
	r := a.rules[upper]
	if r == nil {
		return func(*gatehouse.Finding) bool { return false }, "there is no such check"
	}
	covers = func(f *gatehouse.Finding) bool { return f.Rule == r.ID }
	if why := a.scanner("iac"); why != "" {
		return covers, why
	}
	if !a.judged(r.Judges) {
		return covers, "nothing that it is about was found"
	}
	return covers, ""
}

// scanner says why the silence of a scanner shows nothing; empty if it does.
func (a *assessment) scanner(name string) string {
	for _, s := range a.report.Coverage.Scanners {
		if s.Name != name {
			continue
		}
		switch s.Status {
		case gatehouse.StatusComplete:
			return ""
		case gatehouse.StatusNotApplicable:
			return "there was no file for the scanner " + name
		}
		return "the scanner " + name + " could not judge all"
	}
	return "the scanner " + name + " did not run"
}

// judged reports whether something of one of the kinds was judged.
func (a *assessment) judged(kinds []string) bool {
	for _, s := range a.report.Coverage.Scanners {
		for seen := range s.Judged {
			if slices.ContainsFunc(kinds, func(k string) bool { return seen == k || strings.HasPrefix(seen, k+"/") }) {
				return true
			}
		}
	}
	return false
}
