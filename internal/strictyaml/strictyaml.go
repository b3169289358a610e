// Package strictyaml decodes the files that people write for gatehouse. A key
// that means nothing is an error with its line and the nearest key that does:
// in a gate, a misspelt setting must not be a setting that is off.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/nearest"
)

// Decode decodes the one YAML document in data into the struct that out points
// to. Errors start with name and line. An empty document leaves out as it is.
func Decode(name string, data []byte, out any) error {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return wrap(name, err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s:%d: only one YAML document is expected; remove what follows \"---\"", name, max(more.Line, 1))
	}
	c := checker{name: name}
	c.check(&doc, reflect.TypeOf(out).Elem(), "")
	if len(c.errs) > 0 {
		return errors.Join(c.errs...)
	}
	if err := doc.Decode(out); err != nil {
		return wrap(name, err)
	}
	return nil
}

// wrap puts the name in front of what the YAML library says, without its own
// prefix.
func wrap(name string, err error) error {
	if te, ok := errors.AsType[*yaml.TypeError](err); ok {
		var errs []error
		for _, m := range te.Errors {
			line, text, ok := strings.Cut(strings.TrimPrefix(m, "line "), ": ")
			if !ok {
				errs = append(errs, fmt.Errorf("%s: %s", name, m))
				continue
			}
			errs = append(errs, fmt.Errorf("%s:%s: %s", name, line, text))
		}
		return errors.Join(errs...)
	}
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if line, text, ok := strings.Cut(rest, ": "); ok {
			return fmt.Errorf("%s:%s: %s", name, line, text)
		}
	}
	return fmt.Errorf("%s: %s", name, msg)
}

type checker struct {
	name string
	errs []error
}

func (c *checker) errorf(n *yaml.Node, format string, args ...any) {
	if len(c.errs) < 20 {
		c.errs = append(c.errs, fmt.Errorf("%s:%d: %s", c.name, n.Line, fmt.Sprintf(format, args...)))
	}
}

var unmarshaler = reflect.TypeFor[yaml.Unmarshaler]()

// check walks n beside the type it will be decoded into.
func (c *checker) check(n *yaml.Node, t reflect.Type, path string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind == yaml.AliasNode {
		c.errorf(n, "aliases are not supported here; write the value out")
		return
	}
	if n.Kind == yaml.DocumentNode {
		for _, child := range n.Content {
			c.check(child, t, path)
		}
		return
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return // checks itself
	}
	switch {
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		known := Keys(t)
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if first, ok := seen[key.Value]; ok {
				c.errorf(key, "%q is given twice, first in line %d", path+key.Value, first)
			}
			seen[key.Value] = key.Line
			ft, ok := known[key.Value]
			if !ok {
				c.errorf(key, "unknown key %q%s", path+key.Value, nearest.Hint(key.Value, names(known)))
				continue
			}
			c.check(value, ft, path+key.Value+".")
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 0; i+1 < len(n.Content); i += 2 {
			c.check(n.Content[i+1], t.Elem(), path+n.Content[i].Value+".")
		}
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range n.Content {
			c.check(item, t.Elem(), path)
		}
	case n.Kind == yaml.SequenceNode && t.Kind() != reflect.Interface, n.Kind == yaml.MappingNode && t.Kind() != reflect.Interface:
		c.errorf(n, "%s must be %s, not %s", strings.TrimSuffix(path, "."), describe(t.Kind()), map[yaml.Kind]string{yaml.SequenceNode: "a list", yaml.MappingNode: "a mapping"}[n.Kind])
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null" && (t.Kind() == reflect.Struct || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) && t.PkgPath() != "time":
		single := "a single value"
		if plain.MatchString(n.Value) {
			single = fmt.Sprintf("the single value %q", n.Value)
		}
		c.errorf(n, "%s must be %s, not %s", strings.TrimSuffix(path, "."), describe(t.Kind()), single)
	}
}

// plain is a value that may be quoted: a file that was named by mistake may
// hold secrets.
var plain = regexp.MustCompile(`^[a-z_./*-]{1,24}$`)

func describe(k reflect.Kind) string {
	switch k {
	case reflect.Struct, reflect.Map:
		return "a mapping"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	}
	return "a single value"
}

// Keys returns the YAML keys of a struct and the types of their values.
func Keys(t reflect.Type) map[string]reflect.Type {
	keys := map[string]reflect.Type{}
	for f := range t.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if tag != "" && tag != "-" {
			keys[tag] = f.Type
		}
	}
	return keys
}

func names(m map[string]reflect.Type) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
