package gitleaks

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/zricethezav/gitleaks/v8/config"

	"github.com/gatehouse-sec/gatehouse/internal/nearest"
)

// maxExtends bounds chains of files that extend each other, as gitleaks does.
const maxExtends = 2

// Default returns the default configuration of gitleaks, as its module has it.
// The result must not be changed.
var Default = sync.OnceValues(func() (*Config, error) {
	return Parse("default rules of gitleaks", []byte(config.DefaultConfig))
})

// Load parses a configuration and merges what it extends. Read returns the file
// that extend.path names; may be nil if there are no files. The second result
// says that the default configuration is part of it. Others are ids of rules
// that there are besides, which may be disabled too.
func Load(name string, data []byte, read func(path string) ([]byte, error), others []string) (*Config, bool, error) {
	return load(name, data, read, others, 0)
}

func load(name string, data []byte, read func(path string) ([]byte, error), others []string, depth int) (*Config, bool, error) {
	c, err := Parse(name, data)
	if err != nil {
		return nil, false, err
	}
	c.Own, c.Disabled = map[string]bool{}, map[string]bool{}
	for _, r := range c.Rules {
		c.Own[r.ID] = true
	}
	for _, a := range c.Allowlists {
		for _, id := range a.TargetRules {
			c.Own[id] = true
		}
	}
	for _, id := range c.Extend.DisabledRules {
		c.Disabled[id] = true
	}
	var base *Config
	usesDefault := c.Extend.UseDefault
	switch {
	case c.Extend.UseDefault:
		if base, err = Default(); err != nil {
			return nil, false, err
		}
		// The default has its own list for all rules, most of it paths that
		// are not read there. Here every path is read, and values are judged
		// as those of built-in rules.
		base = &Config{Rules: base.Rules}
	case c.Extend.Path != "" && depth == maxExtends:
		return nil, false, fmt.Errorf("%s: extend.path %q: files extend each other more than %d times", name, c.Extend.Path, maxExtends)
	case c.Extend.Path != "" && read == nil:
		return nil, false, fmt.Errorf("%s: extend.path %q: no files can be read here", name, c.Extend.Path)
	case c.Extend.Path != "":
		data, err := read(c.Extend.Path)
		if err != nil {
			return nil, false, fmt.Errorf("%s: extend.path: %w", name, err)
		}
		if base, usesDefault, err = load(c.Extend.Path, data, read, others, depth+1); err != nil {
			return nil, false, err
		}
	case len(c.Extend.DisabledRules) > 0:
		return nil, false, fmt.Errorf("%s: extend.disabledRules disables nothing without useDefault or path", name)
	}
	if base != nil {
		if err := c.extend(name, base, others); err != nil {
			return nil, false, err
		}
	}
	if depth == 0 {
		err = c.finish(name)
	}
	return c, usesDefault, err
}

// extend adds the rules of base, without those that are disabled. A rule that
// stands in both takes from base what it does not say itself.
func (c *Config) extend(name string, base *Config, others []string) error {
	ids := make([]string, len(base.Rules))
	for i, r := range base.Rules {
		ids[i] = r.ID
	}
	maps.Copy(c.Own, base.Own)
	maps.Copy(c.Disabled, base.Disabled)
	var errs []error
	for _, id := range c.Extend.DisabledRules {
		if !slices.Contains(ids, id) && !slices.Contains(others, id) {
			errs = append(errs, fmt.Errorf("%s: extend.disabledRules: there is no rule %q%s", name, id, nearest.Hint(id, ids)))
		}
	}
	for _, b := range base.Rules {
		if slices.Contains(c.Extend.DisabledRules, b.ID) {
			continue
		}
		i := slices.IndexFunc(c.Rules, func(r Rule) bool { return r.ID == b.ID })
		if i < 0 {
			c.Rules = append(c.Rules, b)
			continue
		}
		r := &c.Rules[i]
		r.Description = cmp.Or(r.Description, b.Description)
		r.Regex = cmp.Or(r.Regex, b.Regex)
		r.Path = cmp.Or(r.Path, b.Path)
		r.Entropy = cmp.Or(r.Entropy, b.Entropy)
		r.SecretGroup = cmp.Or(r.SecretGroup, b.SecretGroup)
		r.Keywords = slices.Concat(b.Keywords, r.Keywords)
		r.Tags = slices.Concat(b.Tags, r.Tags)
		r.Allowlists = slices.Concat(b.Allowlists, r.Allowlists)
		if len(r.Required) == 0 {
			r.Required = b.Required
		}
	}
	c.Allowlists = slices.Concat(c.Allowlists, base.Allowlists)
	return errors.Join(errs...)
}

// finish hands the allow lists for some rules to these, and checks what can be
// checked only when all rules are known.
func (c *Config) finish(name string) error {
	ids := make([]string, len(c.Rules))
	for i, r := range c.Rules {
		ids[i] = r.ID
	}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
	}
	var global []Allowlist
	for _, a := range c.Allowlists {
		if len(a.TargetRules) == 0 {
			global = append(global, a)
		}
		for _, id := range a.TargetRules {
			i := slices.Index(ids, id)
			if i < 0 {
				bad("targetRules: there is no rule %q%s", id, nearest.Hint(id, ids))
				continue
			}
			c.Rules[i].Allowlists = append(slices.Clip(c.Rules[i].Allowlists), a)
		}
	}
	c.Allowlists = global
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.Regex == "" && r.Path == "" {
			bad("rule %q has neither regex nor path", r.ID)
		}
		for _, q := range r.Required {
			if !slices.Contains(ids, q.ID) {
				bad("rule %q requires rule %q, which does not exist%s", r.ID, q.ID, nearest.Hint(q.ID, ids))
			}
		}
	}
	return errors.Join(errs...)
}
