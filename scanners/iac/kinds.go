package iac

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
)

// judgedKinds are what an input is about: "kubernetes/pod", "dockerfile", or
// "cloud/aws/s3" for each service with a resource.
func judgedKinds(typ checks.Type, input ast.Value) []string {
	obj, ok := input.(ast.Object)
	if !ok {
		return []string{string(typ)}
	}
	switch typ {
	case checks.Kubernetes:
		if kind := obj.Get(ast.StringTerm("kind")); kind != nil {
			if name, ok := kind.Value.(ast.String); ok {
				return []string{string(typ) + "/" + strings.ToLower(string(name))}
			}
		}
	case checks.Cloud:
		var kinds []string
		obj.Foreach(func(provider, services *ast.Term) {
			list, ok := services.Value.(ast.Object)
			if !ok {
				return
			}
			list.Foreach(func(service, resources *ast.Term) {
				p, _ := provider.Value.(ast.String)
				s, _ := service.Value.(ast.String)
				if hasResource(resources.Value) {
					kinds = append(kinds, strings.Join([]string{string(typ), string(p), string(s)}, "/"))
				}
			})
		})
		return kinds
	}
	return []string{string(typ)}
}

// hasResource reports whether a service has a resource in one of its lists.
func hasResource(service ast.Value) bool {
	obj, ok := service.(ast.Object)
	return ok && obj.Until(func(_, v *ast.Term) bool {
		list, ok := v.Value.(*ast.Array)
		return ok && list.Len() > 0
	})
}

// kindsOf are the kinds of what a check is about.
func kindsOf(c *checks.Check) []string {
	var kinds []string
	for _, sel := range c.Selectors {
		if len(sel.Subtypes) == 0 {
			kind := string(sel.Type)
			if sel.Type == checks.Cloud && c.Provider != "" {
				kind = strings.ToLower(kind + "/" + c.Provider + "/" + c.Service)
			}
			kinds = append(kinds, strings.TrimSuffix(kind, "/"))
		}
		for _, st := range sel.Subtypes {
			kind := strings.Join([]string{string(sel.Type), st.Provider, st.Service}, "/")
			if sel.Type != checks.Cloud {
				kind = string(sel.Type) + "/" + strings.ToLower(st.Kind)
			}
			kinds = append(kinds, strings.TrimRight(kind, "/"))
		}
	}
	return kinds
}
