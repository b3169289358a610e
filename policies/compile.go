package policies

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

//go:embed input.schema.json
var inputSchemaJSON []byte

// InputSchema is the JSON Schema of [InputDocument].
func InputSchema() []byte { return slices.Clone(inputSchemaJSON) }

var inputSchema = sync.OnceValues(func() (any, error) {
	var x any
	err := json.Unmarshal(inputSchemaJSON, &x)
	return x, err
})

// reportSchemaRef is the name of the schema in annotations.
var reportSchemaRef = ast.MustParseRef("schema.report")

// parseModule parses Rego v1, and says so if it is v0.
func parseModule(f sourceFile) (*ast.Module, error) {
	m, err := ast.ParseModuleWithOpts(f.display, string(f.data), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
	if err == nil {
		if m == nil || m.Package == nil {
			return nil, fmt.Errorf("%s: the file is empty; a policy starts with \"package\"", f.display)
		}
		return m, nil
	}
	if _, v0 := ast.ParseModuleWithOpts(f.display, string(f.data), ast.ParserOptions{RegoVersion: ast.RegoV0}); v0 == nil {
		return nil, fmt.Errorf("%s: written in the old syntax of Rego v0: write \"deny contains msg if { … }\" for \"deny[msg] { … }\"; \"opa fmt --write --v0-v1 %s\" does it for you", firstPlace(err, f.display), f.display)
	}
	return nil, explainErrors(err)
}

func firstPlace(err error, file string) string {
	var errs ast.Errors
	if errors.As(err, &errs) && len(errs) > 0 {
		return place(errs[0].Location)
	}
	return file
}

// compile type-checks and compiles the modules, and refuses what would never
// apply.
func (b *bundle) compile(ctx context.Context, store storage.Store) (*ast.Compiler, error) {
	c, err := b.newCompiler()
	if err != nil {
		return nil, err
	}
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("read policy data: %w", err)
	}
	defer store.Abort(ctx, txn)
	c.WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn))
	c.Compile(b.modules)
	if c.Failed() {
		return nil, explainErrors(c.Errors)
	}
	return c, errors.Join(b.undefinedRefs(c)...)
}

// newCompiler makes a compiler that knows the built-ins, and checks packages
// that judge reports against the schema of the input.
func (b *bundle) newCompiler() (*ast.Compiler, error) {
	schema, err := inputSchema()
	if err != nil {
		return nil, fmt.Errorf("read the schema of the input: %w", err)
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(reportSchemaRef, schema)
	b.annotate()
	return ast.NewCompiler().
		WithCapabilities(capabilities()).
		WithBuiltins(map[string]*ast.Builtin{parseConfigDecl.Name: parseConfigBuiltin(), versionInRangeDecl.Name: versionInRangeBuiltin()}).
		WithSchemas(schemas).
		WithUseTypeCheckAnnotations(true).
		WithDefaultRegoVersion(ast.RegoV1), nil
}

// annotate gives each package that judges reports the schema of the input, and
// drops schemas of others that are not here.
func (b *bundle) annotate() {
	for _, p := range b.pkgs {
		if p.input == InputDocuments {
			for _, m := range p.modules {
				for _, a := range m.Annotations {
					a.Schemas = slices.DeleteFunc(a.Schemas, func(s *ast.SchemaAnnotation) bool { return s.Definition == nil })
				}
			}
			continue
		}
		report := &ast.SchemaAnnotation{Path: ast.InputRootRef, Schema: reportSchemaRef}
		done := false
		for _, m := range p.modules {
			for _, a := range m.Annotations {
				if a.Scope == "package" {
					a.Schemas, done = append(a.Schemas, report), true
				}
			}
		}
		if !done {
			m := p.modules[0]
			a := &ast.Annotations{Scope: "package", Schemas: []*ast.SchemaAnnotation{report}, Location: m.Package.Location}
			m.Annotations = append(m.Annotations, a.Copy(m.Package))
		}
	}
}

// undefinedRefs finds references to data that nothing defines. OPA takes them
// for undefined, and a rule that needs them for one that never fires.
func (b *bundle) undefinedRefs(c *ast.Compiler) []error {
	var errs []error
	seen := map[string]bool{}
	for _, file := range sortedKeys(b.modules) {
		m := c.Modules[file]
		if m == nil {
			continue
		}
		check := func(r ast.Ref) bool {
			if !r.HasPrefix(ast.DefaultRootRef) || len(r) < 2 || b.defined(c, r) {
				return false
			}
			prefix := r.ConstantPrefix()
			loc := r[0].Location
			if loc == nil {
				loc = m.Package.Location
			}
			name := prefix.String()
			if key := place(loc) + name; !seen[key] {
				seen[key] = true
				errs = append(errs, fmt.Errorf("%s: %s is not defined by any policy or data file, so what needs it would never apply: give the file that has it, or a data file with an empty value if there is nothing to say", place(loc), name))
			}
			return false
		}
		ast.WalkRefs(m, check)
		switch p := b.pkgs[packagePath(m)]; {
		case p == nil:
		case p.input == InputReport:
			errs = append(errs, b.misspelt(b.modules[file])...)
		case !p.explicit:
			errs = append(errs, reportFields(m)...)
		}
	}
	return errs
}

// defined reports whether a reference can have a value: a rule or package is
// there, or the data has the first name that leads out of the packages.
func (b *bundle) defined(c *ast.Compiler, r ast.Ref) bool {
	if s, ok := r[1].Value.(ast.String); ok && s == "conftest" {
		return true
	}
	node := c.RuleTree.Child(ast.DefaultRootDocument.Value)
	data, _ := any(b.data.root).(map[string]any)
	for i, t := range r[1:] {
		s, ok := t.Value.(ast.String)
		if !ok {
			return true
		}
		if i == 1 && s == "time" && r[1].Value.Compare(ast.String("gatehouse")) == 0 {
			return true
		}
		next := node.Child(t.Value)
		value, inData := data[string(s)]
		if next == nil {
			return inData
		}
		if len(next.Values) > 0 {
			return true
		}
		node = next
		data, _ = value.(map[string]any)
	}
	return true
}

// reportFields finds fields of a report in a package that judges documents,
// where they would be undefined.
func reportFields(m *ast.Module) []error {
	var errs []error
	seen := map[string]bool{}
	ast.WalkRefs(m, func(r ast.Ref) bool {
		if !r.HasPrefix(ast.InputRootRef) || len(r) < 2 {
			return false
		}
		field, _ := r[1].Value.(ast.String)
		switch field {
		case "findings", "coverage":
		case "components":
			// An OpenAPI document has components too, as an object.
			if len(r) > 2 {
				if _, ok := r[2].Value.(ast.String); ok {
					return false
				}
			}
		default:
			return false
		}
		if !seen[string(field)] {
			seen[string(field)] = true
			loc := r[0].Location
			if loc == nil {
				loc = m.Package.Location
			}
			errs = append(errs, fmt.Errorf("%s: input.%s is a field of the report, but package %q judges configuration documents: add \"# METADATA\", \"# custom:\" and \"#   input: report\" above the package line (or \"input: document\" if it is a document field)",
				place(loc), string(field), packagePath(m)))
		}
		return false
	})
	return errs
}

// explainErrors turns errors of OPA into sentences with the next step.
func explainErrors(err error) error {
	var errs ast.Errors
	if !errors.As(err, &errs) {
		return err
	}
	out := make([]error, 0, len(errs))
	for _, e := range errs {
		out = append(out, errors.New(place(e.Location)+": "+explainError(e)))
	}
	return errors.Join(out...)
}

func explainError(e *ast.Error) string {
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok {
		if why, ok := refusedBuiltins[name]; ok {
			return fmt.Sprintf("policies may not call %s: %s", name, why)
		}
		if strings.HasPrefix(name, "data.") {
			return fmt.Sprintf("no policy defines the function %s: give the file that has it, or correct the name", name)
		}
		return fmt.Sprintf("there is no function %s%s", name, nearest.Hint(name, AllowedBuiltins()))
	}
	if name, ok := strings.CutPrefix(e.Message, "deprecated built-in function calls in expression: "); ok {
		return fmt.Sprintf("policies may not call %s: %s", name, refusedBuiltins[name])
	}
	if d, ok := e.Details.(*ast.RefErrInvalidDetail); ok && d.Pos < len(d.Ref) {
		have := strings.Trim(d.Ref[d.Pos].String(), `"`)
		var known []string
		for _, v := range d.OneOf {
			if s, ok := v.(ast.String); ok {
				known = append(known, string(s))
			}
		}
		if len(known) > 0 {
			return fmt.Sprintf("%s: there is no field %q here%s", d.Ref, have, nearest.Hint(have, known))
		}
	}
	if strings.Contains(e.Message, "is recursive") {
		return e.Message + ": Rego has no recursion; use walk, graph.reachable or object paths"
	}
	return e.Message
}
