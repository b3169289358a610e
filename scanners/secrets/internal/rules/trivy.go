package rules

import (
	"cmp"
	"fmt"

	builtin "github.com/aquasecurity/trivy/pkg/fanal/secret"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
)

func fromTrivy() ([]Rule, error) {
	var out []Rule
	for _, b := range builtin.GetBuiltinRules() {
		r, err := convertTrivy(b)
		if err != nil {
			return nil, fmt.Errorf("secret rule %q of trivy: %w", b.ID, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func convertTrivy(b builtin.Rule) (Rule, error) {
	r := Rule{ID: b.ID, Title: b.Title, Category: string(b.Category), Keywords: nil, Source: Trivy, Judged: true}
	if b.Regex == nil || b.Regex.Regexp == nil {
		return r, fmt.Errorf("it has no expression")
	}
	// Parts of a rule that are not understood here would be lost without a
	// trace.
	if len(b.ExcludeBlock.Regexes) > 0 {
		return r, fmt.Errorf("exclude blocks are not supported")
	}
	var err error
	// A rule that its origin forgot to rate must not slip through a threshold.
	if r.Severity, err = gatehouse.ParseSeverity(cmp.Or(b.Severity, "HIGH")); err != nil {
		return r, err
	}
	r.Expr = lazy.Of(b.Regex.Regexp)
	if b.SecretGroupName != "" {
		if r.Group = b.Regex.SubexpIndex(b.SecretGroupName); r.Group < 0 {
			return r, fmt.Errorf("it has no group %q", b.SecretGroupName)
		}
	}
	if b.Path != nil {
		r.Path = lazy.Of(b.Path.Regexp)
	}
	for _, a := range b.AllowRules {
		if a.Path != nil || a.Regex == nil {
			return r, fmt.Errorf("allow rules for paths are not supported")
		}
		r.Allow = append(r.Allow, &Allow{Regexes: []*lazy.Regexp{lazy.Of(a.Regex.Regexp)}, Target: TargetMatch})
	}
	r.prepare()
	return r, nil
}
