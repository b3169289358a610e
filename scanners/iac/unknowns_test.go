package iac

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Unknown values get their extremes, and what is known stays the same term, by
// which checks that see no difference are spared.
func TestAssume(t *testing.T) {
	state := ast.MustParseTerm(`{
		"known": {"list": [{"value": true, "unresolvable": false}]},
		"text": {"name": {"value": "", "unresolvable": true}},
		"open": {"a": 1, "cidr_blocks": [{"value": "", "unresolvable": true}], "on": {"value": false, "unresolvable": true}},
		"days": [{"value": 3, "unresolvable": false}, {"value": 0, "unresolvable": true, "z": 1}]
	}`)
	low, high := assume(state, "")
	for name, got := range map[string]*ast.Term{
		`{
			"known": {"list": [{"value": true, "unresolvable": false}]},
			"text": {"name": {"value": "known-after-apply", "unresolvable": false}},
			"open": {"a": 1, "cidr_blocks": [{"value": "192.0.2.1/32", "unresolvable": false}], "on": {"value": false, "unresolvable": false}},
			"days": [{"value": 3, "unresolvable": false}, {"value": 0, "unresolvable": false, "z": 1}]
		}`: low,
		`{
			"known": {"list": [{"value": true, "unresolvable": false}]},
			"text": {"name": {"value": "known-after-apply", "unresolvable": false}},
			"open": {"a": 1, "cidr_blocks": [{"value": "0.0.0.0/0", "unresolvable": false}], "on": {"value": true, "unresolvable": false}},
			"days": [{"value": 3, "unresolvable": false}, {"value": 1073741824, "unresolvable": false, "z": 1}]
		}`: high,
	} {
		if want := ast.MustParseTerm(name); !want.Equal(got) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	get := func(of *ast.Term, name string) *ast.Term { return of.Get(ast.StringTerm(name)) }
	if get(low, "known") != get(state, "known") || get(high, "known") != get(state, "known") {
		t.Error("what is known was copied")
	}
	if get(low, "text") != get(high, "text") || get(low, "text") == get(state, "text") {
		t.Error("what has no extremes is not the same in both")
	}
	if get(low, "open") == get(high, "open") || get(low, "days") == get(high, "days") {
		t.Error("the extremes are the same")
	}
	if known := get(state, "known"); func() bool { l, h := assume(known, ""); return l != known || h != known }() {
		t.Error("a state without unknown values was copied")
	}
}
