package iac

import (
	"context"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
)

// manifest says where a Kubernetes object comes from.
type manifest struct {
	typ   string
	path  string
	place func(*gatehouse.Location) // see subject
	// ignores are those of the text that the lines of the object are about; nil
	// if whoever gets the findings knows them.
	ignores *ignore.Set
}

// scanManifest looks at a Kubernetes object, or at each item of a list.
func (s *scanner) scanManifest(ctx context.Context, doc *yaml.Node, m manifest, out reporter) error {
	if items := document.Get(doc, "items"); items != nil && items.Kind == yaml.SequenceNode && strings.HasSuffix(document.String(doc, "kind"), "List") {
		for _, item := range items.Content {
			if item = typedItem(doc, document.Resolve(item)); isKubernetes(item) {
				if err := s.scanManifest(ctx, item, m, out); err != nil {
					return err
				}
			}
		}
		return nil
	}
	c := converter{path: ast.StringTerm(m.path), done: map[*yaml.Node]converted{}}
	sub := subject{
		typ: m.typ, input: checks.Kubernetes, value: c.convert(doc, doc.Line).term.Value,
		path: m.path, line: doc.Line, resource: address(doc), place: m.place, ignores: m.ignores,
	}
	if err := s.evaluate(ctx, sub, out); err != nil || !isGitOps(doc) {
		return err
	}
	sub.input = checks.GitOps
	return s.evaluate(ctx, sub, out)
}

// typedItem is an item of a list such as PodList, whose items need not say
// what they are.
func typedItem(list, item *yaml.Node) *yaml.Node {
	kind := strings.TrimSuffix(document.String(list, "kind"), "List")
	if kind == "" || item.Kind != yaml.MappingNode || document.String(item, "kind") != "" {
		return item
	}
	typed := *item
	scalar := func(s string) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Line: item.Line}
	}
	typed.Content = append([]*yaml.Node{scalar("kind"), scalar(kind)}, item.Content...)
	if document.String(item, "apiVersion") == "" {
		typed.Content = append([]*yaml.Node{scalar("apiVersion"), scalar(document.String(list, "apiVersion"))}, typed.Content...)
	}
	return &typed
}

// address is kind/name, or kind/namespace/name if there is a namespace.
func address(doc *yaml.Node) string {
	parts := []string{document.String(doc, "kind")}
	if ns := document.String(doc, "metadata", "namespace"); ns != "" {
		parts = append(parts, ns)
	}
	name := document.String(doc, "metadata", "name")
	if name == "" {
		name = document.String(doc, "metadata", "generateName")
	}
	return strings.Join(append(parts, name), "/")
}

// converter turns a document into the input of checks: each object says in
// "__defsec_metadata" where it stands.
type converter struct {
	path *ast.Term
	done map[*yaml.Node]converted // by target of an alias
}

type converted struct {
	term *ast.Term
	end  int // last line
}

// convert turns a node into a term. An object that is a value starts on the
// line of its key.
func (c *converter) convert(n *yaml.Node, start int) converted {
	switch n.Kind {
	case yaml.AliasNode:
		if v, ok := c.done[n.Alias]; ok {
			return converted{v.term, n.Line}
		}
		v := c.convert(n.Alias, n.Alias.Line)
		c.done[n.Alias] = v
		return converted{v.term, n.Line}
	case yaml.SequenceNode:
		terms := make([]*ast.Term, 0, len(n.Content))
		end := n.Line
		for _, child := range n.Content {
			v := c.convert(child, child.Line)
			terms = append(terms, v.term)
			end = max(end, v.end)
		}
		return converted{ast.ArrayTerm(terms...), end}
	case yaml.MappingNode:
		return c.convertMapping(n, start)
	}
	return converted{scalar(n), n.Line + strings.Count(strings.TrimRight(n.Value, "\n"), "\n")}
}

func (c *converter) convertMapping(n *yaml.Node, start int) converted {
	obj := ast.NewObject()
	end := n.Line
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := document.Resolve(n.Content[i]), n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			continue
		}
		v := c.convert(value, key.Line)
		obj.Insert(ast.StringTerm(key.Value), v.term)
		end = max(end, v.end)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if document.Resolve(n.Content[i]).ShortTag() == "!!merge" {
			end = max(end, n.Content[i+1].Line)
			c.merge(obj, n.Content[i+1])
		}
	}
	obj.Insert(ast.StringTerm("__defsec_metadata"), ast.ObjectTerm(
		ast.Item(ast.StringTerm("startline"), ast.IntNumberTerm(start)),
		ast.Item(ast.StringTerm("endline"), ast.IntNumberTerm(end)),
		ast.Item(ast.StringTerm("filepath"), c.path),
		ast.Item(ast.StringTerm("offset"), ast.IntNumberTerm(0)),
	))
	return converted{ast.NewTerm(obj), end}
}

// merge adds the keys of what "<<" refers to, if they are not there yet.
func (c *converter) merge(obj ast.Object, from *yaml.Node) {
	sources := []*yaml.Node{from}
	if r := document.Resolve(from); r.Kind == yaml.SequenceNode {
		sources = r.Content
	}
	for _, src := range sources {
		v, ok := c.convert(src, src.Line).term.Value.(ast.Object)
		if !ok {
			continue
		}
		v.Foreach(func(k, val *ast.Term) {
			if obj.Get(k) == nil {
				obj.Insert(k, val)
			}
		})
	}
}

// scalar turns a scalar into a term as Kubernetes does, which reads YAML 1.1.
func scalar(n *yaml.Node) *ast.Term {
	switch n.ShortTag() {
	case "!!null":
		return ast.NullTerm()
	case "!!bool":
		if b, err := strconv.ParseBool(strings.ToLower(n.Value)); err == nil {
			return ast.BooleanTerm(b)
		}
	case "!!int", "!!float":
		var v any
		if n.Decode(&v) == nil {
			switch v.(type) {
			case int, int64, uint64, float64:
				if term, err := ast.InterfaceToValue(v); err == nil {
					return ast.NewTerm(term)
				}
			}
		}
	case "!!str":
		if n.Style == 0 {
			switch n.Value {
			case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
				return ast.BooleanTerm(true)
			case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
				return ast.BooleanTerm(false)
			}
		}
	}
	return ast.StringTerm(n.Value)
}
