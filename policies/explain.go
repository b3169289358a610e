package policies

import (
	"fmt"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Explanation is what there is to know about a rule.
type Explanation struct {
	Rule RuleInfo `json:"rule"`
	// Data are the paths of the data that the rule uses, itself or through
	// other rules, without "data."; sorted.
	Data []string `json:"data"`
	// Settings are the settings among them, with their present values.
	Settings map[string]any `json:"settings,omitempty"`
	// Source is the text of the rule with its metadata.
	Source string `json:"source"`
	// Waive says how to waive a violation of it.
	Waive string `json:"waive"`
}

// Explain describes the rules called name: a path such as "main.deny", an id,
// or a package. The error for an unknown name suggests the nearest ones.
func (s *Set) Explain(name string) ([]Explanation, error) {
	name = strings.TrimPrefix(name, "data.")
	var found []*unit
	for _, same := range []func(r *RuleInfo) bool{
		func(r *RuleInfo) bool { return r.Path == name },
		func(r *RuleInfo) bool { return strings.EqualFold(r.ID, name) && name != "" },
		func(r *RuleInfo) bool { return r.Package == name },
		func(r *RuleInfo) bool {
			return r.Package == "gatehouse.baseline."+name || r.Path == "gatehouse.baseline."+name
		},
	} {
		for _, u := range s.units {
			if same(&u.info) {
				found = append(found, u)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	if len(found) == 0 {
		var names []string
		for _, u := range s.units {
			names = append(names, u.info.Path)
			if u.info.ID != "" {
				names = append(names, u.info.ID)
			}
		}
		slices.Sort(names)
		return nil, fmt.Errorf("explain %q: no policy rule has that path, id or package%s", name, nearest.Hint(name, slices.Compact(names)))
	}
	out := make([]Explanation, len(found))
	for i, u := range found {
		out[i] = s.explain(u)
	}
	return out, nil
}

func (s *Set) explain(u *unit) Explanation {
	e := Explanation{Rule: u.info, Data: []string{}, Source: s.sourceOf(u), Waive: u.info.waive()}
	for _, ref := range s.dataOf(u) {
		e.Data = append(e.Data, ref)
		rule, ok := strings.CutPrefix(ref, "gatehouse.settings.")
		if !ok {
			continue
		}
		rule, key, hasKey := strings.Cut(rule, ".")
		keys, _ := s.settings[rule].(map[string]any)
		for k, v := range keys {
			if hasKey && k != key {
				continue
			}
			if e.Settings == nil {
				e.Settings = map[string]any{}
			}
			e.Settings[rule+"."+k] = v
		}
	}
	return e
}

// dataOf follows the rules that the unit needs and collects references to data
// that no rule gives.
func (s *Set) dataOf(u *unit) []string {
	seen := map[*ast.Rule]bool{}
	refs := map[string]bool{}
	var visit func(r *ast.Rule)
	visit = func(r *ast.Rule) {
		if seen[r] {
			return
		}
		seen[r] = true
		ast.WalkRefs(r, func(ref ast.Ref) bool {
			if ref.HasPrefix(ast.DefaultRootRef) && len(ref) > 1 {
				rules := s.compiler.GetRules(ref.ConstantPrefix())
				for _, next := range rules {
					visit(next)
				}
				if len(rules) == 0 {
					refs[strings.TrimPrefix(ref.ConstantPrefix().String(), "data.")] = true
				}
			}
			return false
		})
	}
	for _, r := range u.rules {
		for _, c := range s.compiler.GetRules(r.Module.Package.Path.Append(ast.StringTerm(string(r.Head.Ref()[0].Value.(ast.Var))))) {
			visit(c)
		}
	}
	return sortedKeys(refs)
}

// sourceOf is the text of the unit: from its metadata to its last line.
func (s *Set) sourceOf(u *unit) string {
	var parts []string
	for _, r := range u.rules {
		lines := strings.Split(string(s.sources[r.Location.File]), "\n")
		first := r.Location.Row - 1
		if first < 0 || first >= len(lines) {
			continue
		}
		last := min(first+strings.Count(string(r.Location.Text), "\n")+1, len(lines))
		for first > 0 && strings.HasPrefix(strings.TrimSpace(lines[first-1]), "#") {
			first--
		}
		parts = append(parts, strings.Join(lines[first:last], "\n"))
	}
	return strings.Join(parts, "\n\n")
}

func (r *RuleInfo) waive() string {
	if r.Kind == RuleWarn {
		return "It only warns; there is nothing to waive."
	}
	match := r.Path
	if r.ID != "" {
		match = r.ID
	}
	return fmt.Sprintf(`In the waiver file; where the violation is about a finding, prefer a waiver of the finding's own kind:

  - id: choose-a-name
    kind: policy
    match: [%s]
    scope: {paths: ["path/of/the/file"]}
    reason: why it is acceptable
    owner: who answers for it
    expires: YYYY-MM-DD
`, match)
}

// String is the explanation for a terminal.
func (e *Explanation) String() string {
	var b strings.Builder
	r := &e.Rule
	fmt.Fprintf(&b, "%s", r.Path)
	if r.ID != "" {
		fmt.Fprintf(&b, " (%s)", r.ID)
	}
	fmt.Fprintf(&b, "\n")
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name, strings.ReplaceAll(value, "\n", "\n"+strings.Repeat(" ", 13)))
		}
	}
	field("title", r.Title)
	field("severity", r.Severity.String())
	field("judges", string(r.Input))
	field("what", r.Description)
	field("fix", r.Solution)
	field("controls", strings.Join(r.Controls, ", "))
	if !r.EffectiveOn.IsZero() {
		field("effective on", r.EffectiveOn.Format("2006-01-02"))
	}
	field("expects", strings.Join(r.Expects, ", "))
	field("data", strings.Join(e.Data, ", "))
	for _, k := range sortedKeys(e.Settings) {
		field("setting", fmt.Sprintf("%s = %v", k, e.Settings[k]))
	}
	field("file", fmt.Sprintf("%s:%d", r.File, r.Line))
	fmt.Fprintf(&b, "\n%s\n\nTo waive\n%s\n", e.Source, e.Waive)
	return b.String()
}
