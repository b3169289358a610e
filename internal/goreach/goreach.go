// Package goreach finds out whether Go programs use what is vulnerable in the
// modules that they are built from. It runs golang.org/x/vuln's analysis, in a
// process of its own, on the modules and programs in which there are findings.
//
// The analysis of source runs the go command on it, which compiles it: with cgo,
// that runs what the code asks for. It is for code that is trusted as much as a
// build of it. Nothing is fetched. What could not be decided stays open: it is
// never taken for unreachable.
package goreach

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// The states of [gatehouse.Reachability].
const (
	Called      = "called"      // there is a way from the program to the function
	Imported    = "imported"    // the package is part of the program; no call was found
	Present     = "present"     // the function is in the binary
	Unreachable = "unreachable" // no package of the program imports it
)

// Database tells which parts of a module have a problem.
type Database interface {
	// Imports is as [vulndb.DB.Imports].
	Imports(ecosystem, pkgName, id string) ([]vulndb.Import, error)
}

// Options say how to look.
type Options struct {
	// Dir is the directory that was scanned.
	Dir      string
	Database Database
	// Env is the environment of the go command; what would let it fetch
	// anything is replaced.
	Env []string
	// Analyzer is the command that runs golang.org/x/vuln/scan with the
	// arguments that follow, and in the environment that it is given.
	Analyzer []string
}

// Apply sets the reachability of the findings in Go modules and Go programs. It
// returns what could not be decided, in sentences without a period; those
// findings stay as they are.
func Apply(ctx context.Context, report *gatehouse.Report, o Options) (undecided []string) {
	// The analysis runs in the directory of what it looks at.
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return []string{fmt.Sprintf("whether what is vulnerable is used could not be decided: %v", err)}
	}
	o.Dir = dir
	groups := map[string][]*gatehouse.Finding{}
	for i := range report.Findings {
		f := &report.Findings[i]
		if f.Vulnerability != nil && f.Vulnerability.Package.Ecosystem == "golang" {
			groups[f.Location.Path] = append(groups[f.Location.Path], f)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(groups)) {
		findings := groups[p]
		open, err := o.apply(ctx, p, findings)
		if err != nil {
			undecided = append(undecided, fmt.Sprintf("%s: whether what is vulnerable is used could not be decided for %s: %s", p, count(len(findings)), err))
			continue
		}
		if len(open) > 0 {
			undecided = append(undecided, fmt.Sprintf("%s: whether what is vulnerable is used could not be decided for %s: %s", p, count(len(open)), strings.Join(open, "; ")))
		}
	}
	return undecided
}

func count(n int) string {
	if n == 1 {
		return "1 finding"
	}
	return fmt.Sprintf("%d findings", n)
}

// apply looks at one go.mod or program; open says which findings stay open and
// why.
func (o *Options) apply(ctx context.Context, file string, findings []*gatehouse.Finding) (open []string, err error) {
	outer := ctx
	ctx, cancel := context.WithTimeout(outer, limits.ReachabilityTimeout)
	defer cancel()
	queries, err := o.queries(findings)
	if err != nil {
		return nil, err
	}
	full := filepath.Join(o.Dir, filepath.FromSlash(file))
	switch path.Base(file) {
	case "go.mod":
		open, err = o.source(ctx, filepath.Dir(full), queries)
	case "go.sum", "go.work", "go.work.sum", "modules.txt":
		return nil, errors.New("it is no go.mod, which the analysis starts from")
	default:
		open, err = o.program(ctx, full, queries)
	}
	if outer.Err() != nil {
		return nil, errors.New("it was interrupted")
	}
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("the analysis did not end in %s", limits.ReachabilityTimeout)
	}
	return open, err
}

// query asks about one finding; id is its name within one analysis.
type query struct {
	id      string
	finding *gatehouse.Finding
	imports []vulndb.Import
}

func (q *query) module() string { return q.finding.Vulnerability.Package.Name }

func (q *query) String() string {
	return fmt.Sprintf("%s in %s", q.finding.Rule, q.module())
}

// queries looks up what the advisories say. One that names no parts is about
// all of the module.
func (o *Options) queries(findings []*gatehouse.Finding) ([]*query, error) {
	var list []*query
	for i, f := range findings {
		q := &query{id: fmt.Sprintf("Q-%d", i+1), finding: f}
		for _, id := range append([]string{f.Rule}, f.Vulnerability.Aliases...) {
			imports, err := o.Database.Imports("go", q.module(), id)
			if err != nil {
				return nil, err
			}
			q.imports = append(q.imports, imports...)
		}
		list = append(list, q)
	}
	return list, nil
}

// source analyses the module in dir.
func (o *Options) source(ctx context.Context, dir string, queries []*query) (open []string, err error) {
	env := offline(o.Env)
	patterns, err := patterns(dir)
	if err != nil {
		return nil, err
	}
	build, err := listBuild(ctx, dir, env, patterns)
	if err != nil {
		return nil, err
	}
	c := canary("C-1", "stdlib")
	seen, err := o.analyze(ctx, dir, env, append(slices.Clone(queries), c), slices.Concat([]string{"-scan=symbol"}, patterns)...)
	if err != nil {
		return nil, err
	}
	if seen[c.id] == nil {
		return nil, errors.New("the analysis did not find the standard library, which is part of each program; use a release of Go")
	}
	for _, q := range queries {
		r, why := build.decide(q, seen[q.id])
		if why != "" {
			open = append(open, fmt.Sprintf("%s: %s", q, why))
			continue
		}
		q.finding.Vulnerability.Reachability = r
	}
	return open, nil
}

// decide says what was found out for a query, or why nothing was.
func (b *build) decide(q *query, s *sighting) (*gatehouse.Reachability, string) {
	where := fmt.Sprintf("in a build for %s/%s without tests", b.GOOS, b.GOARCH)
	switch {
	case s != nil && s.level == levelSymbol:
		return &gatehouse.Reachability{State: Called, Symbols: s.symbols, Trace: s.trace, Why: "by the call graph " + where}, ""
	case s != nil && s.level == levelPackage:
		return &gatehouse.Reachability{State: Imported, Symbols: q.symbols(), Why: "but the call graph has no call of it, " + where}, ""
	case b.replaced[q.module()]:
		return nil, "the module is replaced"
	case q.elsewhere(b.GOOS, b.GOARCH):
		return nil, fmt.Sprintf("it is about other platforms than %s/%s; set GOOS and GOARCH", b.GOOS, b.GOARCH)
	case s == nil && b.modules[q.module()]:
		return nil, "the analysis says nothing about the module"
	}
	return &gatehouse.Reachability{State: Unreachable, Symbols: q.symbols(), Why: "no package imports it " + where}, ""
}

// program looks which symbols are in a binary. Nothing is run. What is not
// there may be part of what is, so that nothing follows from it.
func (o *Options) program(ctx context.Context, file string, queries []*query) (open []string, err error) {
	all, canaries := slices.Clone(queries), map[string]*query{}
	for _, q := range queries {
		if canaries[q.module()] == nil {
			c := canary(fmt.Sprintf("C-%d", len(canaries)+1), q.module())
			canaries[q.module()] = c
			all = append(all, c)
		}
	}
	seen, err := o.analyze(ctx, filepath.Dir(file), offline(o.Env), all, "-mode=binary", "-scan=symbol", file)
	if err != nil {
		return nil, err
	}
	for _, q := range queries {
		s, c := seen[q.id], seen[canaries[q.module()].id]
		switch {
		case c == nil:
			open = append(open, fmt.Sprintf("%s: the analysis does not find the module", q))
		case c.level != levelModule:
			open = append(open, fmt.Sprintf("%s: the program has no table of symbols; build it without -ldflags=-s", q))
		case s != nil && s.level == levelSymbol:
			q.finding.Vulnerability.Reachability = &gatehouse.Reachability{State: Present, Symbols: s.symbols, Why: "by the symbols of the program"}
		case s != nil && s.level == levelPackage:
			q.finding.Vulnerability.Reachability = &gatehouse.Reachability{State: Imported, Symbols: q.symbols(), Why: "but the program has none of the functions among its symbols"}
		default:
			open = append(open, fmt.Sprintf("%s: the program has no such symbols, which proves nothing", q))
		}
	}
	return open, nil
}

// symbols are all that the advisory names.
func (q *query) symbols() []string {
	var list []string
	for _, imp := range q.imports {
		for _, s := range imp.Symbols {
			list = append(list, imp.Path+"."+s)
		}
	}
	return some(list)
}

// elsewhere reports whether a part has the problem on other platforms only.
func (q *query) elsewhere(goos, goarch string) bool {
	return slices.ContainsFunc(q.imports, func(imp vulndb.Import) bool {
		return len(imp.GOOS) > 0 && !slices.Contains(imp.GOOS, goos) || len(imp.GOARCH) > 0 && !slices.Contains(imp.GOARCH, goarch)
	})
}

// some sorts a list and cuts it.
func some(list []string) []string {
	slices.Sort(list)
	list = slices.Compact(list)
	return list[:min(len(list), limits.MaxReachabilitySymbols)]
}
