package policies

import (
	"errors"
	"fmt"

	"github.com/gatehouse-sec/gatehouse/internal/version"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"
)

// versionInRangeDecl is version_in_range(ecosystem, version, range), by the
// rules of the package manager of a component's ecosystem. It is undefined for
// a version that cannot be compared, and fails for a range that cannot be read:
// such a range would never hold.
var versionInRangeDecl = &rego.Function{
	Name:        "version_in_range",
	Description: "Reports whether a version is in a range, by the rules of an ecosystem.",
	Decl:        types.NewFunction(types.Args(types.S, types.S, types.S), types.B),
	Memoize:     true,
}

func versionInRangeBuiltin() *ast.Builtin {
	return &ast.Builtin{Name: versionInRangeDecl.Name, Description: versionInRangeDecl.Description, Decl: versionInRangeDecl.Decl}
}

func versionInRangeFunc() func(*rego.Rego) {
	return rego.Function3(versionInRangeDecl, func(_ rego.BuiltinContext, ecosystem, text, span *ast.Term) (*ast.Term, error) {
		eco, ok1 := ecosystem.Value.(ast.String)
		v, ok2 := text.Value.(ast.String)
		r, ok3 := span.Value.(ast.String)
		if !ok1 || !ok2 || !ok3 {
			return nil, errors.New("version_in_range: want three strings: the ecosystem, the version and the range")
		}
		in, known, err := versionInRange(string(eco), string(v), string(r))
		if err != nil || !known {
			return nil, err
		}
		return ast.BooleanTerm(in), nil
	})
}

// versionInRange reports whether a version is in a range, and whether that can
// be known.
func versionInRange(ecosystem, text, span string) (in, known bool, err error) {
	if span == "*" {
		return true, true, nil
	}
	scheme := version.OfPurl(ecosystem)
	r, err := scheme.ParseRange([]string{span})
	if err != nil {
		return false, false, fmt.Errorf("version_in_range: read the range %q of %s: %w; write it as \">=1.0 <2.0\"", span, ecosystem, err)
	}
	if r.Any {
		return true, true, nil
	}
	v, err := scheme.Parse(text)
	if err != nil {
		return false, false, nil // undefined, not false
	}
	return r.Contains(v), true, nil
}
