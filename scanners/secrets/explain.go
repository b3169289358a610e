package secrets

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/known"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/rules"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/views"
)

// RuleInfo describes a rule.
type RuleInfo struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Provider is the issuer or sort of the secret, such as "AWS".
	Provider string             `json:"provider"`
	Severity gatehouse.Severity `json:"severity"`
	// Source is where the rule comes from: gatehouse, gitleaks, trivy or user.
	Source string `json:"source"`
	// Tags are those of a user's rule; may be empty.
	Tags []string `json:"tags,omitempty"`
}

// List returns the rules that a scanner with these options has, sorted by id,
// then source. An id that two sources have is one rule for findings.
func List(o Options) ([]RuleInfo, error) {
	s, err := newScanner(o)
	if err != nil {
		return nil, err
	}
	out := make([]RuleInfo, len(s.rules))
	for i, r := range s.rules {
		out[i] = RuleInfo{r.ID, r.Title, r.Category, r.Severity, string(r.Source), r.Tags}
	}
	return out, nil
}

// Explanation says what a rule makes of one place of a file.
type Explanation struct {
	Rule   string `json:"rule"`
	Source string `json:"source"`
	// Line and Column are 1-based; 0 if they mean nothing there.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Within says where in the file it is; empty if it is plain.
	Within string `json:"within,omitempty"`
	// Redacted is the secret, masked.
	Redacted string `json:"redacted"`
	// Found is true if it is reported; Why says why, or why not, in a clause.
	Found      bool                 `json:"found"`
	Confidence gatehouse.Confidence `json:"confidence,omitempty"`
	Why        string               `json:"why"`
}

// maxExplained bounds the explanations for one file.
const maxExplained = 10_000

// Explained is what the rules make of a file.
type Explained struct {
	// Places are sorted.
	Places []Explanation
	// Skip says why there is no text in the file, as a clause; empty if there is
	// some. Gaps are parts of it that could not be looked at.
	Skip string
	Gaps []gatehouse.Gap
}

// Explain says which rules match in a file, and what becomes of each match.
func Explain(ctx context.Context, o Options, name string, data []byte) (*Explained, error) {
	s, err := newScanner(o)
	if err != nil {
		return nil, err
	}
	exprs := make([]match.Rule, len(s.rules))
	for i := range s.rules {
		exprs[i] = s.rules[i].For()
		exprs[i].Keywords = nil // that one is missing is to be said
	}
	if s.matcher, err = match.New(exprs); err != nil {
		return nil, err
	}
	out := &Explained{}
	if out.Places, err = s.explainPath(name); err != nil {
		return nil, err
	}
	out.Skip, err = views.Walk(ctx, name, data, func(v *views.View) error {
		more, err := s.explain(ctx, v)
		out.Places = append(out.Places, more...)
		if err == nil && len(out.Places) > maxExplained {
			err = fmt.Errorf("more than %d matches in %q; give a smaller part of it", maxExplained, name)
		}
		return err
	}, func(g gatehouse.Gap) { out.Gaps = append(out.Gaps, g) })
	slices.SortStableFunc(out.Places, func(a, b Explanation) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Source, b.Source))
	})
	out.Places = slices.CompactFunc(out.Places, func(a, b Explanation) bool {
		a.Within, b.Within = "", "" // a view repeats what stands around it
		return a == b
	})
	return out, err
}

// explainPath is about the rules that go by the path alone.
func (s *scanner) explainPath(name string) ([]Explanation, error) {
	var out []Explanation
	for _, i := range s.byPath {
		r := &s.rules[i]
		expr, err := r.Path.Compiled()
		if err != nil {
			return nil, err
		}
		if !expr.MatchString(name) {
			continue
		}
		e := Explanation{Rule: r.ID, Source: string(r.Source), Redacted: "the whole file"}
		allowed, err := r.AllowsPath(name)
		if err != nil {
			return nil, err
		}
		if allowed {
			e.Why = "an allow list of the rule has its path"
		} else {
			e.Found, e.Confidence, e.Why = true, gatehouse.ConfidenceMedium, "its name says so; its content was not judged"
		}
		out = append(out, e)
	}
	return out, nil
}

func (s *scanner) explain(ctx context.Context, v *views.View) ([]Explanation, error) {
	low := bytes.ToLower(v.Text)
	var matches []match.Match
	refused := map[match.Match]string{}
	var failed error
	err := s.matcher.Find(ctx, v.Text, func(int) bool { return true }, func(m match.Match) bool {
		if !v.Adds(m.Secret.Start, m.Secret.End) {
			return true
		}
		r := &s.rules[m.Rule]
		why := ""
		if r.Path != nil {
			re, err := r.Path.Compiled()
			if err != nil {
				failed = err
				return false
			}
			if !re.MatchString(v.Path) {
				why = "the rule is for other paths: " + r.Path.String()
			}
		}
		if why == "" && len(r.Keywords) > 0 && !slices.ContainsFunc(r.Keywords, func(k string) bool { return bytes.Contains(low, []byte(strings.ToLower(k))) }) {
			why = "no keyword of the rule is in the file: " + strings.Join(r.Keywords, ", ")
		}
		if why == "" {
			why, failed = r.Refuses(&rules.Text{Path: v.Path, All: v.Text, Whole: m.Whole, Secret: m.Secret})
		}
		if why != "" {
			refused[m] = why
		}
		matches = append(matches, m)
		return failed == nil && len(matches) <= maxExplained
	})
	if err = cmp.Or(failed, err); err != nil {
		return nil, err
	}
	accepted := slices.DeleteFunc(slices.Clone(matches), func(m match.Match) bool { return refused[m] != "" })
	complete := s.complete(v, slices.Clone(accepted))
	kept := settle(s.rules, slices.Clone(complete))

	out := make([]Explanation, 0, len(matches))
	for _, m := range matches {
		r := &s.rules[m.Rule]
		at := v.Place(m.Secret.Start)
		e := Explanation{Rule: r.ID, Source: string(r.Source), Line: at.Line, Column: at.Column, Within: at.Within,
			Redacted: redact(r, v.Text[m.Whole.Start:m.Whole.End], v.Text[m.Secret.Start:m.Secret.End])}
		switch by := winner(kept, m); {
		case refused[m] != "":
			e.Why = refused[m]
		case !slices.Contains(complete, m) && r.Hidden:
			e.Why = "it counts only where another rule requires it"
		case !slices.Contains(complete, m):
			e.Why = "a rule that it requires does not match near by"
		case by == nil:
			e.Why = "another match covers it"
		case by.Match != m:
			e.Why = fmt.Sprintf("rule %s (%s) says more about it", s.rules[by.Rule].ID, s.rules[by.Rule].Source)
		default:
			e.Found = true
			text := &rules.Text{Path: v.Path, All: v.Text, Whole: m.Whole, Secret: m.Secret}
			e.Confidence, e.Why = r.Judge(text)
			fingerprint, err := s.identity.fingerprint(r.ID, v.Text[m.Secret.Start:m.Secret.End])
			if err != nil {
				return nil, err
			}
			k := known.Secret{Texts: by.texts(v.Text), Fingerprint: fingerprint, Path: v.Path, Line: v.Place(m.Whole.Start).Line, Rules: by.ids}
			suppressed, note := s.suppressed(text, &k, gatehouse.Location{Path: v.Path, Line: at.Line})
			in, err := s.suppressedIn(r, text, &k)
			if err != nil {
				return nil, err
			}
			switch {
			case suppressed != nil:
				note = "suppressed by " + suppressed.By + " at " + suppressed.Location.String()
			case len(in) > 0:
				note = strings.TrimPrefix(note+fmt.Sprintf("; suppressed in a history if it came with one of %d commits", len(in)), "; ")
			}
			if note != "" {
				e.Why += "; " + note
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// winner is the match that is reported for m: itself, or one that covers it.
func winner(kept []settled, m match.Match) *settled {
	var by *settled
	for i := range kept {
		if kept[i].Match == m {
			return &kept[i]
		}
		if nested(kept[i].Secret, m.Secret) {
			by = &kept[i]
		}
	}
	return by
}
