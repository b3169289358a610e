package policies

import (
	"fmt"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// boundBuiltins makes the functions whose result can be far larger than the
// values they are given refuse to make one that is too large. One such call
// can use up the memory before the watchdog looks again. The table of functions
// is global in OPA, so this is done once for the process; the checks of
// configuration get the same bound.
var boundBuiltins = sync.OnceFunc(func() {
	for name, size := range map[string]func(args []*ast.Term) int64{
		ast.Concat.Name:   concatSize,
		ast.Sprintf.Name:  sprintfSize,
		ast.Replace.Name:  replaceSize,
		ast.ReplaceN.Name: replaceNSize,
		ast.ArrayConcat.Name: func(args []*ast.Term) int64 {
			const termBytes = 64
			return (countOf(args[0]) + countOf(args[1])) * termBytes
		},
	} {
		f := topdown.GetBuiltin(name)
		if f == nil {
			panic("policies: OPA has no function " + name)
		}
		topdown.RegisterBuiltinFunc(name, func(bctx topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
			if n := size(args); n > limits.PolicyResultBytes {
				return fmt.Errorf("the result would have %d MiB, more than the limit of %d MiB", n>>20, limits.PolicyResultBytes>>20)
			}
			return f(bctx, args, iter)
		})
	}
})

// textBytes is the length of a string; other values are taken for short.
func textBytes(t *ast.Term) int64 {
	if s, ok := t.Value.(ast.String); ok {
		return int64(len(s))
	}
	return 32
}

func countOf(t *ast.Term) int64 {
	switch v := t.Value.(type) {
	case *ast.Array:
		return int64(v.Len())
	case ast.Set:
		return int64(v.Len())
	}
	return 0
}

// sumText adds up the strings in an array or set.
func sumText(t *ast.Term) (sum int64) {
	add := func(e *ast.Term) { sum += textBytes(e) }
	switch v := t.Value.(type) {
	case *ast.Array:
		v.Foreach(add)
	case ast.Set:
		v.Foreach(add)
	}
	return sum
}

func concatSize(args []*ast.Term) int64 {
	return sumText(args[1]) + countOf(args[1])*textBytes(args[0])
}

func sprintfSize(args []*ast.Term) int64 { return textBytes(args[0]) + sumText(args[1]) }

func replaceSize(args []*ast.Term) int64 { return replaced(textBytes(args[0]), args[1], args[2]) }

// replaced is how long a text of n bytes can get.
func replaced(n int64, from, to *ast.Term) int64 {
	grows := max(textBytes(to)-textBytes(from), 0)
	if s, ok := from.Value.(ast.String); ok && s == "" {
		return n + (n+1)*textBytes(to)
	}
	return n + n/max(textBytes(from), 1)*grows
}

func replaceNSize(args []*ast.Term) int64 {
	n := textBytes(args[1])
	worst := n
	if o, ok := args[0].Value.(ast.Object); ok {
		o.Foreach(func(from, to *ast.Term) { worst = max(worst, replaced(n, from, to)) })
	}
	return worst
}
