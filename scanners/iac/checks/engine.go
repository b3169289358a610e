package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// engine evaluates the checks of one type of input, for cloud those of one
// provider.
type engine struct {
	set      *Set
	key      string
	checks   []*Check
	compiled func() (*program, error) // once
}

// program is a compiled engine.
type program struct {
	compiler *ast.Compiler
	all      rego.PreparedEvalQuery
	byID     map[string]*Check
	broken   []Failure // checks that could not be compiled

	mu     sync.Mutex
	single map[string]rego.PreparedEvalQuery // by id of the check
}

// unsafe built-ins reach outside of the evaluation.
var unsafe = map[string]struct{}{
	"http.send": {}, "net.lookup_ip_addr": {}, "opa.runtime": {},
}

// The checks of an engine are joined by one module. For each check it has
//
//	results["DS-0002"] := data.builtin.dockerfile.DS002.deny if <selector>
const resultsQuery = "data.gatehouse.results"

// compile parses and compiles the checks and their libraries. A check that
// does not compile is taken out and reported with each input.
func (e *engine) compile() (*program, error) {
	p := &program{byID: map[string]*Check{}, single: map[string]rego.PreparedEvalQuery{}}
	modules := map[string]*ast.Module{}
	parse := func(name string) error {
		m, err := ast.ParseModuleWithOpts(name, e.set.sources[name], ast.ParserOptions{RegoVersion: ast.RegoV0})
		if err != nil {
			return err
		}
		modules[name] = m
		return nil
	}
	good := slices.Clone(e.checks)
	drop := func(c *Check, err error) {
		p.broken = append(p.broken, Failure{Check: c, Err: fmt.Errorf("compile: %w", err)})
		delete(modules, c.file)
		good = slices.DeleteFunc(good, func(g *Check) bool { return g == c })
	}
	for _, c := range e.checks {
		if err := parse(c.file); err != nil {
			drop(c, err)
		} else if !slices.ContainsFunc(modules[c.file].Rules, func(r *ast.Rule) bool { return r.Head.Name == "deny" }) {
			drop(c, errors.New("there is no rule deny"))
		}
	}
	for _, name := range e.set.imported(good) {
		if err := parse(name); err != nil {
			return nil, fmt.Errorf("compile the library %q: %w", name, err)
		}
	}
	for {
		join, err := e.joinModule(good)
		if err != nil {
			return nil, err
		}
		modules["gatehouse.rego"] = join
		p.compiler = newCompiler()
		p.compiler.Compile(modules)
		if !p.compiler.Failed() {
			break
		}
		// Compilation changes modules in place, so start again from the text.
		before := len(good)
		for _, c := range slices.Clone(good) {
			for _, err := range p.compiler.Errors {
				if err.Location != nil && err.Location.File == c.file {
					drop(c, err)
					break
				}
			}
		}
		if len(good) == before {
			return nil, fmt.Errorf("compile the checks: %w", p.compiler.Errors)
		}
		for name := range modules {
			if name != "gatehouse.rego" {
				if err := parse(name); err != nil {
					return nil, fmt.Errorf("compile the checks: %w", err)
				}
			}
		}
	}
	for _, c := range good {
		p.byID[c.ID] = c
	}
	var err error
	if p.all, err = prepare(p.compiler, resultsQuery); err != nil {
		return nil, fmt.Errorf("prepare the query over all checks: %w", err)
	}
	return p, nil
}

func newCompiler() *ast.Compiler {
	decls := map[string]*ast.Builtin{}
	for _, f := range functions() {
		decls[f.name] = &ast.Builtin{Name: f.name, Decl: f.decl}
	}
	return ast.NewCompiler().WithBuiltins(decls).WithUnsafeBuiltins(unsafe)
}

func prepare(c *ast.Compiler, query string) (rego.PreparedEvalQuery, error) {
	options := []func(*rego.Rego){rego.Query(query), rego.Compiler(c)}
	for _, f := range functions() {
		options = append(options, f.option())
	}
	return rego.New(options...).PrepareForEval(context.Background())
}

// imported lists the libraries that the checks need, directly or not.
func (s *Set) imported(checks []*Check) []string {
	pkgs := map[string]string{} // reference to library
	for _, name := range s.libs {
		for line := range strings.Lines(s.sources[name]) {
			if pkg, ok := strings.CutPrefix(line, "package "); ok {
				pkgs["data."+strings.TrimSpace(pkg)] = name
				break
			}
		}
	}
	need := map[string]bool{}
	var visit func(source string)
	visit = func(source string) {
		for ref, name := range pkgs {
			if !need[name] && strings.Contains(source, ref) {
				need[name] = true
				visit(s.sources[name])
			}
		}
	}
	for _, c := range checks {
		visit(s.sources[c.file])
	}
	return sortedKeys(need)
}

func (e *engine) joinModule(checks []*Check) (*ast.Module, error) {
	var b strings.Builder
	b.WriteString("package gatehouse\n\n")
	for _, c := range checks {
		for _, sel := range c.Selectors {
			if !c.selectorKeys(sel)[e.key] {
				continue // for inputs of another engine
			}
			conditions := sel.conditions()
			if len(conditions) == 0 {
				conditions = []string{""}
			}
			for _, cond := range conditions {
				fmt.Fprintf(&b, "results[%q] := data.%s.deny%s\n", c.ID, c.pkg, cond)
			}
		}
	}
	m, err := ast.ParseModuleWithOpts("gatehouse.rego", b.String(), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, fmt.Errorf("join the checks: %w", err)
	}
	return m, nil
}

// conditions are the alternatives under which a check applies, as Rego; none
// means always.
func (s Selector) conditions() []string {
	var kinds, all []string
	for _, st := range s.Subtypes {
		switch {
		case s.Type == Cloud && st.Service != "":
			all = append(all, fmt.Sprintf(" if input[%q][%q]", st.Provider, st.Service))
		case s.Type == Cloud:
			all = append(all, fmt.Sprintf(" if input[%q]", st.Provider))
		case st.Kind != "":
			kinds = append(kinds, fmt.Sprintf("%q", strings.ToLower(st.Kind)))
		}
	}
	if len(kinds) > 0 {
		all = append(all, fmt.Sprintf(" if lower(input.kind) in {%s}", strings.Join(kinds, ", ")))
	}
	return all
}

// Result is one objection of a check.
type Result struct {
	Check   *Check
	Message string
	// Path is of the file in which the cause stands, as the input says; may be
	// empty. StartLine and EndLine are 1-based; 0 if unknown.
	Path               string
	StartLine, EndLine int
	// Resource is the address of the cause, and Root that of the outermost
	// thing that it is part of; may be empty.
	Resource, Root string
}

// Failure is a check that gave no answer.
type Failure struct {
	Check *Check
	Err   error
}

// Eval evaluates all checks that apply to the input. Checks that could not be
// evaluated are failures; the results of the others still count. The error is
// not nil if none could.
func (s *Set) Eval(ctx context.Context, t Type, input ast.Value) ([]Result, []Failure, error) {
	var results []Result
	var failures []Failure
	for _, key := range s.keys(t, input) {
		r, f, err := s.engines[key].eval(ctx, input)
		if err != nil {
			return nil, nil, fmt.Errorf("evaluate %s checks: %w", key, err)
		}
		results = append(results, r...)
		failures = append(failures, f...)
	}
	sort.SliceStable(results, func(i, j int) bool { return results[i].Check.ID < results[j].Check.ID })
	return results, failures, nil
}

// keys are the engines that have checks for the input.
func (s *Set) keys(t Type, input ast.Value) []string {
	if t != Cloud {
		if s.engines[string(t)] == nil {
			return nil
		}
		return []string{string(t)}
	}
	var keys []string
	if obj, ok := input.(ast.Object); ok {
		for _, provider := range obj.Keys() {
			if name, ok := provider.Value.(ast.String); ok {
				if key := engineKey(Cloud, string(name)); s.engines[key] != nil {
					keys = append(keys, key)
				}
			}
		}
	}
	sort.Strings(keys)
	return keys
}

func (e *engine) eval(ctx context.Context, input ast.Value) ([]Result, []Failure, error) {
	p, err := e.compiled()
	if err != nil {
		return nil, nil, err
	}
	failures := slices.Clone(p.broken)
	value, err := p.query(ctx, e.set, p.all, input)
	if err == nil {
		results, err := p.results(value)
		return results, failures, err
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	// One check spoils the common query: ask them one by one.
	var results []Result
	for _, id := range sortedKeys(p.byID) {
		one, err := p.evalOne(ctx, e.set, id, input)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			failures = append(failures, Failure{Check: p.byID[id], Err: err})
			continue
		}
		results = append(results, one...)
	}
	return results, failures, nil
}

func (p *program) evalOne(ctx context.Context, s *Set, id string, input ast.Value) ([]Result, error) {
	p.mu.Lock()
	q, ok := p.single[id]
	if !ok {
		var err error
		if q, err = prepare(p.compiler, fmt.Sprintf("object.filter({%q: %s[%q]}, [%q])", id, resultsQuery, id, id)); err != nil {
			p.mu.Unlock()
			return nil, fmt.Errorf("prepare: %w", err)
		}
		p.single[id] = q
	}
	p.mu.Unlock()
	value, err := p.query(ctx, s, q, input)
	if err != nil {
		return nil, err
	}
	return p.results(value)
}

func (p *program) query(ctx context.Context, s *Set, q rego.PreparedEvalQuery, input ast.Value) (any, error) {
	// A built-in that cannot work with a value makes that rule body undefined,
	// as the checks expect (a memory size that is no number, for example).
	options := []rego.EvalOption{rego.EvalParsedInput(input), rego.EvalTime(s.now)}
	set, err := q.Eval(ctx, options...)
	if err != nil {
		if topdown.IsCancel(err) && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	if len(set) == 0 {
		return map[string]any{}, nil // the one check does not apply
	}
	return set[0].Expressions[0].Value, nil
}

// results reads the value of the query: denials by id of the check.
func (p *program) results(value any) ([]Result, error) {
	byID, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the checks gave %T, not an object", value)
	}
	var all []Result
	for _, id := range sortedKeys(byID) {
		check := p.byID[id]
		denials, ok := byID[id].([]any)
		if check == nil || !ok {
			return nil, fmt.Errorf("check %q gave %T, not a set", id, byID[id])
		}
		for _, d := range denials {
			r, err := denial(d)
			if err != nil {
				return nil, fmt.Errorf("check %q: %w", id, err)
			}
			r.Check = check
			if r.Message == "" {
				r.Message = check.Title
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// denial reads one element of a deny set: a message, or what result.new made.
func denial(v any) (Result, error) {
	switch v := v.(type) {
	case string:
		return Result{Message: v}, nil
	case map[string]any:
		r := Result{StartLine: number(v["startline"]), EndLine: number(v["endline"])}
		r.Message, _ = v["msg"].(string)
		r.Path, _ = v["filepath"].(string)
		r.Resource, _ = v["resource"].(string)
		r.Root, _ = v["root"].(string)
		return r, nil
	}
	return Result{}, errors.New("a denial is neither a message nor an object")
}

func number(v any) int {
	n, ok := v.(interface{ Int64() (int64, error) })
	if !ok {
		return 0
	}
	i, err := n.Int64()
	if err != nil {
		return 0
	}
	return int(i)
}
