package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/gitleaks"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
)

// fromGitleaks returns the default rules. Their lists for all rules are not
// used: see [Rule.Judged] for values, and the package comment for paths.
func fromGitleaks() ([]Rule, error) {
	c, err := gitleaks.Default()
	if err != nil {
		return nil, err
	}
	out := make([]Rule, 0, len(c.Rules))
	for i := range c.Rules {
		r, err := convertGitleaks("gitleaks", &c.Rules[i], Gitleaks)
		if err != nil {
			return nil, fmt.Errorf("secret rule %q of gitleaks: %w", c.Rules[i].ID, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func convertGitleaks(name string, g *gitleaks.Rule, source Source) (Rule, error) {
	r := Rule{
		ID: g.ID, Title: gitleaksTitle(g.ID), Category: provider(g.ID), Severity: gatehouse.SeverityHigh, Source: source, Tags: g.Tags,
		Group: match.FirstGroup, Entropy: g.Entropy, Keywords: g.Keywords, Hidden: g.SkipReport, Judged: source != User,
	}
	if source == User && g.Description != "" {
		r.Title = title(g.Description)
	}
	if g.Regex != "" {
		r.Expr = lazy.New(g.Regex)
	}
	if g.SecretGroup > 0 {
		r.Group = g.SecretGroup
	}
	if g.Path != "" {
		r.Path = lazy.New(g.Path)
	}
	for i := range g.Allowlists {
		r.Allow = append(r.Allow, newAllow(name, &g.Allowlists[i]))
	}
	for _, q := range g.Required {
		n := Required{Rule: q.ID, Lines: -1, Columns: -1}
		if q.WithinLines != nil {
			n.Lines = *q.WithinLines
		}
		if q.WithinColumns != nil {
			n.Columns = *q.WithinColumns
		}
		r.Required = append(r.Required, n)
	}
	if r.Expr == nil && r.Path == nil {
		return r, fmt.Errorf("it has neither regex nor path")
	}
	r.prepare()
	return r, nil
}

// fromConfig converts the rules that stand in a user's file; what the file took
// from the default as it is stays built-in. All expressions are compiled, so
// that a mistake is found now.
func fromConfig(name string, c *gitleaks.Config, usesDefault bool) ([]Rule, error) {
	global, err := globalAllow(name, c)
	if err != nil {
		return nil, err
	}
	defaults, err := gitleaks.Default()
	if err != nil {
		return nil, err
	}
	var out []Rule
	for i := range c.Rules {
		if usesDefault && !c.Own[c.Rules[i].ID] {
			continue
		}
		r, err := convertGitleaks(name, &c.Rules[i], User)
		if err == nil {
			err = r.compile()
		}
		if err != nil {
			return nil, fmt.Errorf("%s: rule %q: %w", name, c.Rules[i].ID, err)
		}
		// A change to a built-in rule leaves it a built-in rule.
		r.Judged = usesDefault && slices.ContainsFunc(defaults.Rules, func(d gitleaks.Rule) bool { return d.ID == r.ID && d.Regex == c.Rules[i].Regex })
		r.Allow = append(r.Allow, global...)
		out = append(out, r)
	}
	return out, nil
}

func globalAllow(name string, c *gitleaks.Config) ([]*Allow, error) {
	var global []*Allow
	for i := range c.Allowlists {
		a := newAllow(name, &c.Allowlists[i])
		if err := a.compile(); err != nil {
			return nil, fmt.Errorf("%s: allow list for all rules: %w", name, err)
		}
		global = append(global, a)
	}
	return global, nil
}

func (r *Rule) compile() error {
	if r.Path != nil {
		if _, err := r.Path.Compiled(); err != nil {
			return fmt.Errorf("path: %w", err)
		}
	}
	for _, a := range r.Allow {
		if err := a.compile(); err != nil {
			return fmt.Errorf("allow list: %w", err)
		}
	}
	if r.Expr == nil {
		return nil
	}
	re, err := r.Expr.Compiled()
	if err != nil {
		return fmt.Errorf("regex: %w", err)
	}
	if r.Group > re.NumSubexp() {
		return fmt.Errorf("secretGroup is %d, but the regex has %d groups", r.Group, re.NumSubexp())
	}
	if re.MatchString("") {
		return fmt.Errorf("the regex matches the empty text, and so everywhere")
	}
	return nil
}

// acronyms are words of ids that are not written like names.
var acronyms = map[string]string{
	"api": "API", "id": "ID", "aws": "AWS", "gcp": "GCP", "jwt": "JWT", "pat": "personal access token", "npm": "npm", "pypi": "PyPI", "oauth": "OAuth",
	"github": "GitHub", "gitlab": "GitLab", "url": "URL", "oidc": "OIDC", "1password": "1Password", "openai": "OpenAI", "tf": "Terraform", "cli": "CLI",
	"cicd": "CI/CD", "rrt": "registration token", "ptt": "pipeline trigger token", "scim": "SCIM", "spat": "secret personal access token", "ssh": "SSH",
}

// gitleaksTitle makes a title of an id: the descriptions are sentences.
func gitleaksTitle(id string) string {
	words := strings.Split(id, "-")
	for i, w := range words {
		if a, ok := acronyms[w]; ok {
			words[i] = a
		} else if i == 0 {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

var firstWord = regexp.MustCompile(`^[a-z0-9]+`)

// provider is the issuer by the id of a rule, in the spelling of trivy's
// categories where it has one.
func provider(id string) string {
	w := firstWord.FindString(strings.ToLower(id))
	switch w {
	case "aws":
		return "AWS"
	case "github":
		return "GitHub"
	case "gitlab":
		return "GitLab"
	case "private":
		return "AsymmetricPrivateKey"
	case "gcp":
		return "Google"
	case "huggingface":
		return "HuggingFace"
	case "generic", "curl", "jwt", "":
		return "generic"
	}
	if a, ok := acronyms[w]; ok {
		return a
	}
	return strings.ToUpper(w[:1]) + w[1:]
}
