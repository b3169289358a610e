package checks

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// engine evaluates the checks of one type of input that have the same
// selectors.
type engine struct {
	set      *Set
	typ      Type
	subtypes []Subtype // to any of which the checks apply
	checks   []*Check
	compiled func() (*program, error) // once
	ready    atomic.Bool              // if it is compiled
	services func() []Subtype         // once; see inhabited
}

func newEngine(s *Set, typ Type, subtypes []Subtype) *engine {
	e := &engine{set: s, typ: typ, subtypes: subtypes}
	e.compiled = sync.OnceValues(e.compile)
	e.services = sync.OnceValue(e.findServices)
	return e
}

// program is a compiled engine.
type program struct {
	compiler *ast.Compiler
	checks   []*Check // that could be compiled
	all      rego.PreparedEvalQuery
	broken   []Failure // checks that could not

	mu     sync.Mutex
	single map[*Check]rego.PreparedEvalQuery
}

// unsafe built-ins reach outside of the evaluation.
var unsafe = map[string]struct{}{
	"http.send": {}, "net.lookup_ip_addr": {}, "opa.runtime": {},
}

// compile parses and compiles the checks and their libraries. A check that
// does not compile is taken out and reported with each input.
func (e *engine) compile() (*program, error) {
	p := &program{checks: slices.Clone(e.checks), single: map[*Check]rego.PreparedEvalQuery{}}
	modules := map[string]*ast.Module{}
	parse := func(name string) error {
		m, err := e.set.parse(name, false)
		if err != nil {
			return err
		}
		modules[name] = m
		return nil
	}
	drop := func(c *Check, err error) {
		p.broken = append(p.broken, Failure{Check: c, Err: fmt.Errorf("compile: %w", err)})
		for _, name := range c.files {
			delete(modules, name)
		}
		p.checks = slices.DeleteFunc(p.checks, func(g *Check) bool { return g == c })
	}
	for _, c := range e.checks {
		objects := false
		for _, name := range c.files {
			if err := parse(name); err != nil {
				drop(c, err)
				break
			}
			objects = objects || slices.ContainsFunc(modules[name].Rules, func(r *ast.Rule) bool { return string(r.Head.Name) == c.rule })
		}
		if slices.Contains(p.checks, c) && !objects {
			drop(c, fmt.Errorf("there is no rule %s", c.rule))
		}
	}
	for _, name := range e.set.imported(p.checks) {
		if err := parse(name); err != nil {
			return nil, fmt.Errorf("compile the library %q: %w", name, err)
		}
	}
	for {
		p.compiler = newCompiler()
		p.compiler.Compile(modules)
		if !p.compiler.Failed() {
			break
		}
		// Compilation changes modules in place, so start again from the text.
		before := len(p.checks)
		for _, c := range slices.Clone(p.checks) {
			for _, err := range p.compiler.Errors {
				if err.Location != nil && slices.Contains(c.files, err.Location.File) {
					drop(c, err)
					break
				}
			}
		}
		if len(p.checks) == before {
			return nil, fmt.Errorf("compile the checks: %w", p.compiler.Errors)
		}
		for name := range modules {
			if err := parse(name); err != nil {
				return nil, fmt.Errorf("compile the checks: %w", err)
			}
		}
	}
	var err error
	if p.all, err = prepare(p.compiler, p.checks...); err != nil {
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

// prepare makes the query for what the checks deny: an array with an element
// for each check. They share what their libraries compute.
func prepare(c *ast.Compiler, checks ...*Check) (rego.PreparedEvalQuery, error) {
	denials := make([]string, len(checks))
	for i, check := range checks {
		denials[i] = "data." + check.pkg + "." + check.rule
	}
	options := []func(*rego.Rego){rego.Query("[" + strings.Join(denials, ", ") + "]"), rego.Compiler(c)}
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
		for _, name := range c.files {
			visit(s.sources[name])
		}
	}
	return sortedKeys(need)
}

// applies reports whether the checks apply to the input.
func (e *engine) applies(input ast.Value) bool {
	return slices.ContainsFunc(e.subtypes, func(st Subtype) bool {
		switch {
		case st == Subtype{}:
			return true
		case e.typ == Cloud:
			return slices.ContainsFunc(e.services(), func(st Subtype) bool { return inhabited(input, st) })
		}
		kind, _ := field(input, "kind").(ast.String)
		return strings.EqualFold(st.Kind, string(kind))
	})
}

var serviceOfInput = regexp.MustCompile(`\binput\.([a-z0-9]+)\.([a-z0-9]+)`)

// findServices lists the services of cloud providers that the checks look at:
// those of their selectors, and those that they or their libraries mention.
func (e *engine) findServices() []Subtype {
	services := slices.Clone(e.subtypes)
	add := func(file string) {
		for _, m := range serviceOfInput.FindAllStringSubmatch(e.set.sources[file], -1) {
			if st := (Subtype{Provider: m[1], Service: m[2]}); !slices.Contains(services, st) {
				services = append(services, st)
			}
		}
	}
	for _, c := range e.checks {
		for _, name := range c.files {
			add(name)
		}
	}
	for _, lib := range e.set.imported(e.checks) {
		add(lib)
	}
	return services
}

// inhabited reports whether the input has any resource of a service, or, if
// none is named, of a provider. Nothing can be wrong with services that have
// none, so their checks need not be compiled.
func inhabited(input ast.Value, st Subtype) bool {
	services, _ := field(input, st.Provider).(ast.Object)
	if services == nil {
		return false
	}
	if st.Service == "" {
		return services.Len() > 0
	}
	service := field(services, st.Service)
	resources, ok := service.(ast.Object)
	if !ok {
		return service != nil
	}
	return resources.Until(func(_, v *ast.Term) bool {
		list, ok := v.Value.(*ast.Array)
		return !ok || list.Len() > 0
	})
}

// field is a field of an object; nil if there is none.
func field(v ast.Value, name string) ast.Value {
	obj, ok := v.(ast.Object)
	if !ok {
		return nil
	}
	t := obj.Get(ast.StringTerm(name))
	if t == nil {
		return nil
	}
	return t.Value
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
	// Parents are the places of what the cause is part of, innermost first,
	// such as the call of its module; empty if the input does not say.
	Parents []Place
}

// Place is where something starts.
type Place struct {
	Path string
	Line int
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
	engines := s.applying(t, input)
	var results []Result
	var failures []Failure
	for _, e := range engines {
		r, f, err := e.eval(ctx, input)
		if err != nil {
			return nil, nil, fmt.Errorf("evaluate %s checks %v: %w", t, e.subtypes, err)
		}
		results = append(results, r...)
		failures = append(failures, f...)
	}
	return sorted(results), failures, nil
}

// EvalStates is Eval for two states of one cloud, of which the second has
// another value here and there. Services that are the same value, not only an
// equal one, are looked at once. Failures are those of both.
func (s *Set) EvalStates(ctx context.Context, a, b ast.Value) (inA, inB []Result, failures []Failure, err error) {
	for _, e := range s.applying(Cloud, a) {
		r, f, err := e.eval(ctx, a)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("evaluate %s checks %v: %w", Cloud, e.subtypes, err)
		}
		inA = append(inA, r...)
		failures = append(failures, f...)
		if e.tellsApart(a, b) {
			if r, f, err = e.eval(ctx, b); err != nil {
				return nil, nil, nil, fmt.Errorf("evaluate %s checks %v: %w", Cloud, e.subtypes, err)
			}
			failures = append(failures, f...)
		}
		inB = append(inB, r...)
	}
	return sorted(inA), sorted(inB), failures, nil
}

func sorted(results []Result) []Result {
	sort.SliceStable(results, func(i, j int) bool { return results[i].Check.ID < results[j].Check.ID })
	return results
}

// applying are the engines with checks that apply to the input, compiled.
func (s *Set) applying(t Type, input ast.Value) []*engine {
	var engines []*engine
	for _, e := range s.engines[t] {
		if e.applies(input) {
			engines = append(engines, e)
		}
	}
	compileAll(engines)
	return engines
}

// tellsApart reports whether the checks look at a service that is not the same
// in two states.
func (e *engine) tellsApart(a, b ast.Value) bool {
	if slices.Contains(e.subtypes, Subtype{}) {
		return a != b
	}
	return slices.ContainsFunc(e.services(), func(st Subtype) bool {
		providerA, providerB := field(a, st.Provider), field(b, st.Provider)
		if st.Service == "" {
			return providerA != providerB
		}
		return field(providerA, st.Service) != field(providerB, st.Service)
	})
}

// compileAll compiles engines concurrently that are not compiled yet. Nothing
// is lost of an error or a panic: the engine has it again when it evaluates.
func compileAll(engines []*engine) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, e := range engines {
		if e.ready.Load() {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() {
				_ = recover()
				<-slots
			}()
			_, _ = e.compiled()
			e.ready.Store(true)
		})
	}
	wg.Wait()
}

func (e *engine) eval(ctx context.Context, input ast.Value) ([]Result, []Failure, error) {
	p, err := e.compiled()
	if err != nil {
		return nil, nil, err
	}
	failures := slices.Clone(p.broken)
	results, err := p.query(ctx, e.set, p.all, input, p.checks)
	if err == nil {
		return results, failures, nil
	}
	// One check spoils the common query: ask them one by one.
	results = nil
	for _, c := range p.checks {
		one, err := p.evalOne(ctx, e.set, c, input)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			failures = append(failures, Failure{Check: c, Err: err})
			continue
		}
		results = append(results, one...)
	}
	return results, failures, nil
}

func (p *program) evalOne(ctx context.Context, s *Set, c *Check, input ast.Value) ([]Result, error) {
	p.mu.Lock()
	q, ok := p.single[c]
	if !ok {
		var err error
		if q, err = prepare(p.compiler, c); err != nil {
			p.mu.Unlock()
			return nil, fmt.Errorf("prepare: %w", err)
		}
		p.single[c] = q
	}
	p.mu.Unlock()
	return p.query(ctx, s, q, input, []*Check{c})
}

// query asks a query that was prepared for the checks.
func (p *program) query(ctx context.Context, s *Set, q rego.PreparedEvalQuery, input ast.Value, checks []*Check) ([]Result, error) {
	// A built-in that cannot work with a value makes that rule body undefined,
	// as the checks expect (a memory size that is no number, for example).
	set, err := q.Eval(ctx, rego.EvalParsedInput(input), rego.EvalTime(s.now))
	if err != nil {
		if topdown.IsCancel(err) && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	if len(set) == 0 {
		return nil, errors.New("a rule is undefined: it must be a set")
	}
	denied, ok := set[0].Expressions[0].Value.([]any)
	if !ok || len(denied) != len(checks) {
		return nil, fmt.Errorf("the checks gave %T, not an array of %d", set[0].Expressions[0].Value, len(checks))
	}
	var all []Result
	for i, c := range checks {
		denials, ok := denied[i].([]any)
		if !ok {
			return nil, fmt.Errorf("check %q gave %T, not a set", c.ID, denied[i])
		}
		for _, d := range denials {
			r, err := denial(d)
			if err != nil {
				return nil, fmt.Errorf("check %q: %w", c.ID, err)
			}
			r.Check = c
			if r.Message == "" {
				r.Message = c.Title
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
		r.Parents = places(v["parents"])
		return r, nil
	}
	return Result{}, errors.New("a denial is neither a message nor an object")
}

func places(v any) []Place {
	list, _ := v.([]any)
	var all []Place
	for _, item := range list {
		if pair, ok := item.([]any); ok && len(pair) == 2 {
			file, _ := pair[0].(string)
			all = append(all, Place{Path: file, Line: number(pair[1])})
		}
	}
	return all
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
