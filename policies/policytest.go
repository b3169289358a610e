package policies

import (
	"cmp"
	"context"
	"fmt"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestOptions say how to test policies.
type TestOptions struct {
	// Baseline runs the tests of the embedded pack too.
	Baseline bool
	// Data hold data files for the tests.
	Data []Source
	// Settings are those of the baseline pack; see [Options].
	Settings map[string]any
	// Run is a regular expression; only tests whose "package.name" it matches
	// are run. Empty means all.
	Run string
	// Timeout bounds one test. Zero means limits.PolicyTimeout.
	Timeout time.Duration
}

// TestStatus is how a test ended.
type TestStatus string

// The ways in which a test can end.
const (
	TestPassed  TestStatus = "passed"
	TestFailed  TestStatus = "failed"
	TestErrored TestStatus = "error"
	// TestSkipped is a test called todo_test_….
	TestSkipped TestStatus = "skipped"
)

// TestCase is one test and how it ended.
type TestCase struct {
	Package string     `json:"package"`
	Name    string     `json:"name"`
	Status  TestStatus `json:"status"`
	File    string     `json:"file"`
	Line    int        `json:"line"`
	// Message says what went wrong; empty if nothing did.
	Message string `json:"message,omitempty"`
	// Output is what print wrote.
	Output   string        `json:"output,omitempty"`
	Duration time.Duration `json:"duration"`
}

// FileCoverage says which lines of a policy file the tests did not reach.
type FileCoverage struct {
	File string `json:"file"`
	// Percent is 0 to 100.
	Percent float64 `json:"percent"`
	// Uncovered are lines, in rising order.
	Uncovered []int `json:"uncovered"`
}

// TestResult is what the tests of policies gave.
type TestResult struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Errored int `json:"errored"`
	Skipped int `json:"skipped"`
	// Tests are sorted by file and line.
	Tests []TestCase `json:"tests"`
	// Percent is the share of the lines of all policy files that the tests
	// reached, 0 to 100.
	Percent float64        `json:"percent"`
	Files   []FileCoverage `json:"files"`
}

// OK reports whether all tests passed.
func (r *TestResult) OK() bool { return r.Failed == 0 && r.Errored == 0 && r.Passed > 0 }

// Test runs the tests in the *_test.rego files of the sources, with the same
// restrictions as policies have. That there is no test to run is an error.
func Test(ctx context.Context, sources []Source, opts TestOptions) (TestResult, error) {
	boundBuiltins()
	fail := func(err error) (TestResult, error) { return TestResult{}, fmt.Errorf("test policies: %w", err) }
	settings, err := mergeSettings(opts.Settings)
	if err != nil {
		return fail(err)
	}
	b, err := readAllSources(Options{Baseline: true, Policies: sources, Data: opts.Data})
	if err != nil {
		return fail(err)
	}
	if !opts.Baseline {
		b.tests = slices.DeleteFunc(b.tests, func(f sourceFile) bool { return b.embedded[f.display] })
	}
	if len(b.tests) == 0 {
		return fail(fmt.Errorf("there is no test: no file called *_test.rego in %s", nearest.Quote(sourceNames(sources), ", ")))
	}
	b.data.root["gatehouse"] = map[string]any{"settings": settings}
	if err := b.parse(slices.Concat(b.rego, b.tests)); err != nil {
		return fail(err)
	}
	ran, err := bounded(ctx, limits.PolicyTestTimeout, limits.PolicyHeapBytes, func(ctx context.Context) (testRun, error) { return b.runTests(ctx, opts) })
	if err != nil {
		return fail(err)
	}
	out := summarize(ran.results)
	if out.Passed+out.Failed+out.Errored == 0 {
		hint := "a test is a rule whose name starts with \"test_\""
		if opts.Run != "" {
			hint = fmt.Sprintf("none matches %q", opts.Run)
		}
		return fail(fmt.Errorf("no test was run, %d skipped: %s", out.Skipped, hint))
	}
	b.addCoverage(&out, &ran.coverage, opts)
	return out, nil
}

// testRun is what the tester of OPA gave.
type testRun struct {
	results  []*tester.Result
	coverage cover.Report
}

func (b *bundle) runTests(ctx context.Context, opts TestOptions) (testRun, error) {
	c, err := b.newCompiler()
	if err != nil {
		return testRun{}, err
	}
	c.WithEnablePrintStatements(true)
	store := inmem.NewFromObjectWithOpts(b.data.root, inmem.OptRoundTripOnWrite(false))
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return testRun{}, fmt.Errorf("read policy data: %w", err)
	}
	defer store.Abort(ctx, txn)
	cov := cover.New()
	ch, err := tester.NewRunner().
		SetCompiler(c).
		SetStore(store).
		SetModules(b.modules).
		SetCoverageQueryTracer(cov).
		SetCoverageRuns(nil).
		CapturePrintOutput(true).
		RaiseBuiltinErrors(true).
		SetTimeout(cmp.Or(opts.Timeout, limits.PolicyTimeout)).
		AddCustomBuiltins([]*tester.Builtin{{Decl: parseConfigBuiltin(), Func: parseConfigFunc()}, {Decl: versionInRangeBuiltin(), Func: versionInRangeFunc()}}).
		Filter(opts.Run).
		RunTests(ctx, txn)
	if err != nil {
		return testRun{}, explainErrors(err)
	}
	var results []*tester.Result
	for r := range ch {
		results = append(results, r)
	}
	if err := context.Cause(ctx); err != nil {
		return testRun{}, err
	}
	return testRun{results, cov.Report(b.modules)}, nil
}

func summarize(results []*tester.Result) TestResult {
	out := TestResult{Tests: []TestCase{}, Files: []FileCoverage{}}
	for _, r := range results {
		t := TestCase{Package: strings.TrimPrefix(r.Package, "data."), Name: r.Name, Output: string(r.Output), Duration: r.Duration}
		if r.Location != nil {
			t.File, t.Line = r.Location.File, r.Location.Row
		}
		switch {
		case r.Skip:
			t.Status = TestSkipped
			out.Skipped++
		case r.Error != nil:
			t.Status, t.Message = TestErrored, explainErrors(r.Error).Error()
			out.Errored++
		case !r.Pass():
			t.Status, t.Message = TestFailed, failure(r)
			out.Failed++
		default:
			t.Status = TestPassed
			out.Passed++
		}
		out.Tests = append(out.Tests, t)
	}
	slices.SortFunc(out.Tests, func(a, b TestCase) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func failure(r *tester.Result) string {
	if r.FailedAt != nil && r.FailedAt.Location != nil {
		return fmt.Sprintf("%s: not true: %s", place(r.FailedAt.Location), strings.TrimSpace(string(r.FailedAt.Location.Text)))
	}
	var names []string
	for name, sub := range r.SubResults.Iter {
		if sub.Fail {
			names = append(names, strings.Join(name, "/"))
		}
	}
	if len(names) > 0 {
		return "failed for " + strings.Join(names, ", ")
	}
	return "the test is not true"
}

// addCoverage adds what was reached of the policy files that are under test.
func (b *bundle) addCoverage(out *TestResult, report *cover.Report, opts TestOptions) {
	covered, all := 0, 0
	for _, f := range b.rego {
		if b.embedded[f.display] && !opts.Baseline {
			continue
		}
		fr := report.Files[f.display]
		if fr == nil {
			continue
		}
		covered += fr.CoveredLines
		all += fr.CoveredLines + fr.NotCoveredLines
		fc := FileCoverage{File: f.display, Percent: fr.Coverage, Uncovered: []int{}}
		for _, r := range fr.NotCovered {
			for line := r.Start.Row; line <= r.End.Row; line++ {
				fc.Uncovered = append(fc.Uncovered, line)
			}
		}
		slices.Sort(fc.Uncovered)
		fc.Uncovered = slices.Compact(fc.Uncovered)
		out.Files = append(out.Files, fc)
	}
	if all > 0 {
		out.Percent = 100 * float64(covered) / float64(all)
	}
	slices.SortFunc(out.Files, func(a, b FileCoverage) int { return cmp.Compare(a.File, b.File) })
}
