package policies

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"io/fs"
	"math"
	"slices"
	"strings"
)

//go:embed baseline
var baselineFS embed.FS

// baselineSource is the embedded pack.
func baselineSource() Source {
	sub, err := fs.Sub(baselineFS, "baseline")
	if err != nil {
		// "baseline" is a valid path.
		sub = baselineFS
	}
	return Source{Name: "baseline", FS: regoOnly{sub}}
}

// regoOnly hides the settings, which are merged before they are data.
type regoOnly struct{ fs.FS }

func (r regoOnly) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(r.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), ".json") }), err
}

// settingSchema is the part of JSON Schema that settings use.
type settingSchema struct {
	Title       string                   `json:"title"`
	Description string                   `json:"description"`
	Type        string                   `json:"type"`
	Enum        []string                 `json:"enum"`
	Minimum     *float64                 `json:"minimum"`
	Items       *settingSchema           `json:"items"`
	Required    []string                 `json:"required"`
	Properties  map[string]settingSchema `json:"properties"`
}

// DefaultSettings are the settings of the baseline pack: for each rule, its
// keys and their values.
func DefaultSettings() (map[string]map[string]any, error) {
	b, err := baselineFS.ReadFile("baseline/settings.json")
	if err != nil {
		return nil, fmt.Errorf("read the default settings: %w", err)
	}
	var out map[string]map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("read the default settings: %w", err)
	}
	return out, nil
}

// SettingsSchema is the JSON Schema of the settings of the baseline pack.
func SettingsSchema() ([]byte, error) { return baselineFS.ReadFile("baseline/settings.schema.json") }

// mergeSettings checks overrides and puts them over the defaults.
func mergeSettings(overrides map[string]any) (map[string]any, error) {
	defaults, err := DefaultSettings()
	if err != nil {
		return nil, err
	}
	raw, err := SettingsSchema()
	if err != nil {
		return nil, fmt.Errorf("read the schema of the settings: %w", err)
	}
	var schema settingSchema
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, fmt.Errorf("read the schema of the settings: %w", err)
	}
	var errs []error
	set := func(rule, key string, v any) {
		name := rule + "." + key
		rs, ok := schema.Properties[rule]
		if !ok {
			errs = append(errs, fmt.Errorf("setting %q: the baseline pack has no rule %q with settings%s", name, rule, nearest.Hint(rule, sortedKeys(schema.Properties))))
			return
		}
		ks, ok := rs.Properties[key]
		if !ok {
			errs = append(errs, fmt.Errorf("setting %q: rule %q has no setting %q%s", name, rule, key, nearest.Hint(key, sortedKeys(rs.Properties))))
			return
		}
		v, err := ks.check(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("setting %q: %w", name, err))
			return
		}
		defaults[rule][key] = v
	}
	for _, rule := range sortedKeys(overrides) {
		v := overrides[rule]
		if r, key, ok := strings.Cut(rule, "."); ok {
			set(r, key, v)
			continue
		}
		keys, ok := v.(map[string]any)
		if !ok {
			if _, known := schema.Properties[rule]; known {
				errs = append(errs, fmt.Errorf("setting %q: want an object with the keys %s, got %s", rule, nearest.Quote(sortedKeys(schema.Properties[rule].Properties), ", "), describeValue(v)))
			} else {
				set(rule, "", v)
			}
			continue
		}
		if len(keys) == 0 {
			if _, known := schema.Properties[rule]; !known {
				set(rule, "", v)
			}
		}
		for _, key := range sortedKeys(keys) {
			set(rule, key, keys[key])
		}
	}
	if denied, ok := defaults["licenses"]["denied"].([]any); ok {
		defaults["licenses"]["denied"] = withCurrentLicenses(denied)
	}
	out := map[string]any{}
	for rule, keys := range defaults {
		m := map[string]any{}
		for k, v := range keys {
			m[k] = v
		}
		out[rule] = m
	}
	return out, errors.Join(errs...)
}

// check returns v as the type that JSON would give it.
func (s *settingSchema) check(v any) (any, error) {
	wrong := func(want string) error { return fmt.Errorf("want %s, got %s", want, describeValue(v)) }
	switch s.Type {
	case "string":
		x, ok := v.(string)
		if !ok {
			if len(s.Enum) > 0 {
				return nil, wrong("one of " + strings.Join(s.Enum, ", "))
			}
			return nil, wrong("a string")
		}
		if len(s.Enum) == 0 {
			return x, nil
		}
		for _, e := range s.Enum {
			if strings.EqualFold(e, x) {
				return e, nil
			}
		}
		if n := nearest.Names(x, s.Enum); len(n) > 0 {
			return nil, fmt.Errorf("want one of %s, got %q: did you mean %s?", strings.Join(s.Enum, ", "), x, n[0])
		}
		return nil, wrong("one of " + strings.Join(s.Enum, ", "))
	case "boolean":
		x, ok := v.(bool)
		if !ok {
			return nil, wrong("true or false")
		}
		return x, nil
	case "integer", "number":
		x, ok := number(v)
		switch {
		case !ok || math.IsNaN(x) || math.IsInf(x, 0):
			return nil, wrong("a number")
		case s.Type == "integer" && x != math.Trunc(x):
			return nil, wrong("a whole number")
		case s.Minimum != nil && x < *s.Minimum:
			return nil, wrong(fmt.Sprintf("at least %v", *s.Minimum))
		}
		return x, nil
	case "array":
		if list, ok := v.([]string); ok {
			anys := make([]any, len(list))
			for i, x := range list {
				anys[i] = x
			}
			v = anys
		}
		list, ok := v.([]any)
		if !ok {
			return nil, wrong("a list")
		}
		out := make([]any, len(list))
		for i, x := range list {
			y, err := s.Items.check(x)
			if err != nil {
				return nil, fmt.Errorf("item %d: %w", i+1, err)
			}
			out[i] = y
		}
		return out, nil
	case "object":
		in, ok := v.(map[string]any)
		if !ok {
			return nil, wrong("an object with the keys " + strings.Join(sortedKeys(s.Properties), ", "))
		}
		out := map[string]any{}
		for _, key := range sortedKeys(in) {
			ks, ok := s.Properties[key]
			if !ok {
				return nil, fmt.Errorf("there is no key %q%s", key, nearest.Hint(key, sortedKeys(s.Properties)))
			}
			x, err := ks.check(in[key])
			if err != nil {
				return nil, fmt.Errorf("key %q: %w", key, err)
			}
			out[key] = x
		}
		for _, key := range s.Required {
			if _, ok := out[key]; !ok {
				return nil, fmt.Errorf("the key %q is missing", key)
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("the schema has the unknown type %q", s.Type)
}

func number(v any) (float64, bool) {
	switch x := v.(type) {
	case int:
		return float64(x), true
	case int64:
		return float64(x), true
	case uint64:
		return float64(x), true
	case float64:
		return x, true
	case json.Number:
		f, err := x.Float64()
		return f, err == nil
	}
	return 0, false
}

func describeValue(v any) string {
	switch x := v.(type) {
	case string:
		return fmt.Sprintf("the string %q", x)
	case nil:
		return "nothing"
	case bool:
		return fmt.Sprint(x)
	case []any, []string:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprint(v)
}
