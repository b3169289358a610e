package policies

import (
	"context"
	"errors"
	"fmt"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// Options say which policies to load.
type Options struct {
	// Baseline adds the embedded pack.
	Baseline bool
	// Policies hold Rego files, and data files beside them. Files called
	// *_test.rego are left out.
	Policies []Source
	// Data hold data files alone.
	Data []Source
	// Namespaces are the document packages to evaluate; "*" stands for any
	// characters. Nil means "main". Report policies are always evaluated.
	Namespaces []string
	// AllNamespaces evaluates each document package that has a rule.
	AllNamespaces bool
	// Combine gives document policies one list of {path, contents} instead of
	// one document at a time.
	Combine bool
	// DocumentsOnly leaves out the packages that judge a report.
	DocumentsOnly bool
	// Settings take the place of defaults of the baseline pack:
	// {"vulnerabilities": {"deny": "CRITICAL"}}. A key may also be written
	// with a dot: {"vulnerabilities.deny": "CRITICAL"}.
	Settings map[string]any

	// Timeout and HeapBytes bound one call of [Set.Decide]. Zero means
	// limits.PolicyTimeout and limits.PolicyHeapBytes.
	Timeout   time.Duration
	HeapBytes uint64
}

// Set is a set of policies, compiled and ready. It is safe for concurrent use.
type Set struct {
	units    []*unit
	ref      gatehouse.PolicyRef
	settings map[string]any
	sources  map[string][]byte // module text by file
	data     map[string]any
	compiler *ast.Compiler
	opts     Options
}

// unit is one rule that is evaluated on its own.
type unit struct {
	info      RuleInfo
	rules     []*ast.Rule
	query     rego.PreparedEvalQuery
	exception *rego.PreparedEvalQuery
}

// Load reads, checks and compiles policies. The error joins all problems that
// were found, each with its file and line.
func Load(ctx context.Context, opts Options) (*Set, error) {
	if !opts.Baseline && len(opts.Policies) == 0 {
		return nil, errors.New("load policies: there are none: the baseline pack is off and no policy directory is given; an empty set of policies would pass everything")
	}
	if opts.Timeout == 0 {
		opts.Timeout = limits.PolicyTimeout
	}
	if opts.HeapBytes == 0 {
		opts.HeapBytes = limits.PolicyHeapBytes
	}
	boundBuiltins()
	settings, err := mergeSettings(opts.Settings)
	if err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	b, err := readAllSources(opts)
	if err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	b.data.root["gatehouse"] = map[string]any{"settings": settings}
	if err := b.parse(b.rego); err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	chosen, err := b.choose(opts)
	if err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	s := &Set{settings: settings, sources: map[string][]byte{}, data: b.data.root, opts: opts}
	for _, f := range b.rego {
		s.sources[f.display] = f.data
	}
	_, err = bounded(ctx, opts.Timeout, opts.HeapBytes, func(ctx context.Context) (any, error) { return nil, s.prepare(ctx, b, chosen) })
	if err != nil {
		return nil, fmt.Errorf("load policies: %w", err)
	}
	s.ref = gatehouse.PolicyRef{Digest: b.digest(opts, settings), Sources: b.names, Rules: len(s.units)}
	return s, nil
}

// bundle is what was read.
type bundle struct {
	rego, tests []sourceFile
	embedded    map[string]bool
	data        *dataTree
	dataFiles   []sourceFile
	names       []string

	modules map[string]*ast.Module
	pkgs    map[string]*pkg
}

// A file called like a test, but with rules like a policy, would be passed over.
var (
	policyInTest = regexp.MustCompile(`(?m)^\s*(?:deny|violation|warn)\w*\s+contains\b`)
	testInTest   = regexp.MustCompile(`(?m)^\s*(?:todo_)?test_\w+`)
)

func readAllSources(opts Options) (*bundle, error) {
	b := &bundle{data: newDataTree(), embedded: map[string]bool{}, modules: map[string]*ast.Module{}, pkgs: map[string]*pkg{}}
	var errs []error
	if opts.Baseline {
		files, err := readSource(baselineSource())
		if err != nil {
			return nil, err
		}
		for _, f := range slices.Concat(files.rego, files.tests) {
			b.embedded[f.display] = true
		}
		b.rego = append(b.rego, files.rego...)
		b.tests = append(b.tests, files.tests...)
		b.names = append(b.names, "baseline")
	}
	for _, src := range opts.Policies {
		files, err := readSource(src)
		switch {
		case err != nil:
			errs = append(errs, err)
		case len(files.rego) == 0 && len(files.tests) > 0:
			errs = append(errs, fmt.Errorf("policy source %q has tests and no policy", src.Name))
		case len(files.rego) == 0:
			errs = append(errs, fmt.Errorf("policy source %q has no .rego file, so it would check nothing", src.Name))
		}
		for _, f := range files.tests {
			if policyInTest.Match(f.data) && !testInTest.Match(f.data) {
				errs = append(errs, fmt.Errorf("%s: the name ends in _test.rego, so it is left out as a test, but it has a policy rule and no test; call it differently", f.display))
			}
		}
		b.rego = append(b.rego, files.rego...)
		b.tests = append(b.tests, files.tests...)
		b.dataFiles = append(b.dataFiles, slices.DeleteFunc(files.data, isManifest)...)
		b.names = append(b.names, src.Name)
	}
	for _, src := range opts.Data {
		files, err := readSource(src)
		if err == nil && len(files.data) == 0 {
			err = fmt.Errorf("data source %q has no .json, .yaml or .yml file", src.Name)
		}
		if err != nil {
			errs = append(errs, err)
		}
		b.dataFiles = append(b.dataFiles, files.data...)
		b.names = append(b.names, src.Name)
	}
	for _, f := range b.dataFiles {
		if err := b.data.add(f); err != nil {
			errs = append(errs, err)
		}
	}
	return b, errors.Join(errs...)
}

// parse parses files into modules and packages.
func (b *bundle) parse(files []sourceFile) error {
	var errs []error
	for _, f := range files {
		m, err := parseModule(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if b.modules[f.display] != nil {
			errs = append(errs, fmt.Errorf("policy file %q is given twice", f.display))
			continue
		}
		path := packagePath(m)
		if !b.embedded[f.display] && reserved(path) {
			errs = append(errs, fmt.Errorf("%s: package %q belongs to the baseline pack; choose another name, such as \"gatehouse.acme\"", f.display, path))
			continue
		}
		b.modules[f.display] = m
		p := b.pkgs[path]
		if p == nil {
			p = &pkg{path: path, rules: map[string][]*ast.Rule{}, embedded: b.embedded[f.display]}
			b.pkgs[path] = p
		}
		p.addModule(f.display, m)
	}
	for _, path := range sortedKeys(b.pkgs) {
		if err := b.pkgs[path].inputKind(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// reserved reports whether a package path belongs to gatehouse itself.
func reserved(path string) bool {
	for _, r := range []string{"gatehouse.baseline", "gatehouse.settings", "gatehouse.time"} {
		if path == r || strings.HasPrefix(path, r+".") {
			return true
		}
	}
	return path == "gatehouse"
}

// choose selects the packages that are evaluated, and refuses each way in
// which a policy could silently not be.
func (b *bundle) choose(opts Options) ([]*pkg, error) {
	var errs []error
	var chosen, left []*pkg
	var ofReport []string
	namespaces := opts.Namespaces
	if namespaces == nil {
		namespaces = []string{"main"}
	}
	matched := make([]bool, len(namespaces))
	for _, path := range sortedKeys(b.pkgs) {
		p := b.pkgs[path]
		named := false
		for i, ns := range namespaces {
			if matchWildcard(strings.TrimPrefix(ns, "data."), path) {
				matched[i] = true
				named = named || path == strings.TrimPrefix(ns, "data.")
				if len(p.rules) > 0 || p.input == InputDocuments && len(p.problems) > 0 {
					named = true
				}
			}
		}
		switch {
		case p.input == InputReport && opts.DocumentsOnly:
			if len(p.rules) > 0 {
				ofReport = append(ofReport, path)
			}
		case p.input == InputReport, opts.AllNamespaces, named:
			errs = append(errs, p.problems...)
			if len(p.rules) > 0 {
				chosen = append(chosen, p)
			} else if len(p.problems) == 0 && p.mustHaveRules(named, b) {
				errs = append(errs, fmt.Errorf("package %q (%s) has no rule called deny, violation or warn, so it would check nothing", path, p.files[0]))
			}
		case len(p.rules) > 0, len(p.problems) > 0 && !b.used(p):
			left = append(left, p)
		}
	}
	if len(left) > 0 {
		var names []string
		for _, p := range left {
			names = append(names, p.path)
		}
		errs = append(errs, fmt.Errorf("policy packages that no namespace selects: %s; select them with --namespace %s, or all with --all-namespaces",
			strings.Join(names, ", "), strings.Join(names, " --namespace ")))
	}
	for i, ns := range namespaces {
		// Report policies are evaluated without being named, so the default
		// namespace may be missing.
		if matched[i] || opts.Namespaces == nil || opts.AllNamespaces {
			continue
		}
		errs = append(errs, fmt.Errorf("namespace %q is not the package of any policy%s", ns, nearest.Hint(ns, b.userPackages())))
	}
	if len(errs) == 0 && len(chosen) == 0 && len(ofReport) > 0 {
		errs = append(errs, fmt.Errorf("all policies there are judge the report of a scan (%s), and none judges documents; run gatehouse check", strings.Join(ofReport, ", ")))
	}
	if len(errs) == 0 && len(opts.Policies) > 0 && !slices.ContainsFunc(chosen, func(p *pkg) bool { return !p.embedded }) {
		errs = append(errs, fmt.Errorf("the policies in %s have no rule called deny, violation or warn", nearest.Quote(sourceNames(opts.Policies), ", ")))
	}
	return chosen, errors.Join(errs...)
}

// mustHaveRules reports whether a package without rules is a mistake: it was
// asked for by name, or it judges reports and no other package uses it.
func (p *pkg) mustHaveRules(named bool, b *bundle) bool {
	if named {
		return true
	}
	return p.input == InputReport && !p.embedded && !b.used(p)
}

// used reports whether another package refers to p.
func (b *bundle) used(p *pkg) bool {
	prefix := p.modules[0].Package.Path
	for path, other := range b.pkgs {
		if path == p.path {
			continue
		}
		for _, m := range other.modules {
			found := false
			ast.WalkRefs(m, func(r ast.Ref) bool {
				found = found || r.HasPrefix(prefix)
				return found
			})
			if found {
				return true
			}
		}
	}
	return false
}

func (b *bundle) userPackages() []string {
	var out []string
	for path, p := range b.pkgs {
		if !p.embedded {
			out = append(out, path)
		}
	}
	return out
}

func sourceNames(sources []Source) []string {
	out := make([]string, len(sources))
	for i, s := range sources {
		out[i] = s.Name
	}
	return out
}

// matchWildcard matches s against a pattern in which "*" stands for any
// characters.
func matchWildcard(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, last)
}

// prepare compiles the modules and prepares one query for each rule.
func (s *Set) prepare(ctx context.Context, b *bundle, chosen []*pkg) error {
	units, err := b.units(chosen)
	if err != nil {
		return err
	}
	store := inmem.NewFromObjectWithOpts(b.data.root, inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
	s.compiler, err = b.compile(ctx, store)
	if err != nil {
		return err
	}
	exceptions := map[string]*rego.PreparedEvalQuery{}
	for _, p := range chosen {
		if !p.exceptions {
			continue
		}
		q, err := s.query(ctx, store, p, ast.VarTerm("exception"))
		if err != nil {
			return fmt.Errorf("prepare the exceptions of package %q: %w", p.path, err)
		}
		exceptions[p.path] = &q
	}
	for _, u := range units {
		q, err := s.query(ctx, store, b.pkgs[u.info.Package], u.rules[0].Head.Ref()[0])
		if err != nil {
			return fmt.Errorf("prepare rule %q: %w", u.info.Path, err)
		}
		u.query, u.exception = q, exceptions[u.info.Package]
	}
	s.units = units
	return nil
}

// query prepares "x = data.<package>.<name>". A document policy does not see
// the input as it is: that is {document, file, time}, which with spreads to
// where conftest policies expect it.
func (s *Set) query(ctx context.Context, store storage.Store, p *pkg, name *ast.Term) (rego.PreparedEvalQuery, error) {
	path := p.modules[0].Package.Path.Copy()
	v, _ := name.Value.(ast.Var)
	ref := path.Append(ast.StringTerm(string(v)))
	expr := ast.Equality.Expr(ast.VarTerm("x"), ast.NewTerm(ref))
	if p.input == InputDocuments {
		in := func(field string) *ast.Term { return ast.NewTerm(ast.InputRootRef.Append(ast.StringTerm(field))) }
		expr = expr.IncludeWith(ast.NewTerm(ast.InputRootRef), in("document")).
			IncludeWith(ast.NewTerm(ast.MustParseRef("data.conftest.file")), in("file")).
			IncludeWith(ast.NewTerm(ast.MustParseRef("data.gatehouse.time")), in("time"))
	}
	return rego.New(
		rego.Compiler(s.compiler),
		rego.Capabilities(s.compiler.Capabilities()),
		rego.Store(store),
		rego.ParsedQuery(ast.NewBody(expr)),
		rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(resultJSON),
		parseConfigFunc(),
		versionInRangeFunc(),
	).PrepareForEval(ctx)
}

// maxResultTerms bounds the values in the result of one rule, with each shared
// part counted as often as it occurs. A violation has about 10.
const maxResultTerms = 5_000_000

// resultJSON converts the result of a rule.
func resultJSON(t *ast.Term, _ *rego.EvalContext) (any, error) {
	left := maxResultTerms
	if !countTerms(t.Value, &left) {
		return nil, fmt.Errorf("the rule gave more than %d values", maxResultTerms)
	}
	return ast.JSONWithOpt(t.Value, ast.JSONOpt{SortSets: true})
}

// countTerms counts down for each value in v and reports whether there was
// enough left.
func countTerms(v ast.Value, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	over := func(t *ast.Term) bool { return !countTerms(t.Value, left) }
	switch v := v.(type) {
	case *ast.Array:
		return !v.Until(over)
	case ast.Set:
		return !v.Until(over)
	case ast.Object:
		return !v.Until(func(k, v *ast.Term) bool { return over(k) || over(v) })
	}
	return true
}

// Ref identifies the policies.
func (s *Set) Ref() gatehouse.PolicyRef {
	r := s.ref
	r.Sources = slices.Clone(r.Sources)
	return r
}

// Rules describes the rules that are evaluated, sorted by path and place.
func (s *Set) Rules() []RuleInfo {
	out := make([]RuleInfo, len(s.units))
	for i, u := range s.units {
		out[i] = u.info
	}
	return out
}

// NeedsDocuments reports whether there is a document policy, so that a scan
// has to keep parsed documents.
func (s *Set) NeedsDocuments() bool {
	return slices.ContainsFunc(s.units, func(u *unit) bool { return u.info.Input == InputDocuments })
}
