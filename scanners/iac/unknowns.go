package iac

import (
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
)

// evaluateUnknown is evaluate for a state of cloud resources in which values
// may be unknown. Checks see it twice, with either extreme in the place of each
// unknown value. What they object to in both is a finding; what they object to
// in one only could not be decided, and neither could an objection to a value
// that stands on a line with an unknown one.
func (s *scanner) evaluateUnknown(ctx context.Context, sub subject, out reporter) error {
	low, unknown := assume(ast.NewTerm(sub.value), "", false)
	inLow, failures, err := s.checks.Eval(ctx, sub.input, low.Value)
	if err != nil {
		return err
	}
	inHigh := inLow
	if unknown {
		most, _ := assume(ast.NewTerm(sub.value), "", true)
		var more []checks.Failure
		if inHigh, more, err = s.checks.Eval(ctx, sub.input, most.Value); err != nil {
			return err
		}
		failures = append(failures, more...)
	}
	reportFailures(sub, failures, out)
	high, lows := map[place]bool{}, map[place]bool{}
	for _, r := range inHigh {
		high[placeOf(r)] = true
	}
	undecided := func(r checks.Result) {
		loc := sub.finding(r).Location
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnknown, Path: loc.Path, Line: loc.Line, Entry: r.Check.ID,
			Reason: fmt.Sprintf("%s (%s) could not be decided for %s, as a value that it needs is not known", r.Check.ID, r.Check.Title, sub.finding(r).Misconfiguration.Resource)})
	}
	for _, r := range inLow {
		lows[placeOf(r)] = true
		if sub.unknownAt[r.StartLine] {
			undecided(r)
		} else if high[placeOf(r)] {
			out.Report(sub.finding(r))
		} else {
			undecided(r)
		}
	}
	for _, r := range inHigh {
		if !lows[placeOf(r)] {
			undecided(r)
		}
	}
	return nil
}

// place tells the objections of two evaluations apart.
type place struct {
	check, path, resource string
	line                  int
}

func placeOf(r checks.Result) place { return place{r.Check.ID, r.Path, r.Resource, r.StartLine} }

// The extremes of a number that is unknown: days, ports, sizes.
const lowest, highest = 0, 1 << 30

// assume puts an extreme in the place of each unknown value of a state, and
// reports whether there was one. Text that is unknown is an identifier of
// something that the apply makes, and so not empty; but a range of addresses
// may be the internet.
func assume(t *ast.Term, name string, high bool) (*ast.Term, bool) {
	switch v := t.Value.(type) {
	case *ast.Array:
		changed := false
		terms := make([]*ast.Term, 0, v.Len())
		v.Foreach(func(e *ast.Term) {
			n, c := assume(e, name, high)
			changed = changed || c
			terms = append(terms, n)
		})
		return ast.ArrayTerm(terms...), changed
	case ast.Object:
		if assumed, decides, ok := assumeLeaf(v, name, high); ok {
			return assumed, decides
		}
		changed := false
		obj := ast.NewObject()
		v.Foreach(func(k, e *ast.Term) {
			key, _ := k.Value.(ast.String)
			n, c := assume(e, string(key), high)
			changed = changed || c
			obj.Insert(k, n)
		})
		return ast.NewTerm(obj), changed
	}
	return t, false
}

// assumeLeaf is assume for a value with its metadata. decides is true if the
// extremes differ.
func assumeLeaf(v ast.Object, name string, high bool) (leaf *ast.Term, decides, ok bool) {
	flag, value := v.Get(ast.StringTerm("unresolvable")), v.Get(ast.StringTerm("value"))
	if flag == nil || value == nil || !ast.Boolean(true).Equal(flag.Value) {
		return nil, false, false
	}
	var assumed *ast.Term
	switch value.Value.(type) {
	case ast.Boolean:
		assumed, decides = ast.BooleanTerm(high), true
	case ast.Number:
		assumed, decides = ast.IntNumberTerm(map[bool]int{false: lowest, true: highest}[high]), true
	case ast.String:
		assumed = ast.StringTerm("known-after-apply")
		if decides = isRange(name); decides {
			assumed = ast.StringTerm(map[bool]string{false: "192.0.2.1/32", true: "0.0.0.0/0"}[high])
		}
	default:
		return nil, false, false
	}
	obj := ast.NewObject()
	v.Foreach(func(k, e *ast.Term) { obj.Insert(k, e) })
	obj.Insert(ast.StringTerm("value"), assumed)
	obj.Insert(ast.StringTerm("unresolvable"), ast.BooleanTerm(false))
	return ast.NewTerm(obj), decides, true
}

// isRange reports whether a value of a state is a range of addresses.
func isRange(name string) bool {
	return strings.Contains(name, "cidr") || strings.Contains(name, "ranges") || strings.Contains(name, "addresses")
}
