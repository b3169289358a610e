package checks

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/owenrumney/squealer/pkg/squealer"
	"mvdan.cc/sh/v3/syntax"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// function is a built-in that checks use and OPA does not have.
type function struct {
	name string
	decl *types.Function
	one  rego.Builtin1
	two  rego.Builtin2
}

var secretInString = types.NewObject([]*types.StaticProperty{
	{Key: "transgressionFound", Value: types.B},
	{Key: "description", Value: types.S},
}, nil)

// functions are the built-ins of the checks, in addition to those of OPA.
func functions() []function {
	return []function{
		{name: "result.new", decl: types.NewFunction(types.Args(types.S, types.A), types.A), two: newResult},
		{name: "isManaged", decl: types.NewFunction(types.Args(types.A), types.B), one: isManaged},
		{name: "sh.parse_commands", decl: types.NewFunction(types.Args(types.S), types.NewArray(nil, types.NewArray(nil, types.S))), one: onString(parseCommands)},
		{name: "cidr.count_addresses", decl: types.NewFunction(types.Args(types.S), types.N), one: onString(func(s string) *ast.Term {
			return ast.UIntNumberTerm(countAddresses(s))
		})},
		{name: "cidr.is_public", decl: types.NewFunction(types.Args(types.S), types.B), one: onString(func(s string) *ast.Term {
			return ast.BooleanTerm(isPublic(s))
		})},
		{name: "squealer.scan_string", decl: types.NewFunction(types.Args(types.S), secretInString), one: onString(findSecret)},
	}
}

// option declares the function for one compilation.
func (f function) option() func(*rego.Rego) {
	decl := &rego.Function{Name: f.name, Decl: f.decl}
	if f.two != nil {
		return rego.Function2(decl, f.two)
	}
	return rego.Function1(decl, f.one)
}

func onString(f func(string) *ast.Term) rego.Builtin1 {
	return func(_ rego.BuiltinContext, a *ast.Term) (*ast.Term, error) {
		s, err := builtins.StringOperand(a.Value, 1)
		if err != nil {
			return nil, err
		}
		return f(string(s)), nil
	}
}

// The keys of a cause that say where it is. Dockerfile commands name them
// otherwise.
var causeKeys = [...][2]string{
	{"startline", "StartLine"},
	{"endline", "EndLine"},
	{"filepath", "Path"},
	{"resource", ""},
	{"managed", ""},
}

var metadataKey = ast.StringTerm("__defsec_metadata")

// newResult makes what a check reports from a message and the thing that it
// objects to.
func newResult(_ rego.BuiltinContext, msg, cause *ast.Term) (*ast.Term, error) {
	items := [][2]*ast.Term{ast.Item(ast.StringTerm("msg"), msg)}
	meta := metadata(cause)
	for _, key := range causeKeys {
		if v := get(meta, key[0], key[1]); v != nil {
			items = append(items, ast.Item(ast.StringTerm(key[0]), v))
		}
	}
	if parents := parentPlaces(meta); len(parents) > 0 {
		items = append(items, ast.Item(ast.StringTerm("parents"), ast.ArrayTerm(parents...)))
	}
	if root := rootResource(meta); root != "" {
		items = append(items, ast.Item(ast.StringTerm("root"), ast.StringTerm(root)))
	}
	return ast.ObjectTerm(items...), nil
}

// parentPlaces are the files and lines of what a cause is part of, innermost
// first.
func parentPlaces(meta *ast.Term) []*ast.Term {
	var places []*ast.Term
	for range maxParents {
		if meta = get(meta, "parent", ""); meta == nil {
			break
		}
		file, line := get(meta, "filepath", ""), get(meta, "startline", "")
		if file != nil && line != nil {
			places = append(places, ast.ArrayTerm(file, line))
		}
	}
	return places
}

// maxParents is more than things are ever nested.
const maxParents = 1000

// metadata is where a cause says where it is: in a field of its own, or in the
// cause itself.
func metadata(cause *ast.Term) *ast.Term {
	if m := get(cause, "__defsec_metadata", ""); m != nil {
		return m
	}
	return cause
}

// rootResource is the address of the outermost resource that a cause is part
// of, with the modules that it is in: "module.a.aws_s3_bucket.b".
func rootResource(meta *ast.Term) string {
	resource, modules := "", ""
	for range maxParents {
		if meta == nil {
			break
		}
		if r := get(meta, "resource", ""); r != nil {
			switch s, _ := r.Value.(ast.String); {
			case s == "":
			case strings.HasPrefix(string(s), "module."):
				modules = string(s) + "." + modules
			default:
				resource = string(s)
			}
		}
		meta = get(meta, "parent", "")
	}
	return strings.TrimSuffix(modules+resource, ".")
}

func get(obj *ast.Term, key, otherwise string) *ast.Term {
	o, ok := obj.Value.(ast.Object)
	if !ok {
		return nil
	}
	if v := o.Get(ast.StringTerm(key)); v != nil {
		return v
	}
	if otherwise == "" {
		return nil
	}
	return o.Get(ast.StringTerm(otherwise))
}

// isManaged reports whether a thing is part of the configuration, and not
// merely assumed to exist.
func isManaged(_ rego.BuiltinContext, resource *ast.Term) (*ast.Term, error) {
	if v := get(metadata(resource), "managed", ""); v != nil {
		return v, nil
	}
	return ast.BooleanTerm(true), nil
}

// parseCommands splits a shell script into the commands in it, each a list of
// its words.
func parseCommands(script string) *ast.Term {
	var file *syntax.File
	if !deepShell(script) {
		file, _ = syntax.NewParser().Parse(strings.NewReader(script), "")
	}
	if file == nil {
		return ast.ArrayTerm(roughCommands(script)...)
	}
	printer := syntax.NewPrinter()
	var commands []*ast.Term
	syntax.Walk(file, func(node syntax.Node) bool {
		call, ok := node.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		var words []*ast.Term
		for _, arg := range call.Args {
			var word strings.Builder
			if printer.Print(&word, arg) != nil {
				return true
			}
			words = append(words, ast.StringTerm(word.String()))
		}
		commands = append(commands, ast.ArrayTerm(words...))
		return true
	})
	return ast.ArrayTerm(commands...)
}

// roughCommands splits what is not the shell of POSIX (PowerShell, say) at what
// separates commands in most shells, so that it is looked at all the same.
func roughCommands(script string) []*ast.Term {
	var commands []*ast.Term
	for _, command := range strings.FieldsFunc(script, func(r rune) bool { return strings.ContainsRune("&;|\n()`", r) }) {
		var words []*ast.Term
		for _, word := range strings.Fields(command) {
			words = append(words, ast.StringTerm(word))
		}
		if len(words) > 0 {
			commands = append(commands, ast.ArrayTerm(words...))
		}
	}
	return commands
}

// deepShell reports whether a script may nest so deeply that its parser, which
// is recursive, runs out of stack.
func deepShell(script string) bool {
	depth := 0
	for _, c := range script {
		switch c {
		case '(', '{', '`', '[', '!':
			depth++
		case ')', '}', ']':
			depth--
		}
		if depth > limits.MaxNesting {
			return true
		}
	}
	return strings.Count(script, "if ")+strings.Count(script, "do")+strings.Count(script, "case ") > 10*limits.MaxNesting
}

func findSecret(s string) *ast.Term {
	result := squealer.NewStringScanner().Scan(s)
	return ast.ObjectTerm(
		ast.Item(ast.StringTerm("transgressionFound"), ast.BooleanTerm(result.TransgressionFound)),
		ast.Item(ast.StringTerm("description"), ast.StringTerm(result.Description)),
	)
}
