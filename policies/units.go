package policies

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// units makes one unit for each rule name of the packages. Where several
// definitions of one name have metadata of their own, each is evaluated on its
// own, as a copy with another name, so that each result is told apart.
func (b *bundle) units(chosen []*pkg) ([]*unit, error) {
	var out []*unit
	var errs []error
	for _, p := range chosen {
		set, aerrs := ast.BuildAnnotationSet(p.modules)
		if len(aerrs) > 0 {
			errs = append(errs, explainErrors(aerrs))
			continue
		}
		for _, name := range sortedKeys(p.rules) {
			for i, group := range groupByMetadata(p.rules[name], set) {
				info, err := p.describe(name, group, set)
				if err != nil {
					errs = append(errs, err)
				}
				u := &unit{info: info, rules: group}
				if len(group) < len(p.rules[name]) {
					u.rules = copyRules(group, fmt.Sprintf("%s__%d", name, i+1))
				}
				out = append(out, u)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *unit) int {
		return cmp.Or(cmp.Compare(a.info.Path, b.info.Path), cmp.Compare(a.info.File, b.info.File), cmp.Compare(a.info.Line, b.info.Line))
	})
	return out, errors.Join(errs...)
}

// groupByMetadata gives each definition with metadata its own group if there
// are several, and puts the others together.
func groupByMetadata(rules []*ast.Rule, set *ast.AnnotationSet) [][]*ast.Rule {
	var own [][]*ast.Rule
	var rest []*ast.Rule
	for _, r := range rules {
		if len(set.GetRuleScope(r)) > 0 {
			own = append(own, []*ast.Rule{r})
		} else {
			rest = append(rest, r)
		}
	}
	if len(own) < 2 {
		return [][]*ast.Rule{rules}
	}
	if len(rest) > 0 {
		own = append(own, rest)
	}
	return own
}

// copyRules adds copies of rules, called name, to their modules.
func copyRules(rules []*ast.Rule, name string) []*ast.Rule {
	out := make([]*ast.Rule, len(rules))
	for i, r := range rules {
		c := r.Copy()
		c.Module = r.Module
		c.Head.Name = ast.Var(name)
		c.Head.Reference = ast.Ref{ast.VarTerm(name).SetLocation(r.Head.Location)}
		c.Annotations = nil
		for _, a := range r.Annotations {
			a = a.Copy(c)
			c.Annotations = append(c.Annotations, a)
			if a.Scope == "rule" {
				r.Module.Annotations = append(r.Module.Annotations, a)
			}
		}
		r.Module.Rules = append(r.Module.Rules, c)
		out[i] = c
	}
	return out
}

// digest is the hash over a listing of all that decides a verdict apart from
// the input: the paths within the sources and their bytes, the settings and
// the choice of namespaces. Names of sources are no part of it, so that the
// same policies have the same digest wherever they are.
func (b *bundle) digest(opts Options, settings map[string]any) string {
	var lines []string
	add := func(kind, name string, content []byte) {
		sum := sha256.Sum256(content)
		lines = append(lines, fmt.Sprintf("%s  %s %q\n", hex.EncodeToString(sum[:]), kind, name))
	}
	for _, f := range b.rego {
		add("policy", f.path, f.data)
	}
	for _, f := range b.dataFiles {
		add("data", f.path, f.data)
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, l := range lines {
		h.Write([]byte(l))
	}
	namespaces := slices.Sorted(slices.Values(opts.Namespaces))
	if opts.Namespaces == nil {
		namespaces = []string{"main"}
	}
	if opts.AllNamespaces {
		namespaces = []string{"*"}
	}
	// Maps are encoded with sorted keys.
	rest, err := json.Marshal(map[string]any{
		"version": InputVersion, "settings": settings, "namespaces": namespaces, "combine": opts.Combine, "opa": ast.CapabilitiesForThisVersion().Features,
	})
	if err != nil {
		// Settings were checked: they are strings, numbers, booleans and lists.
		rest = fmt.Append(nil, err)
	}
	h.Write(rest)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
