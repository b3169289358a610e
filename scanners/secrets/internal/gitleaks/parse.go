// Package gitleaks reads rules in the TOML format of gitleaks, version 8, old
// and new forms. It holds data only: nothing here is compiled or matched.
//
// Keys that the format does not have are errors, as a misspelt key would
// silently widen or narrow what is found.
package gitleaks

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gatehouse-sec/gatehouse/internal/nearest"
)

// Config is one configuration file.
type Config struct {
	Title       string
	Description string
	// MinVersion is the oldest gitleaks that reads the file; not used.
	MinVersion string
	Extend     Extend
	Rules      []Rule
	// Allowlists hold for all rules, or for their TargetRules.
	Allowlists []Allowlist
	// Old is [allowlist], the former way to write one of Allowlists.
	Old *Allowlist `toml:"allowlist"`

	// Own are the ids of the rules that stand in the files themselves, be it
	// alone or as changes to a default rule, or that an allow list of the
	// files names; Disabled those that the files disable. Set by [Load].
	Own, Disabled map[string]bool `toml:"-"`
}

// Extend says what a file builds on.
type Extend struct {
	UseDefault    bool
	Path          string
	URL           string
	DisabledRules []string
}

// Rule is one sort of secret.
type Rule struct {
	ID          string
	Description string
	// Regex and Path may each be empty, but not both.
	Regex string
	Path  string
	// SecretGroup is the group of Regex that is the secret; 0 means the first
	// group that is not empty, or the whole match if there is none.
	SecretGroup int
	// Entropy is what the secret must exceed, in bits for each character.
	Entropy float64
	// Keywords are strings of which a file must have one, in any case.
	Keywords   []string
	Tags       []string
	Allowlists []Allowlist
	// Old is [rules.allowlist], the former way to write one of Allowlists.
	Old *Allowlist `toml:"allowlist"`
	// Required are rules that must match as well, near by.
	Required []Required
	// SkipReport is set if matches count only where other rules require them.
	SkipReport bool
}

// Allowlist says what is no secret.
type Allowlist struct {
	Description string
	// Condition is "OR" or "AND"; empty means "OR".
	Condition string
	Commits   []string
	Paths     []string
	Regexes   []string
	// RegexTarget is what Regexes look at: "secret", "match" or "line"; empty
	// means "secret".
	RegexTarget string
	StopWords   []string
	// TargetRules are the ids of the rules it holds for; empty means all.
	TargetRules []string
}

// Required is a rule that must match near by.
type Required struct {
	ID string
	// WithinLines and WithinColumns bound the distance; nil means anywhere in
	// the file.
	WithinLines, WithinColumns *int
}

// All reports whether all criteria must hold, not just one.
func (a *Allowlist) All() bool { c := strings.ToUpper(a.Condition); return c == "AND" || c == "&&" }

// known are the keys of the format, for hints.
var known = []string{"title", "description", "minVersion", "extend", "useDefault", "path", "url", "disabledRules", "rules", "id", "regex", "secretGroup",
	"entropy", "keywords", "tags", "allowlist", "allowlists", "required", "withinLines", "withinColumns", "skipReport", "condition", "commits", "paths",
	"regexes", "regexTarget", "stopwords", "targetRules"}

// Parse reads a configuration. The name is for errors.
func Parse(name string, data []byte) (*Config, error) {
	c := &Config{}
	md, err := toml.Decode(string(data), c)
	if err != nil {
		return nil, fmt.Errorf("%s: parse rules: %w", name, tomlError(err))
	}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
	}
	for _, key := range md.Undecoded() {
		bad("unknown key %q%s", key.String(), nearest.Hint(key[len(key)-1], known))
	}
	if c.Allowlists, err = join(c.Allowlists, c.Old); err != nil {
		bad("%v", err)
	}
	c.Old = nil
	for i := range c.Allowlists {
		if err := c.Allowlists[i].check(); err != nil {
			bad("allow list %d: %v", i+1, err)
		}
	}
	seen := map[string]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		if strings.TrimSpace(r.ID) == "" {
			bad("rule %d has no id", i+1)
			continue
		}
		if seen[r.ID] {
			bad("rule %q stands there twice", r.ID)
		}
		seen[r.ID] = true
		if r.Allowlists, err = join(r.Allowlists, r.Old); err != nil {
			bad("rule %q: %v", r.ID, err)
		}
		r.Old = nil
		for j := range r.Allowlists {
			a := &r.Allowlists[j]
			if err := a.check(); err != nil {
				bad("rule %q: allow list %d: %v", r.ID, j+1, err)
			}
			if len(a.TargetRules) > 0 {
				bad("rule %q: allow list %d: targetRules belongs into [[allowlists]] outside of rules", r.ID, j+1)
			}
		}
		if r.SecretGroup < 0 || r.Entropy < 0 {
			bad("rule %q: secretGroup and entropy must not be negative", r.ID)
		}
		for _, q := range r.Required {
			if q.ID == "" {
				bad("rule %q: a required rule has no id", r.ID)
			}
		}
		if i := slices.Index(r.Keywords, ""); i >= 0 {
			bad("rule %q: a keyword is empty", r.ID)
		}
	}
	if c.Extend.UseDefault && c.Extend.Path != "" {
		bad("extend.useDefault and extend.path exclude each other; let the file of extend.path use the default")
	}
	if len(c.Rules)+len(c.Allowlists)+len(c.Extend.DisabledRules) == 0 && !c.Extend.UseDefault && c.Extend.Path == "" && c.Extend.URL == "" {
		bad("the file has no rules, allow lists or extend; is it the right file?")
	}
	if c.Extend.URL != "" {
		bad("extend.url is not supported: nothing is loaded over the network; save the file and use extend.path")
	}
	return c, errors.Join(errs...)
}

// tomlError leaves out the text of the file, which may hold a secret.
func tomlError(err error) error {
	if e, ok := errors.AsType[toml.ParseError](err); ok {
		return fmt.Errorf("line %d, column %d: %s", e.Position.Line, e.Position.Col, e.Message)
	}
	return err
}

func join(list []Allowlist, old *Allowlist) ([]Allowlist, error) {
	if old == nil {
		return list, nil
	}
	if len(list) > 0 {
		return list, errors.New("[allowlist] and [[allowlists]] exclude each other: write all as [[allowlists]]")
	}
	return []Allowlist{*old}, nil
}

func (a *Allowlist) check() error {
	switch strings.ToUpper(a.Condition) {
	case "", "OR", "||", "AND", "&&":
	default:
		return fmt.Errorf("unknown condition %q: want OR or AND", a.Condition)
	}
	switch a.RegexTarget {
	case "", "secret", "match", "line":
	default:
		return fmt.Errorf("unknown regexTarget %q: want secret, match or line", a.RegexTarget)
	}
	if len(a.Commits)+len(a.Paths)+len(a.Regexes)+len(a.StopWords) == 0 {
		return errors.New("it has none of commits, paths, regexes and stopwords")
	}
	for _, c := range a.Commits {
		if n := len(strings.TrimSpace(c)); n != 40 && n != 64 || strings.Trim(strings.ToLower(strings.TrimSpace(c)), "0123456789abcdef") != "" {
			return fmt.Errorf("commit %.70q is no full id of 40 or 64 hexadecimal digits, and so would allow nothing", c)
		}
	}
	if slices.Contains(a.StopWords, "") {
		return errors.New("a stop word is empty, which allows everything")
	}
	return nil
}
