package policies

import (
	"fmt"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/open-policy-agent/opa/v1/ast"
)

// RuleKind says what the results of a rule do.
type RuleKind string

// The kinds of rules.
const (
	// RuleDeny is a rule called deny, violation or either with a suffix.
	RuleDeny RuleKind = "deny"
	// RuleWarn is a rule called warn, or that with a suffix.
	RuleWarn RuleKind = "warn"
)

// InputKind says what a rule judges.
type InputKind string

// The kinds of input.
const (
	InputReport    InputKind = "report"
	InputDocuments InputKind = "document"
)

// RuleInfo describes a rule that is evaluated. Apart from the first five
// fields it comes from the metadata of the rule, and then from that of its
// package.
type RuleInfo struct {
	// Path is that of the rule without "data.".
	Path    string    `json:"path"`
	Package string    `json:"package"`
	Name    string    `json:"name"`
	Kind    RuleKind  `json:"kind"`
	Input   InputKind `json:"input"`

	ID          string `json:"id,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	// Severity is what its results have unless they, or the finding they are
	// about, say otherwise.
	Severity gatehouse.Severity `json:"severity"`
	Solution string             `json:"solution,omitempty"`
	Controls []string           `json:"controls,omitempty"`
	// EffectiveOn is when a deny rule starts to deny; before, it warns. Zero
	// if it always does.
	EffectiveOn time.Time `json:"effective_on,omitzero"`
	// Expects are what must be there for the rule to have a say: scanner names
	// for a report rule, path globs of documents for a document rule. What is
	// missing is a gap.
	Expects []string `json:"expects,omitempty"`

	// File and Line are where the rule starts.
	File string `json:"file"`
	Line int    `json:"line"`
}

// ruleName is what conftest takes for a rule.
var ruleName = regexp.MustCompile(`^(deny|violation|warn)(_[a-zA-Z0-9_]+)?$`)

func kindOf(name string) RuleKind {
	if strings.HasPrefix(name, "warn") {
		return RuleWarn
	}
	return RuleDeny
}

// exceptionName is what an exception must contain to lift the rule called
// name: its suffix, or "".
func exceptionName(name string) string {
	_, suffix, _ := strings.Cut(name, "_")
	return suffix
}

// pkg is a package of policies with all its modules.
type pkg struct {
	path    string
	input   InputKind
	modules []*ast.Module
	files   []string
	// rules are those called deny, violation or warn, and exceptions those
	// called exception.
	rules      map[string][]*ast.Rule
	exceptions bool
	// problems are rules that look like policy rules and are none.
	problems []error
	// explicit is true if the metadata says what the input is.
	explicit bool
	embedded bool
}

func packagePath(m *ast.Module) string {
	return strings.TrimPrefix(m.Package.Path.String(), "data.")
}

// addModule sorts the rules of a module.
func (p *pkg) addModule(file string, m *ast.Module) {
	p.modules = append(p.modules, m)
	p.files = append(p.files, file)
	for _, r := range m.Rules {
		ref := r.Head.Ref()
		name, ok := ref[0].Value.(ast.Var)
		if !ok || len(r.Head.Args) > 0 {
			continue
		}
		isSet := r.Head.RuleKind() == ast.MultiValue && len(ref) == 1
		n := string(name)
		switch {
		case n == "exception" && isSet:
			p.exceptions = true
		case ruleName.MatchString(n) && isSet:
			p.rules[n] = append(p.rules[n], r)
		case ruleName.MatchString(n):
			p.problems = append(p.problems, fmt.Errorf("%s: rule %q of package %q gives no set of messages, so nothing would come of it: write \"%s contains msg if { … }\"",
				place(r.Location), n, p.path, n))
		case isSet:
			for _, known := range []string{"deny", "violation", "warn"} {
				if n != known && nearest.Distance(n, known) == 1 {
					p.problems = append(p.problems, fmt.Errorf("%s: rule %q of package %q is never evaluated: did you mean %q? If it is a helper, name it differently",
						place(r.Location), n, p.path, known))
				}
			}
		}
	}
}

func place(l *ast.Location) string {
	if l == nil {
		return "policy"
	}
	return fmt.Sprintf("%s:%d", l.File, l.Row)
}

// inputKind decides what the package judges, from its name and its metadata.
func (p *pkg) inputKind() error {
	p.input = InputDocuments
	if p.path == "gatehouse" || strings.HasPrefix(p.path, "gatehouse.") {
		p.input = InputReport
	}
	for i, m := range p.modules {
		for _, a := range m.Annotations {
			v, ok := a.Custom["input"]
			if !ok || a.Scope != "package" && a.Scope != "subpackages" {
				continue
			}
			switch v {
			case string(InputReport), string(InputDocuments):
				p.input, p.explicit = InputKind(v.(string)), true
			default:
				return fmt.Errorf("%s:%d: metadata of package %q: custom.input is %v: want %q or %q", p.files[i], a.Location.Row, p.path, v, InputReport, InputDocuments)
			}
		}
	}
	return nil
}

// describe fills in what the metadata of a rule and its package say.
func (p *pkg) describe(name string, rules []*ast.Rule, set *ast.AnnotationSet) (RuleInfo, error) {
	first := rules[0]
	info := RuleInfo{
		Path: p.path + "." + name, Package: p.path, Name: name, Kind: kindOf(name), Input: p.input,
		File: first.Location.File, Line: first.Location.Row,
		Severity: gatehouse.SeverityHigh,
	}
	if info.Kind == RuleWarn {
		info.Severity = gatehouse.SeverityLow
	}
	var own []*ast.Annotations
	for _, r := range rules {
		own = append(own, set.GetRuleScope(r)...)
	}
	if a := set.GetDocumentScope(first.Ref().GroundPrefix()); a != nil {
		own = append(own, a)
	}
	var errs error
	if a := set.GetPackageScope(first.Module.Package); a != nil {
		if err := info.read(a, false); err != nil {
			errs = err
		}
	}
	// The first annotation wins, so it comes last.
	for i := len(own) - 1; i >= 0; i-- {
		if err := info.read(own[i], true); err != nil {
			errs = err
		}
	}
	return info, errs
}

// read takes over what an annotation says. Title, description and id belong to
// the rule only if own is true.
func (info *RuleInfo) read(a *ast.Annotations, own bool) error {
	bad := func(key string, v any, want string) error {
		return fmt.Errorf("%s: metadata of rule %q: custom.%s is %v: want %s", place(a.Location), info.Path, key, v, want)
	}
	if own {
		if a.Title != "" {
			info.Title = a.Title
		}
		if a.Description != "" {
			info.Description = strings.TrimSpace(a.Description)
		}
	}
	text := func(key string, into *string) error {
		v, ok := a.Custom[key]
		if !ok {
			return nil
		}
		s, ok := v.(string)
		if !ok {
			return bad(key, v, "a string")
		}
		*into = strings.TrimSpace(s)
		return nil
	}
	if own {
		for _, key := range []string{"short_name", "id"} {
			if err := text(key, &info.ID); err != nil {
				return err
			}
		}
		if info.Description == "" {
			if err := text("failure_msg", &info.Description); err != nil {
				return err
			}
		}
	}
	if err := text("solution", &info.Solution); err != nil {
		return err
	}
	if v, ok := a.Custom["severity"]; ok {
		s, _ := v.(string)
		sev, err := parseSeverity(s)
		if err != nil {
			return bad("severity", v, "one of UNKNOWN, LOW, MEDIUM, HIGH, CRITICAL")
		}
		info.Severity = sev
	}
	for key, into := range map[string]*[]string{"controls": &info.Controls, "expects": &info.Expects} {
		v, ok := a.Custom[key]
		if !ok {
			continue
		}
		list, ok := stringList(v)
		if !ok {
			return bad(key, v, "a list of strings")
		}
		*into = list
	}
	if v, ok := a.Custom["effective_on"]; ok {
		at, err := dayOf(v)
		if err != nil {
			return bad("effective_on", v, "a date such as 2026-12-31 or an RFC 3339 time")
		}
		info.EffectiveOn = at
	}
	return nil
}

// parseSeverity reads our names, and those of conforma and SARIF.
func parseSeverity(s string) (gatehouse.Severity, error) {
	switch strings.ToLower(s) {
	case "error", "failure":
		return gatehouse.SeverityHigh, nil
	case "warning":
		return gatehouse.SeverityMedium, nil
	case "info", "note", "informational":
		return gatehouse.SeverityLow, nil
	}
	return gatehouse.ParseSeverity(s)
}

// dayOf reads a day or a time. YAML knows both, unless they are quoted.
func dayOf(v any) (time.Time, error) {
	if t, ok := v.(time.Time); ok {
		return t.UTC(), nil
	}
	s := fmt.Sprint(v)
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	return t.UTC(), err
}

func stringList(v any) ([]string, bool) {
	switch v := v.(type) {
	case []string:
		return v, true
	case []any:
		out := make([]string, 0, len(v))
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	}
	return nil, false
}
