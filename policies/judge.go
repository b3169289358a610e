package policies

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// judgement is what the rules said, before waivers.
type judgement struct {
	in         *Input
	violations []gatehouse.Violation
	warnings   []gatehouse.Violation
	excepted   []gatehouse.Waived
	gaps       []gatehouse.Gap
}

// judge turns results into violations, warnings and gaps.
func (s *Set) judge(in *Input, results []ruleResult) *judgement {
	j := &judgement{in: in, gaps: slices.Clone(in.report.Coverage.Gaps)}
	var own []gatehouse.Gap
	for i := 0; i < len(results); {
		u := s.units[results[i].unit]
		var errs []placedError
		for k := results[i].unit; i < len(results) && results[i].unit == k; i++ {
			errs = append(errs, j.take(&u.info, &results[i])...)
		}
		if len(errs) > 0 {
			own = append(own, ruleGap(&u.info, errs))
		}
	}
	own = append(own, s.missing(in)...)
	j.addGaps(own)
	slices.SortFunc(j.violations, compareViolations)
	slices.SortFunc(j.warnings, compareViolations)
	slices.SortStableFunc(j.excepted, func(a, b gatehouse.Waived) int { return compareViolations(*a.Violation, *b.Violation) })
	return j
}

// addGaps gives gaps their ids, as [gatehouse.Scan] does for its own.
func (j *judgement) addGaps(gaps []gatehouse.Gap) {
	seen := map[string]int{}
	for _, g := range j.gaps {
		seen[g.ID]++
	}
	for _, g := range gaps {
		sum := sha256.Sum256([]byte(strings.Join([]string{string(g.Code), g.Scanner, g.Path, g.Entry}, "\x00")))
		g.ID = "gap-" + hex.EncodeToString(sum[:8])
		if seen[g.ID]++; seen[g.ID] > 1 {
			g.ID = fmt.Sprintf("%s-%d", g.ID, seen[g.ID])
		}
		j.gaps = append(j.gaps, g)
	}
}

// placedError is an error of a rule, and the document it happened on.
type placedError struct {
	doc *document
	err error
}

func (e placedError) on() string {
	if e.doc == nil || e.doc.path == "" {
		return ""
	}
	return fmt.Sprintf(" on %q", e.doc.path)
}

// ruleGap is the gap of a rule that could not be evaluated. The first error
// stands for all.
func ruleGap(info *RuleInfo, errs []placedError) gatehouse.Gap {
	first := errs[0]
	g := gatehouse.Gap{Code: gatehouse.GapRule, Path: info.File, Line: info.Line, Entry: info.Path}
	msg := first.err.Error()
	var te *topdown.Error
	if errors.As(first.err, &te) {
		msg = te.Message
		if te.Location != nil && te.Location.File != "" {
			g.Path, g.Line = te.Location.File, te.Location.Row
		}
		switch te.Code {
		case topdown.BuiltinErr:
			msg += "; guard the call, or correct the input"
		case topdown.ConflictErr:
			msg += "; make the conditions of its definitions exclude each other"
		}
	}
	more := ""
	if n := len(errs) - 1; n > 0 {
		more = fmt.Sprintf(" (and %s)", plural(n, "more time", "more times"))
	}
	g.Reason = fmt.Sprintf("the policy rule %s could not be evaluated%s: %s%s", info.Path, first.on(), msg, more)
	return g
}

// take adds what one rule said about one input.
func (j *judgement) take(info *RuleInfo, r *ruleResult) []placedError {
	if r.err != nil {
		return []placedError{{r.doc, r.err}}
	}
	var errs []placedError
	for i, item := range r.items {
		var place *gatehouse.Location
		if i < len(r.places) {
			place = r.places[i]
		}
		v, err := j.violation(info, r.doc, place, item)
		if err != nil {
			errs = append(errs, placedError{r.doc, err})
			if v == nil {
				continue
			}
		}
		switch {
		case r.excepted:
			j.excepted = append(j.excepted, gatehouse.Waived{Waiver: "exception:" + info.Package, Violation: v})
		case info.Kind == RuleWarn:
			j.warnings = append(j.warnings, *v)
		case j.in.now.Before(info.EffectiveOn):
			v.Message += fmt.Sprintf(" (a warning until the rule takes effect on %s)", info.EffectiveOn.Format("2006-01-02"))
			j.warnings = append(j.warnings, *v)
		default:
			j.violations = append(j.violations, *v)
		}
	}
	return errs
}

// violation reads one element of a rule's set. With both results set, the
// violation counts and the error is a gap besides. Place is where in the document
// the rule found it; nil if it is not known.
func (j *judgement) violation(info *RuleInfo, doc *document, place *gatehouse.Location, item any) (*gatehouse.Violation, error) {
	v := &gatehouse.Violation{Rule: info.Path, ID: info.ID, Title: info.Title, Severity: info.Severity,
		Solution: info.Solution, Controls: slices.Clone(info.Controls)}
	switch {
	case place != nil:
		v.Location = place
	case doc != nil && doc.path != "":
		v.Location = &gatehouse.Location{Path: doc.path, Line: doc.line}
	}
	if msg, ok := item.(string); ok {
		v.Message = msg
		if strings.TrimSpace(msg) == "" {
			v.Message = cmp.Or(info.Title, "violates "+info.Path)
		}
		return v, nil
	}
	obj, ok := item.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it gave %s where a string or an object with \"msg\" is wanted", jsonType(item))
	}
	msg, _ := obj["msg"].(string)
	if strings.TrimSpace(msg) == "" {
		return nil, errors.New("it gave an object without a string \"msg\"")
	}
	v.Message = msg
	details, done := map[string]any{}, map[string]bool{}
	var errs []error
	// What a finding says comes first, so that the other keys can override it.
	for _, key := range append([]string{"finding", "gap", "_loc", "path", "line"}, sortedKeys(obj)...) {
		if _, ok := obj[key]; !ok || done[key] {
			continue
		}
		done[key] = true
		if known, err := j.readKey(v, key, obj[key], doc); err != nil {
			errs = append(errs, err)
		} else if !known {
			details[key] = obj[key]
		}
	}
	if f := j.in.findings[v.Finding]; f != nil && f.Severity != gatehouse.SeverityUnknown && obj["severity"] == nil {
		v.Severity = f.Severity
	}
	if len(details) > 0 {
		b, err := json.Marshal(details)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot encode the details: %w", err))
		}
		v.Details = b
	}
	return v, errors.Join(errs...)
}

// readKey reads a key that has a meaning, and reports whether it has one.
func (j *judgement) readKey(v *gatehouse.Violation, key string, value any, doc *document) (bool, error) {
	text, isText := value.(string)
	switch key {
	case "msg":
	case "finding":
		id := idOf(value)
		f := j.in.findings[id]
		if f == nil {
			return true, fmt.Errorf("it named the finding %q, which the report does not have", id)
		}
		v.Finding = id
		if v.Location == nil {
			l := f.Location
			v.Location = &l
		}
	case "gap":
		id := idOf(value)
		g := j.in.gaps[id]
		if g == nil {
			return true, fmt.Errorf("it named the gap %q, which the report does not have", id)
		}
		v.Gap = id
		if v.Location == nil && g.Path != "" {
			v.Location = &gatehouse.Location{Path: g.Path, Line: g.Line}
		}
	case "severity":
		sev, err := parseSeverity(text)
		if err != nil {
			return true, err
		}
		v.Severity = sev
	case "_loc":
		loc, ok := value.(map[string]any)
		if !ok {
			return true, errors.New("it gave a \"_loc\" that is no object {file, line}")
		}
		l := gatehouse.Location{Line: lineOf(loc["line"])}
		l.Path, _ = loc["file"].(string)
		if l.Path == "" && doc != nil {
			l.Path = doc.path
		}
		if l.Path != "" {
			v.Location = &l
		}
	case "path":
		// Conftest policies also use it for a path within the document.
		if !isText || doc != nil && text != doc.path && !j.hasDocument(text) {
			return false, nil
		}
		line := 0
		if v.Location != nil && v.Location.Path == text {
			line = v.Location.Line
		}
		v.Location = &gatehouse.Location{Path: text, Line: line}
	case "line":
		n := lineOf(value)
		if n == 0 || v.Location == nil {
			return false, nil
		}
		v.Location.Line, v.Location.Column = n, 0
	default:
		return false, nil
	}
	return true, nil
}

// idOf accepts an id, or the finding or gap itself.
func idOf(v any) string {
	if m, ok := v.(map[string]any); ok {
		v = m["id"]
	}
	s, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	return s
}

func lineOf(v any) int {
	f, ok := number(v)
	if !ok || f < 1 || f > math.MaxInt32 {
		return 0
	}
	return int(f)
}

func (j *judgement) hasDocument(path string) bool {
	return slices.ContainsFunc(j.in.report.Documents, func(d gatehouse.Document) bool { return d.Path == path })
}

func compareViolations(a, b gatehouse.Violation) int {
	var la, lb gatehouse.Location
	if a.Location != nil {
		la = *a.Location
	}
	if b.Location != nil {
		lb = *b.Location
	}
	return cmp.Or(
		cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(la.Path, lb.Path),
		cmp.Compare(la.Line, lb.Line),
		cmp.Compare(la.Column, lb.Column),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.ID, b.ID),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.Finding, b.Finding),
		cmp.Compare(string(a.Details), string(b.Details)),
	)
}
