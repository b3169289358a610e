package policies

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/gatehouse-sec/gatehouse"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// Decide evaluates all rules over the input and applies the waivers. A rule
// that could not be evaluated is a gap in the verdict. The error is for what
// leaves no verdict: a cancelled context, or an input that cannot be encoded.
func (s *Set) Decide(ctx context.Context, in *Input, waivers []gatehouse.Waiver) (gatehouse.Verdict, error) {
	if in == nil || in.report == nil {
		return gatehouse.Verdict{}, errors.New("decide: there is no input; make it with NewInput")
	}
	digest, err := in.report.Coverage.Digest()
	if err != nil {
		return gatehouse.Verdict{}, fmt.Errorf("decide: %w", err)
	}
	results, err := s.evaluate(ctx, in)
	if err != nil {
		return gatehouse.Verdict{}, fmt.Errorf("decide: %w", err)
	}
	j := s.judge(in, results)
	v := gatehouse.Verdict{
		Version: gatehouse.VerdictVersion,
		Subject: in.report.Target, Time: in.now, Policy: s.Ref(), CoverageDigest: digest,
	}
	j.apply(&v, waivers)
	v.Suppressed = suppressed(in.report, &v)
	conclude(&v)
	return v, nil
}

// suppressed are the suppressed findings to which the verdict does not object.
func suppressed(r *gatehouse.Report, v *gatehouse.Verdict) []gatehouse.Suppressed {
	objected := map[string]bool{}
	for _, x := range v.Violations {
		objected[x.Finding] = true
	}
	for _, w := range v.Waived {
		if w.Violation != nil {
			objected[w.Violation.Finding] = true
		}
	}
	var all []gatehouse.Suppressed
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Suppressed != nil && !objected[f.ID] {
			all = append(all, gatehouse.Suppressed{Finding: f.ID, Rule: f.Rule, Severity: f.Severity, Suppression: *f.Suppressed})
		}
	}
	return all
}

// job is one call of a worker: one report rule, or all document rules over one
// document.
type job struct {
	units []int
	// report is the input of a report rule; input that of document rules.
	report *reportInput
	input  func() (ast.Value, error)
	// doc is what is judged; nil for a report.
	doc *document
	// located is input with places; nil for a report.
	located func() (*ast.Term, error)
}

// document is a configuration document as a policy sees it.
type document struct {
	path string
	line int
}

// ruleResult is what one rule said about one input.
type ruleResult struct {
	unit  int
	doc   *document
	items []any
	// places are those of the items in the document; nil if they are not known.
	places   []*gatehouse.Location
	excepted bool
	err      error
}

// evaluate runs all rules over all inputs, each in order of rule and input.
func (s *Set) evaluate(parent context.Context, in *Input) ([]ruleResult, error) {
	jobs, err := s.jobs(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(parent, s.opts.Timeout,
		fmt.Errorf("it took longer than the limit of %v", s.opts.Timeout))
	defer cancel()
	ctx, stop := watchHeap(ctx, s.opts.HeapBytes)
	defer stop()

	out := s.runAll(ctx, jobs, ast.StringTerm(in.Document.Time))
	if err := parent.Err(); err != nil {
		return nil, context.Cause(parent)
	}
	all := slices.Concat(out...)
	slices.SortStableFunc(all, func(a, b ruleResult) int { return a.unit - b.unit })
	return all, nil
}

// runAll runs the jobs on all cores. A job that does not stop when it is told
// to is left behind, and its rules have failed.
func (s *Set) runAll(ctx context.Context, jobs []job, now *ast.Term) [][]ruleResult {
	type done struct {
		i       int
		results []ruleResult
	}
	ch := make(chan done, len(jobs))
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) {
					return
				}
				ch <- done{i, s.run(ctx, &jobs[i], now)}
			}
		}()
	}
	out := make([][]ruleResult, len(jobs))
	stop := ctx.Done()
	var late <-chan time.Time
	for left := len(jobs); left > 0; {
		select {
		case d := <-ch:
			out[d.i] = d.results
			left--
		case <-stop:
			stop, late = nil, time.After(grace)
		case <-late:
			for i := range out {
				if out[i] == nil {
					out[i] = jobs[i].fail(fmt.Errorf("%w, and did not stop", context.Cause(ctx)))
				}
			}
			return out
		}
	}
	return out
}

func (j *job) fail(err error) []ruleResult {
	out := make([]ruleResult, len(j.units))
	for k, u := range j.units {
		out[k] = ruleResult{unit: u, doc: j.doc, err: err}
	}
	return out
}

func (s *Set) jobs(in *Input) ([]job, error) {
	var jobs []job
	var forDocs []int
	var report *reportInput
	for i, u := range s.units {
		if u.info.Input == InputDocuments {
			forDocs = append(forDocs, i)
			continue
		}
		if report == nil {
			var err error
			if report, err = in.reportInput(); err != nil {
				return nil, fmt.Errorf("encode the input of policies: %w", err)
			}
		}
		jobs = append(jobs, job{units: []int{i}, report: report})
	}
	docs := in.report.Documents
	if len(forDocs) == 0 || len(docs) == 0 {
		return jobs, nil
	}
	if s.opts.Combine {
		return append(jobs, job{units: forDocs, doc: &document{},
			input: func() (ast.Value, error) {
				t, err := combined(in, func(d *gatehouse.Document) (*ast.Term, error) {
					v, err := jsonValue(d.JSON)
					return ast.NewTerm(v), err
				})
				if err != nil {
					return nil, err
				}
				return t.Value, nil
			},
			located: func() (*ast.Term, error) { return combined(in, located) },
		}), nil
	}
	for i := range docs {
		d := &docs[i]
		jobs = append(jobs, job{units: forDocs, doc: &document{path: d.Path, line: d.Line}, input: func() (ast.Value, error) {
			return jsonValue(d.JSON)
		}, located: func() (*ast.Term, error) { return located(d) }})
	}
	return jobs, nil
}

// combined is the list that conftest calls combined input. A document that is
// a list counts as several.
func combined(in *Input, read func(*gatehouse.Document) (*ast.Term, error)) (*ast.Term, error) {
	var all []*ast.Term
	for i := range in.report.Documents {
		d := &in.report.Documents[i]
		v, err := read(d)
		if err != nil {
			return nil, fmt.Errorf("read document %q: %w", d.Path, err)
		}
		for _, content := range elements(v) {
			all = append(all, ast.ObjectTerm(
				[2]*ast.Term{ast.StringTerm("path"), ast.StringTerm(d.Path)},
				[2]*ast.Term{ast.StringTerm("contents"), content},
			))
		}
	}
	return ast.ArrayTerm(all...), nil
}

// elements are the documents in a document: conftest judges the elements of a
// list one by one.
func elements(v *ast.Term) []*ast.Term {
	list, ok := v.Value.(*ast.Array)
	if !ok || list.Len() == 0 {
		return []*ast.Term{v}
	}
	out := make([]*ast.Term, 0, list.Len())
	list.Foreach(func(t *ast.Term) { out = append(out, t) })
	return out
}

// run evaluates the rules of a job. A panic is an error of the rule.
func (s *Set) run(ctx context.Context, j *job, now *ast.Term) []ruleResult {
	if ctx.Err() != nil {
		return j.fail(fmt.Errorf("not evaluated: %w", context.Cause(ctx)))
	}
	if j.report != nil {
		out, err := j.report.try(func(v ast.Value) []ruleResult { return s.runUnits(ctx, j, []ast.Value{v}, nil) })
		if err != nil {
			return j.fail(fmt.Errorf("cannot read the input: %w", err))
		}
		return out
	}
	value, err := j.input()
	if err != nil {
		return j.fail(fmt.Errorf("cannot read the input: %w", err))
	}
	// Most documents are all right, so that nothing needs places.
	withPlaces := sync.OnceValue(func() []ast.Value {
		t, err := j.located()
		if err != nil {
			return nil
		}
		return s.documentInputs(t, j.doc, now)
	})
	return s.runUnits(ctx, j, s.documentInputs(ast.NewTerm(value), j.doc, now), withPlaces)
}

// runUnits evaluates the rules of a job over each input. WithPlaces are the
// inputs with places; nil for a report.
func (s *Set) runUnits(ctx context.Context, j *job, inputs []ast.Value, withPlaces func() []ast.Value) []ruleResult {
	var out []ruleResult
	for i, input := range inputs {
		exceptions := map[*rego.PreparedEvalQuery]exceptionResult{}
		for _, u := range j.units {
			r := s.runUnit(ctx, u, j.doc, input, exceptions)
			if withPlaces != nil && len(r.items) > 0 {
				if located := withPlaces(); i < len(located) {
					r.places = s.places(ctx, s.units[u], located[i], r.items)
				}
			}
			out = append(out, r)
		}
	}
	return out
}

// documentInputs wraps a document as the prepared queries want it.
func (s *Set) documentInputs(v *ast.Term, d *document, now *ast.Term) []ast.Value {
	docs := []*ast.Term{v}
	if !s.opts.Combine {
		docs = elements(v)
	}
	dir, name := "", ""
	if d.path != "" {
		dir, name = path.Dir(d.path), path.Base(d.path)
	}
	file := ast.ObjectTerm(
		[2]*ast.Term{ast.StringTerm("name"), ast.StringTerm(name)},
		[2]*ast.Term{ast.StringTerm("dir"), ast.StringTerm(dir)},
	)
	inputs := make([]ast.Value, len(docs))
	for i, doc := range docs {
		inputs[i] = ast.NewObject(
			[2]*ast.Term{ast.StringTerm("document"), doc},
			[2]*ast.Term{ast.StringTerm("file"), file},
			[2]*ast.Term{ast.StringTerm("time"), now},
		)
	}
	return inputs
}

type exceptionResult struct {
	names map[string]bool
	err   error
}

func (s *Set) runUnit(ctx context.Context, i int, doc *document, input ast.Value, seen map[*rego.PreparedEvalQuery]exceptionResult) (r ruleResult) {
	u := s.units[i]
	r = ruleResult{unit: i, doc: doc}
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("the evaluator crashed: %v", p)
		}
	}()
	if u.exception != nil {
		e, ok := seen[u.exception]
		if !ok {
			e = exceptions(ctx, u.exception, input)
			seen[u.exception] = e
		}
		if e.err != nil {
			r.err = fmt.Errorf("the exceptions of package %q: %w", u.info.Package, e.err)
			return r
		}
		r.excepted = e.names[exceptionName(u.info.Name)]
	}
	r.items, r.err = evalSet(ctx, &u.query, input)
	return r
}

// exceptions evaluates "exception contains rules if rules := [names]".
func exceptions(ctx context.Context, q *rego.PreparedEvalQuery, input ast.Value) exceptionResult {
	items, err := evalSet(ctx, q, input)
	if err != nil {
		return exceptionResult{err: err}
	}
	names := map[string]bool{}
	for _, item := range items {
		list, ok := stringList(item)
		if !ok {
			return exceptionResult{err: fmt.Errorf("an exception must be a list of rule names without their prefix, such as [\"run_as_root\"], or [\"\"] for plain deny; got %v", item)}
		}
		for _, n := range list {
			names[n] = true
		}
	}
	return exceptionResult{names: names}
}

func evalSet(ctx context.Context, q *rego.PreparedEvalQuery, input ast.Value) ([]any, error) {
	rs, err := q.Eval(ctx, rego.EvalParsedInput(input), rego.EvalSortSets(true))
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	if len(rs) != 1 {
		return nil, errors.New("the rule has no value")
	}
	items, ok := rs[0].Bindings["x"].([]any)
	if !ok {
		return nil, errors.New("the rule gives no set")
	}
	return items, nil
}

// missing are gaps for document rules that have nothing to judge, and
// for expectations that are not met.
func (s *Set) missing(in *Input) []gatehouse.Gap {
	var gaps []gatehouse.Gap
	docs := in.report.Documents
	packages := map[string]bool{}
	for _, u := range s.units {
		if u.info.Input == InputDocuments && len(docs) == 0 {
			if !packages[u.info.Package] {
				packages[u.info.Package] = true
				gaps = append(gaps, gatehouse.Gap{Code: gatehouse.GapRule, Path: u.info.File, Entry: u.info.Package,
					Reason: fmt.Sprintf("the policies of package %q judge configuration documents, and the target has none, so they checked nothing; check the target and its excludes, or leave out these policies", u.info.Package)})
			}
			continue
		}
		for _, want := range u.info.Expects {
			if met, what := expectation(in, u.info.Input, want); !met {
				gaps = append(gaps, gatehouse.Gap{Code: gatehouse.GapRule, Path: u.info.File, Line: u.info.Line, Entry: u.info.Path + " expects " + want,
					Reason: fmt.Sprintf("the policy rule %s expects %s, which is not there, so it checked nothing", u.info.Path, what)})
			}
		}
	}
	return gaps
}

func expectation(in *Input, kind InputKind, want string) (bool, string) {
	if kind == InputDocuments {
		return slices.ContainsFunc(in.report.Documents, func(d gatehouse.Document) bool {
			return doublestar.MatchUnvalidated(want, d.Path)
		}), fmt.Sprintf("a document that matches %q", want)
	}
	return slices.ContainsFunc(in.report.Coverage.Scanners, func(c gatehouse.ScannerCoverage) bool {
		return c.Name == want && (c.Status == gatehouse.StatusComplete || c.Status == gatehouse.StatusPartial)
	}), fmt.Sprintf("the scanner %q to have scanned something", want)
}

// conclude sets the outcome and says why.
func conclude(v *gatehouse.Verdict) {
	var why []string
	switch {
	case len(v.Violations) > 0:
		v.Outcome = gatehouse.OutcomeFail
		why = append(why, fmt.Sprintf("%s: %s.", plural(len(v.Violations), "violation of policy", "violations of policy"), bySeverity(v.Violations)))
		if len(v.Gaps) > 0 {
			why = append(why, fmt.Sprintf("Besides, %s could not be judged.", plural(len(v.Gaps), "thing", "things")))
		}
	case len(v.Gaps) > 0:
		v.Outcome = gatehouse.OutcomeIncomplete
		why = append(why, fmt.Sprintf("No violation was found, but %s could not be judged, which is not a pass.", plural(len(v.Gaps), "thing", "things")))
	default:
		v.Outcome = gatehouse.OutcomePass
		why = append(why, fmt.Sprintf("%s evaluated and no violation is left.", plural(v.Policy.Rules, "policy rule was", "policy rules were")))
	}
	if n := len(v.Waived); n > 0 {
		why = append(why, fmt.Sprintf("%s not counted because of waivers or exceptions.", plural(n, "violation or gap is", "violations or gaps are")))
	}
	if n := len(v.Suppressed); n > 0 {
		why = append(why, fmt.Sprintf("%s not counted because comments or files of ignores say so.", plural(n, "finding is", "findings are")))
	}
	expired := 0
	for _, w := range v.Waivers {
		if w.State == gatehouse.WaiverExpired && w.Matches > 0 {
			expired++
		}
	}
	if expired > 0 {
		why = append(why, fmt.Sprintf("%s what is counted here has expired.", plural(expired, "waiver that covered", "waivers that covered")))
	}
	v.Reasons = why
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func bySeverity(violations []gatehouse.Violation) string {
	counts := map[gatehouse.Severity]int{}
	for i := range violations {
		counts[violations[i].Severity]++
	}
	var parts []string
	for _, sev := range slices.Backward(gatehouse.Severities()) {
		if n := counts[sev]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, sev))
		}
	}
	return strings.Join(parts, ", ")
}
