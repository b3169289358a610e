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
	low, most := assume(ast.NewTerm(sub.value), "")
	inLow, inHigh, failures, err := s.checks.EvalStates(ctx, low.Value, most.Value)
	if err != nil {
		return err
	}
	for _, kind := range judgedKinds(sub.input, sub.value) {
		out.Judge(kind)
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

// assume puts the extremes in the place of each unknown value of a state. Text
// that is unknown is an identifier of something that the apply makes, and so not
// empty; but a range of addresses may be the internet. What is the same in the
// results and in the state is the same term.
func assume(t *ast.Term, name string) (low, high *ast.Term) {
	low, high = t, t
	switch v := t.Value.(type) {
	case *ast.Array:
		lows, highs := make([]*ast.Term, v.Len()), make([]*ast.Term, v.Len())
		for i := range v.Len() {
			lows[i], highs[i] = assume(v.Elem(i), name)
			if lows[i] != v.Elem(i) {
				low = nil
			}
			if highs[i] != lows[i] {
				high = nil
			}
		}
		if low == nil {
			low = ast.ArrayTerm(lows...)
			if high != nil {
				high = low
			}
		}
		if high == nil {
			high = ast.ArrayTerm(highs...)
		}
	case ast.Object:
		if low, high, ok := assumeLeaf(v, name); ok {
			return low, high
		}
		var changes []change
		differ := false
		v.Foreach(func(k, e *ast.Term) {
			key, _ := k.Value.(ast.String)
			if key == metadataKey {
				return
			}
			if l, h := assume(e, string(key)); l != e || h != e {
				changes = append(changes, change{k, l, h})
				differ = differ || l != h
			}
		})
		if len(changes) > 0 {
			low = changed(v, changes, func(c change) *ast.Term { return c.low })
			high = low
		}
		if differ {
			high = changed(v, changes, func(c change) *ast.Term { return c.high })
		}
	}
	return low, high
}

// metadataKey is where the adapters note the places of a resource.
const metadataKey = "__defsec_metadata"

// change is another value of a field of an object.
type change struct{ key, low, high *ast.Term }

// changed is a copy of an object with changes, which are in its order.
func changed(v ast.Object, changes []change, value func(change) *ast.Term) *ast.Term {
	obj := ast.NewObjectWithCapacity(v.Len())
	v.Foreach(func(k, e *ast.Term) {
		if len(changes) > 0 && changes[0].key == k {
			e = value(changes[0])
			changes = changes[1:]
		}
		obj.Insert(k, e)
	})
	return ast.NewTerm(obj)
}

var (
	unresolvableKey = ast.StringTerm("unresolvable")
	valueKey        = ast.StringTerm("value")
)

// assumeLeaf is assume for a value with its metadata. It reports false if the
// object is none.
func assumeLeaf(v ast.Object, name string) (low, high *ast.Term, ok bool) {
	flag, value := v.Get(unresolvableKey), v.Get(valueKey)
	if flag == nil || value == nil || !ast.Boolean(true).Equal(flag.Value) {
		return nil, nil, false
	}
	with := func(assumed *ast.Term) *ast.Term {
		obj := ast.NewObjectWithCapacity(v.Len())
		v.Foreach(func(k, e *ast.Term) {
			switch {
			case k.Equal(valueKey):
				e = assumed
			case k.Equal(unresolvableKey):
				e = ast.BooleanTerm(false)
			}
			obj.Insert(k, e)
		})
		return ast.NewTerm(obj)
	}
	switch value.Value.(type) {
	case ast.Boolean:
		return with(ast.BooleanTerm(false)), with(ast.BooleanTerm(true)), true
	case ast.Number:
		return with(ast.IntNumberTerm(lowest)), with(ast.IntNumberTerm(highest)), true
	case ast.String:
		if isRange(name) {
			return with(ast.StringTerm("192.0.2.1/32")), with(ast.StringTerm("0.0.0.0/0")), true
		}
		low = with(ast.StringTerm("known-after-apply"))
		return low, low, true
	}
	return nil, nil, false
}

// isRange reports whether a value of a state is a range of addresses.
func isRange(name string) bool {
	return strings.Contains(name, "cidr") || strings.Contains(name, "ranges") || strings.Contains(name, "addresses")
}
