package policies

import (
	"fmt"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// misspelt finds fields that nothing has and that are nearly the name of a
// field of the input, where the type checker cannot see: in arguments of
// functions and variables of "every", whose types OPA does not infer.
func (b *bundle) misspelt(m *ast.Module) []error {
	var errs []error
	var known map[string]bool
	check := func(node any, untyped map[ast.Var]bool) {
		ast.WalkRefs(node, func(r ast.Ref) bool {
			v, ok := r[0].Value.(ast.Var)
			if !ok || !untyped[v] {
				return false
			}
			if known == nil {
				known = b.knownFields()
			}
			for _, t := range r[1:] {
				s, ok := t.Value.(ast.String)
				if !ok {
					continue
				}
				if known[string(s)] {
					continue
				}
				if n := nearest.Names(string(s), inputFields()); len(n) > 0 && nearest.Distance(string(s), n[0]) <= 2 {
					errs = append(errs, fmt.Errorf("%s: %s: nothing has a field %q: did you mean %q? If it is right, read it with object.get(…, %q, default)",
						place(t.Location), r, string(s), n[0], string(s)))
				}
			}
			return false
		})
	}
	for _, r := range m.Rules {
		args := map[ast.Var]bool{}
		for _, a := range r.Head.Args {
			ast.WalkVars(a, func(v ast.Var) bool { args[v] = true; return false })
		}
		if len(args) > 0 {
			check(r, args)
		}
		ast.WalkExprs(r, func(e *ast.Expr) bool {
			if every, ok := e.Terms.(*ast.Every); ok {
				if v, ok := every.Value.Value.(ast.Var); ok {
					check(every.Body, map[ast.Var]bool{v: true})
				}
			}
			return false
		})
	}
	return errs
}

// knownFields are all names that a policy may mean: fields of the input, keys
// of the data, and keys of objects that policies make.
func (b *bundle) knownFields() map[string]bool {
	known := map[string]bool{}
	for _, f := range inputFields() {
		known[f] = true
	}
	var addKeys func(v any)
	addKeys = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				known[k] = true
				addKeys(x)
			}
		case []any:
			for _, x := range v {
				addKeys(x)
			}
		}
	}
	addKeys(b.data.root)
	for _, m := range b.modules {
		ast.WalkTerms(m, func(t *ast.Term) bool {
			if o, ok := t.Value.(ast.Object); ok {
				o.Foreach(func(k, _ *ast.Term) {
					if s, ok := k.Value.(ast.String); ok {
						known[string(s)] = true
					}
				})
			}
			return false
		})
	}
	return known
}

// inputFields are the names of all fields in the schema of the input, sorted.
func inputFields() []string {
	schema, err := inputSchema()
	if err != nil {
		return nil
	}
	var out []string
	defs, _ := schema.(map[string]any)["$defs"].(map[string]any)
	for _, d := range defs {
		d, _ := d.(map[string]any)
		props, _ := d["properties"].(map[string]any)
		for name := range props {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
