// Package rules holds what the secrets scanner looks for.
//
// The expressions, keywords and severities are the built-in set of trivy
// (github.com/aquasecurity/trivy/pkg/fanal/secret, Apache-2.0), used through
// its Go API. Its allow rules are not used: they leave out every path that has
// "test", "example" or "vendor" in it and every Markdown file, which are
// places where secrets do leak.
package rules

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"

	builtin "github.com/aquasecurity/trivy/pkg/fanal/secret"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/factor"
)

// Rule is one sort of secret.
type Rule struct {
	ID       string
	Title    string
	Category string
	Severity gatehouse.Severity
	// Expr matches the secret, and Group is the number of the group that is
	// the secret itself; 0 is the whole match.
	Expr  *regexp.Regexp
	Group int
	// Keywords is what the origin of the rule says must be in a file. Only for
	// the digest: package factor derives what matches must contain.
	Keywords []string
	// Path restricts the rule to some files; may be nil.
	Path *regexp.Regexp
	// Allow matches texts that the rule must not report; see [Rule.Allows].
	Allow []*regexp.Regexp
	// Starts are the public starts of the secret ("ghp_"), and Fold is set if
	// they stand for any case; may be nil.
	Starts []string
	Fold   bool
	// Specific says how much of the secret is fixed by the rule, in bits.
	Specific float64
}

// Builtin returns the built-in rules, sorted by id.
func Builtin() ([]Rule, error) {
	var out []Rule
	for _, b := range builtin.GetBuiltinRules() {
		r, err := convert(b)
		if err != nil {
			return nil, fmt.Errorf("secret rule %q: %w", b.ID, err)
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Rule) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

func convert(b builtin.Rule) (Rule, error) {
	r := Rule{ID: b.ID, Title: b.Title, Category: string(b.Category), Keywords: b.Keywords}
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
	r.Expr = b.Regex.Regexp
	if b.SecretGroupName != "" {
		if r.Group = r.Expr.SubexpIndex(b.SecretGroupName); r.Group < 0 {
			return r, fmt.Errorf("it has no group %q", b.SecretGroupName)
		}
	}
	if b.Path != nil {
		r.Path = b.Path.Regexp
	}
	for _, a := range b.AllowRules {
		if a.Path != nil || a.Regex == nil {
			return r, fmt.Errorf("allow rules for paths are not supported")
		}
		r.Allow = append(r.Allow, a.Regex.Regexp)
	}
	r.Starts, r.Fold, r.Specific, err = factor.Starts(r.Expr.String(), r.Group)
	return r, err
}

// Digest identifies the rules.
func Digest(rules []Rule) string {
	h := sha256.New()
	for _, r := range rules {
		fmt.Fprintf(h, "%q %q %q %s %d %q", r.ID, r.Title, r.Category, r.Severity, r.Group, r.Expr.String())
		if r.Path != nil {
			fmt.Fprintf(h, " path %q", r.Path.String())
		}
		for _, a := range r.Allow {
			fmt.Fprintf(h, " allow %q", a.String())
		}
		fmt.Fprintf(h, " keywords %q\n", r.Keywords)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
