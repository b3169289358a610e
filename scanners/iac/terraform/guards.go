package terraform

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// maxValueBytes bounds the text of one value, so that values that double
// themselves stay small. Terraform has no such bound; state files refuse
// nothing either, but providers refuse attributes over 1 MiB at most (the gRPC
// messages of plugins hold 4 MiB by default).
const maxValueBytes = 1 << 20

// guarded is f, which fails if check does.
func guarded(f function.Function, check func(args []cty.Value) error) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := check(args); err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if err := check(args); err != nil {
				return cty.DynamicVal, err
			}
			return f.Call(args)
		},
	})
}

// text is the value of the argument if it is a string that is known.
func text(args []cty.Value, i int) string {
	if i >= len(args) {
		return ""
	}
	v, _ := args[i].Unmark()
	if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

var wide = regexp.MustCompile(`%[^a-zA-Z%]*[0-9]{5}`)

func narrow(args []cty.Value) error {
	if wide.MatchString(text(args, 0)) {
		return errors.New("the width is too large")
	}
	return nil
}

func fewSpaces(args []cty.Value) error {
	v, _ := args[0].Unmark()
	if v.IsKnown() && !v.IsNull() && v.Type() == cty.Number && v.GreaterThan(cty.NumberIntVal(1000)).True() {
		return errors.New("there are too many spaces")
	}
	return nil
}

func shortResult(args []cty.Value) error {
	if len(text(args, 0))*len(text(args, 2)) > 64*maxValueBytes {
		return errors.New("the result may be too long")
	}
	return nil
}

func smallProduct(args []cty.Value) error {
	product := 1
	for _, a := range args {
		a, _ = a.Unmark()
		if a.IsKnown() && !a.IsNull() && a.CanIterateElements() {
			product *= max(1, a.LengthInt())
		}
		if product > 100_000 {
			return errors.New("the product is too large")
		}
	}
	return nil
}

func smallYAML(args []cty.Value) error {
	if _, err := document.Parse([]byte(text(args, 0))); err != nil {
		return fmt.Errorf("read YAML: %w", err)
	}
	return nil
}

// tooLarge reports whether a value has more text than the bound. It stops as
// soon as it knows.
func tooLarge(v cty.Value) bool {
	left := maxValueBytes
	var visit func(v cty.Value)
	visit = func(v cty.Value) {
		left -= 8
		if left < 0 || v == cty.NilVal {
			return
		}
		v, _ = v.Unmark()
		switch {
		case !v.IsKnown() || v.IsNull():
		case v.Type() == cty.String:
			left -= len(v.AsString())
		case v.CanIterateElements():
			for it := v.ElementIterator(); left >= 0 && it.Next(); {
				_, e := it.Element()
				visit(e)
			}
		}
	}
	visit(v)
	return left < 0
}
