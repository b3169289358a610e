package iac

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
)

// subject is one input of checks and what is known about it.
type subject struct {
	typ   string // of the configuration
	input checks.Type
	value ast.Value
	// path and line are where a finding is whose cause has no place of its
	// own.
	path string
	line int
	// resource is the address of a cause that has none.
	resource string
	// resourceAt finds the address by line, before that which the cause has;
	// may be nil.
	resourceAt func(line int) string
	// place corrects the place of a finding; may be nil.
	place func(*gatehouse.Location)
	// rename corrects how a result calls what it is about, before the place
	// is corrected; may be nil.
	rename func(*checks.Result)
	// unknownAt are the lines of values that are not known; may be nil.
	unknownAt map[int]bool
	// ignores are the requests in the files that the lines of results are
	// about, and values those of their blocks; both may be nil.
	ignores *ignore.Set
	values  ignore.Values
}

// evaluate runs all checks that apply over the subject and reports the
// findings, each once, and the checks that failed.
func (s *scanner) evaluate(ctx context.Context, sub subject, p reporter) error {
	set := s.checks
	switch sub.input {
	case checks.Pipeline:
		set = s.pipelines
	case checks.GitOps, checks.Compose, checks.Ansible, checks.Serverless, checks.OpenAPI:
		set = s.rules
	}
	results, failures, err := set.Eval(ctx, sub.input, sub.value)
	if err != nil {
		return err
	}
	for _, kind := range judgedKinds(sub.input, sub.value) {
		p.Judge(kind)
	}
	reportFailures(sub, failures, p)
	for _, r := range results {
		p.Report(sub.finding(r))
	}
	return nil
}

func reportFailures(sub subject, failures []checks.Failure, p reporter) {
	for _, f := range failures {
		p.Gap(gatehouse.Gap{Code: gatehouse.GapRule, Path: sub.path, Entry: f.Check.ID,
			Reason: fmt.Sprintf("the check %s (%s) could not be evaluated: %v", f.Check.ID, f.Check.Title, f.Err)})
	}
}

// reporter is the part of gatehouse.Pass that engines need.
type reporter interface {
	Report(gatehouse.Finding)
	Gap(gatehouse.Gap)
	Judge(kind string)
}

func (sub subject) finding(r checks.Result) gatehouse.Finding {
	if sub.rename != nil {
		sub.rename(&r)
	}
	c := r.Check
	loc := gatehouse.Location{Path: sub.path, Line: sub.line}
	if r.Path != "" && r.Path != sub.path {
		loc = gatehouse.Location{Path: r.Path}
	}
	if r.StartLine > 0 {
		loc.Line = r.StartLine
		if r.EndLine > r.StartLine {
			loc.EndLine = r.EndLine
		}
	}
	at := loc
	if sub.place != nil {
		sub.place(&loc)
	}
	resource, detail := r.Root, r.Resource
	if sub.resourceAt != nil {
		resource = sub.resourceAt(r.StartLine)
		detail = resource
	}
	if resource == "" {
		resource = sub.resource
	}
	provider := c.Provider
	if provider == "" {
		provider = string(c.Selectors[0].Type)
	}
	if detail == "" {
		detail = resource
	}
	if sub.input == checks.Pipeline {
		resource, detail = mask(resource), mask(detail) // may be an address
	}
	message := mask(r.Message)
	f := gatehouse.Finding{
		Rule: c.ID, Kind: gatehouse.KindMisconfiguration, Severity: c.Severity,
		Title: c.Title, Message: message, Location: loc,
		Fix: c.Fix, References: c.References,
		Fingerprint: gatehouse.Fingerprint(gatehouse.KindMisconfiguration, c.ID, sub.typ, detail, message),
		Misconfiguration: &gatehouse.Misconfiguration{
			Type: sub.typ, Resource: resource, Provider: provider, Service: c.Service,
		},
	}
	f.Suppressed = sub.suppress(r, at, f)
	return f
}

// once passes on each finding only once. If it is suppressed as one of several
// things, it still counts as the others.
type once struct {
	reporter
	seen map[string]bool
}

func newOnce(p reporter) *once { return &once{reporter: p, seen: map[string]bool{}} }

func (o *once) Report(f gatehouse.Finding) {
	key := fmt.Sprintf("%s\x00%s\x00%d\x00%d\x00%s\x00%t", f.Fingerprint, f.Location.Path, f.Location.Line, f.Location.EndLine, f.Rule, f.Suppressed != nil)
	if !o.seen[key] {
		o.seen[key] = true
		o.reporter.Report(f)
	}
}

// proof gives an engine a known-bad sample once, and reports whether it found
// what it should.
func proof(rule string, run func(p reporter) error) func() error {
	return sync.OnceValue(func() error {
		var found recorder
		if err := run(&found); err != nil {
			return fmt.Errorf("the engine could not read its known-bad sample: %w", err)
		}
		for _, g := range found.gaps {
			if g.Code != gatehouse.GapRule {
				return fmt.Errorf("the engine could not read its known-bad sample: %s", g.Reason)
			}
		}
		if !found.found(rule) {
			return fmt.Errorf("the engine missed its known-bad sample for the check %s", rule)
		}
		return nil
	})
}

// prove reports a gap if the engine of the type is known to be broken.
func (s *scanner) prove(typ string, p reporter) {
	if err := s.proofs[typ](); err != nil {
		p.Gap(gatehouse.Gap{Code: gatehouse.GapCanary, Entry: typ,
			Reason: fmt.Sprintf("%v, so its silence means nothing; report this as a bug", err)})
	}
}

// recorder keeps what is reported.
type recorder struct {
	findings []gatehouse.Finding
	gaps     []gatehouse.Gap
	judged   []string
}

func (r *recorder) Report(f gatehouse.Finding) { r.findings = append(r.findings, f) }
func (r *recorder) Gap(g gatehouse.Gap)        { r.gaps = append(r.gaps, g) }
func (r *recorder) Judge(kind string)          { r.judged = append(r.judged, kind) }

// replay passes on what was reported.
func (r *recorder) replay(to reporter) {
	for _, kind := range r.judged {
		to.Judge(kind)
	}
	for _, f := range r.findings {
		to.Report(f)
	}
	for _, g := range r.gaps {
		to.Gap(g)
	}
}

func (r *recorder) found(rule string) bool {
	return slices.ContainsFunc(r.findings, func(f gatehouse.Finding) bool { return f.Rule == rule })
}
