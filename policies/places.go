package policies

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/json/jsontext"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Where in a document a violation is, is found without help of the rule: when a
// rule has fired on a document, it is evaluated once more, with a tracer, over a
// copy of the document whose values know where they stand. OPA hands values of
// the input on as they are, through variables, helper rules and functions, so at
// the end of the rule each of its variables tells its place. The place of the
// violation is that of the last condition of the rule that touched the document;
// what only makes the message is no condition. See docs/decisions/0010-places-in-documents.md.

// placeMark starts the file name in the location of a value of a document. No
// policy file is called so.
const placeMark = "\x00"

// located is the document as a term whose values know where they stand: Offset
// is how deep they are in the document.
func located(d *gatehouse.Document) (*ast.Term, error) {
	l := locator{
		dec:  jsontext.NewDecoder(bytes.NewReader(d.JSON), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		file: placeMark + d.Path, rest: d.Positions,
	}
	return l.term(0)
}

type locator struct {
	dec  *jsontext.Decoder
	file string
	rest gatehouse.Positions
}

func (l *locator) term(depth int) (*ast.Term, error) {
	at := &ast.Location{File: l.file, Offset: depth}
	at.Row, at.Col, l.rest = l.rest.Next()
	tok, err := l.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	var v ast.Value
	switch tok.Kind() {
	case 'n':
		v = ast.NullValue
	case 't', 'f':
		v = ast.Boolean(tok.Bool())
	case '"':
		v = ast.String(tok.String())
	case '0':
		v = ast.Number(json.Number(tok.String()))
	case '[':
		var list []*ast.Term
		for l.dec.PeekKind() != ']' {
			t, err := l.term(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, t)
		}
		if _, err := l.dec.ReadToken(); err != nil {
			return nil, err
		}
		v = ast.NewArray(list...)
	default:
		var pairs [][2]*ast.Term
		for l.dec.PeekKind() != '}' {
			tok, err := l.dec.ReadToken()
			if err != nil {
				return nil, err
			}
			key := ast.StringTerm(tok.String())
			t, err := l.term(depth + 1)
			if err != nil {
				return nil, err
			}
			key.Location = t.Location
			pairs = append(pairs, [2]*ast.Term{key, t})
		}
		if _, err := l.dec.ReadToken(); err != nil {
			return nil, err
		}
		v = ast.NewObject(pairs...)
	}
	return &ast.Term{Value: v, Location: at}, nil
}

// places finds where in the document the items are that a rule gave, in their
// order; nil for an item whose place is not known.
func (s *Set) places(ctx context.Context, u *unit, input ast.Value, items []any) []*gatehouse.Location {
	t := &placeTracer{
		rule:   u.rules[0].Module.Package.Path.Extend(u.rules[0].Head.Ref()).String(),
		groups: map[*ast.Rule]*conditions{}, frames: map[uint64]*ast.Rule{},
		helpers: map[helperCall]*ast.Location{}, found: map[string]*ast.Location{},
	}
	// An error leaves what was found before it; the rule has been evaluated.
	// The index would keep rules that cannot hold from being evaluated, and then
	// nothing says why a helper did not hold.
	_, _ = u.query.Eval(ctx, rego.EvalParsedInput(input), rego.EvalQueryTracer(t), rego.EvalRuleIndexing(false))
	out := make([]*gatehouse.Location, len(items))
	for i, item := range items {
		key, err := json.Marshal(item)
		if l := t.found[string(key)]; err == nil && l != nil && l.Row > 0 {
			out[i] = &gatehouse.Location{Path: strings.TrimPrefix(l.File, placeMark), Line: l.Row, Column: l.Col}
		}
	}
	return out
}

// placeTracer follows one evaluation of a rule.
type placeTracer struct {
	rule   string // the rule whose results are wanted
	groups map[*ast.Rule]*conditions
	frames map[uint64]*ast.Rule // by query
	// helpers are the places that calls of other rules and functions touched.
	helpers map[helperCall]*ast.Location
	found   map[string]*ast.Location // by result, as JSON
}

// helperCall is a rule, or a function with a hash over its arguments and their
// places: equal values stand in several.
type helperCall struct {
	ref  string
	args int
}

func (c *helperCall) add(arg *ast.Term) {
	c.args = c.args*31 + arg.Value.Hash()
	if l := arg.Location; l != nil && strings.HasPrefix(l.File, placeMark) {
		c.args = (c.args*31+l.Row)*31 + l.Col
	}
}

func (t *placeTracer) Enabled() bool               { return true }
func (t *placeTracer) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

func (t *placeTracer) TraceEvent(e topdown.Event) {
	switch e.Op {
	case topdown.EnterOp:
		if r, ok := e.Node.(*ast.Rule); ok {
			t.frames[e.QueryID] = r
		}
	case topdown.FailOp:
		// What made a helper fail is where "not helper" is.
		if x, ok := e.Node.(*ast.Expr); ok {
			if r := t.frames[e.QueryID]; r != nil {
				call := t.callOf(r, &e)
				if l := t.touched([]*ast.Expr{x}, &e); l != nil && t.helpers[call] == nil {
					t.helpers[call] = l
				}
			}
		}
	case topdown.ExitOp:
		r, ok := e.Node.(*ast.Rule)
		if !ok {
			return
		}
		l := t.place(r, &e)
		if r.Ref().String() != t.rule {
			if l != nil {
				t.helpers[t.callOf(r, &e)] = l
			}
			return
		}
		if r.Head.Key == nil || l == nil {
			return
		}
		item, err := resultJSON(e.Plug(r.Head.Key), nil)
		if err != nil {
			return
		}
		if key, err := json.Marshal(item); err == nil && t.found[string(key)] == nil {
			t.found[string(key)] = l
		}
	}
}

func (t *placeTracer) callOf(r *ast.Rule, e *topdown.Event) helperCall {
	call := helperCall{ref: r.Ref().GroundPrefix().String()}
	for _, a := range r.Head.Args {
		call.add(e.Plug(a))
	}
	return call
}

// place is where the last condition is that touched the document, or else the
// last part of the message that did.
func (t *placeTracer) place(r *ast.Rule, e *topdown.Event) *ast.Location {
	c := t.groups[r]
	if c == nil {
		c = conditionsOf(r)
		t.groups[r] = c
	}
	for _, groups := range [][][]*ast.Expr{c.conditions, c.message} {
		for _, g := range slices.Backward(groups) {
			if l := t.touched(g, e); l != nil {
				return l
			}
		}
	}
	return nil
}

// conditions are the expressions of a rule, each with those that the compiler
// made of its parts, in the order of the source.
type conditions struct {
	conditions, message [][]*ast.Expr
}

func conditionsOf(r *ast.Rule) *conditions {
	body := slices.Clone(r.Body)
	begin := func(x *ast.Expr) int {
		if x.Location == nil {
			return -1
		}
		return x.Location.Offset
	}
	end := func(x *ast.Expr) int {
		if x.Location == nil {
			return -1
		}
		return x.Location.Offset + len(x.Location.Text)
	}
	slices.SortStableFunc(body, func(a, b *ast.Expr) int {
		return cmp.Or(cmp.Compare(begin(a), begin(b)), cmp.Compare(end(b), end(a)))
	})
	var groups [][]*ast.Expr
	limit := -1
	for _, x := range body {
		if len(groups) == 0 || begin(x) >= limit {
			groups = append(groups, nil)
			limit = end(x)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], x)
	}
	// A group that only gives values to variables of the message is a part of it.
	inMessage := map[ast.Var]bool{}
	if r.Head.Key != nil {
		addVars(inMessage, r.Head.Key)
	}
	uses := make([]map[ast.Var]bool, len(groups))
	for i, g := range groups {
		uses[i] = map[ast.Var]bool{}
		for _, x := range g {
			addVars(uses[i], x)
		}
	}
	c := &conditions{}
	message := make([]bool, len(groups))
	for i, g := range slices.Backward(groups) {
		v, ok := assigned(g, inMessage)
		if !ok {
			continue
		}
		message[i] = true
		for j := range groups {
			if j != i && !message[j] && uses[j][v] {
				message[i] = false
			}
		}
		if message[i] {
			for v := range uses[i] {
				inMessage[v] = true
			}
		}
	}
	for i, g := range groups {
		if message[i] {
			c.message = append(c.message, g)
		} else {
			c.conditions = append(c.conditions, g)
		}
	}
	return c
}

// assigned is the variable, one of vars, that an expression of the group gives a
// value.
func assigned(group []*ast.Expr, vars map[ast.Var]bool) (ast.Var, bool) {
	for _, x := range group {
		if x.Negated || !x.IsEquality() {
			continue
		}
		for _, side := range []int{0, 1} {
			if v, ok := x.Operand(side).Value.(ast.Var); ok && vars[v] {
				return v, true
			}
		}
	}
	return "", false
}

func addVars(into map[ast.Var]bool, x any) {
	ast.WalkVars(x, func(v ast.Var) bool {
		into[v] = true
		return false
	})
}

// touched is the deepest place in the document that the expressions touched;
// nil if they touched none.
func (t *placeTracer) touched(group []*ast.Expr, e *topdown.Event) *ast.Location {
	var best *ast.Location
	take := func(l *ast.Location) {
		if l != nil && strings.HasPrefix(l.File, placeMark) && (best == nil || l.Offset > best.Offset) {
			best = l
		}
	}
	for _, x := range group {
		terms := []*ast.Term{}
		switch y := x.Terms.(type) {
		case *ast.Term:
			terms = append(terms, y)
		case []*ast.Term:
			if x.IsCall() {
				call := helperCall{ref: x.Operator().String()}
				for _, a := range y[1:] { // the last may take the result
					call.add(e.Plug(a))
					take(t.helpers[call])
				}
			}
			terms = append(terms, y[1:]...)
		case *ast.Every:
			terms = append(terms, y.Domain)
		}
		for _, term := range terms {
			t.term(term, e, take)
		}
	}
	return best
}

// term takes the places of what a term refers to.
func (t *placeTracer) term(term *ast.Term, e *topdown.Event, take func(*ast.Location)) {
	switch v := term.Value.(type) {
	case ast.Var:
		if bound := e.Plug(term); bound != term {
			takeValue(bound, take)
		}
	case ast.Ref:
		t.ref(v, e, take)
	case *ast.Array:
		v.Foreach(func(x *ast.Term) { t.term(x, e, take) })
	case ast.Object:
		v.Foreach(func(_, x *ast.Term) { t.term(x, e, take) })
	case ast.Set:
		v.Foreach(func(x *ast.Term) { t.term(x, e, take) })
	case ast.Call:
		for _, x := range v[1:] {
			t.term(x, e, take)
		}
	}
}

// takeValue takes the place of a value, or of the first in a list or set that a
// rule has made of values of the document.
func takeValue(v *ast.Term, take func(*ast.Location)) {
	if v.Location != nil && strings.HasPrefix(v.Location.File, placeMark) {
		take(v.Location)
		return
	}
	var first *ast.Term
	switch c := v.Value.(type) {
	case *ast.Array:
		if c.Len() > 0 {
			first = c.Elem(0)
		}
	case ast.Set:
		if c.Len() > 0 {
			first = c.Slice()[0]
		}
	}
	if first != nil {
		takeValue(first, take)
	}
}

// ref takes the place of what a reference leads to, or of the last value on its
// way that is there.
func (t *placeTracer) ref(r ast.Ref, e *topdown.Event, take func(*ast.Location)) {
	var at *ast.Term
	switch {
	case r[0].Equal(ast.InputRootDocument):
		at = e.Input()
	case r[0].Equal(ast.DefaultRootDocument):
		take(t.helpers[helperCall{ref: r.GroundPrefix().String()}])
		return
	default:
		at = e.Plug(r[0])
	}
	if at == nil {
		return
	}
	takeValue(at, take)
	for _, step := range r[1:] {
		if at = child(at, e.Plug(step)); at == nil {
			return
		}
		take(at.Location)
	}
}

func child(t, key *ast.Term) *ast.Term {
	switch v := t.Value.(type) {
	case ast.Object:
		return v.Get(key)
	case *ast.Array:
		return v.Get(key)
	case ast.Set:
		if v.Contains(key) {
			return key
		}
	}
	return nil
}
