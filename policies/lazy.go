package policies

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// fewComponents is up to how many components the input is made at once: it
// costs about 10 µs for each.
const fewComponents = 500

// reportInput is the input of report policies. Most of it may be components,
// and most rules do not look at them.
type reportInput struct {
	// whole is all of it.
	whole func() (ast.Value, error)
	// parts are all fields but the components; nil if there are few of those.
	parts map[string]any
}

// unasked stands for the components until a rule asks for them.
type unasked struct{ asked *bool }

var errAsked = errors.New("the components are asked for")

// MarshalJSON is what OPA calls to convert a value that it does not know, when
// a rule looks at it.
func (u unasked) MarshalJSON() ([]byte, error) {
	*u.asked = true
	return nil, errAsked
}

const componentsField = "components"

func (in *Input) reportInput() (*reportInput, error) {
	doc := in.Document
	doc.Components = []InputComponent{}
	value, err := toValue(&doc)
	if err != nil {
		return nil, err
	}
	object, ok := value.(ast.Object)
	if !ok {
		return nil, fmt.Errorf("the input is a %T and no object", value)
	}
	r := &reportInput{whole: sync.OnceValues(func() (ast.Value, error) {
		components, err := toValue(in.components())
		if err != nil {
			return nil, err
		}
		whole, err := object.Map(func(k, v *ast.Term) (*ast.Term, *ast.Term, error) {
			if k.Value.Compare(ast.String(componentsField)) == 0 {
				v = ast.NewTerm(components)
			}
			return k, v, nil
		})
		return whole, err
	})}
	if len(in.report.Components) <= fewComponents {
		return r, nil
	}
	r.parts = map[string]any{}
	object.Foreach(func(k, v *ast.Term) {
		if name, ok := k.Value.(ast.String); ok && name != componentsField {
			r.parts[string(name)] = v.Value
		}
	})
	return r, nil
}

// try calls f with the input without its components, and again with the whole
// of it if f asked for them: what it gave before counts for nothing.
func (r *reportInput) try(f func(ast.Value) []ruleResult) ([]ruleResult, error) {
	if r.parts != nil {
		asked := false
		blob := map[string]any{componentsField: unasked{&asked}}
		for k, v := range r.parts {
			blob[k] = v
		}
		// The object keeps what it converts, so each call has its own.
		if out := f(ast.LazyObject(blob)); !asked && !returned(out) {
			return out, nil
		}
	}
	whole, err := r.whole()
	if err != nil {
		return nil, err
	}
	return f(whole), nil
}

// returned reports whether what rules gave has the input itself in it: OPA
// hands that out as it is, without looking at it.
func returned(results []ruleResult) bool {
	var inside func(any) bool
	inside = func(v any) bool {
		switch v := v.(type) {
		case unasked:
			return true
		case []any:
			return slices.ContainsFunc(v, inside)
		case map[string]any:
			for _, e := range v {
				if inside(e) {
					return true
				}
			}
		}
		return false
	}
	return slices.ContainsFunc(results, func(r ruleResult) bool { return slices.ContainsFunc(r.items, inside) })
}
