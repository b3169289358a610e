package arm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// unknown is a value that only the deployment knows.
type unknown struct {
	typ string // "string", "bool", "int", "array", "object"
	// parameter is the one without a value that it depends on; may be empty.
	parameter string
}

// The bounds of an evaluation. Azure refuses expressions over 24,576
// characters (Azure subscription limits, "ARM templates").
const (
	maxExpression = 24_576
	maxDepth      = 100
	maxSteps      = 10_000
	maxText       = 128 << 10
	maxParts      = 200_000 // of all properties that expressions make
)

// scope is what expressions of a template refer to.
type scope struct {
	parametersNode, variablesNode *yaml.Node
	parameters, variables         map[string]*yaml.Node // by name in lower case
	given                         map[string]any
	done                          map[string]any // evaluated parameters and variables
	depth, steps                  int
}

func newScope(parameters, variables *yaml.Node, given map[string]any) *scope {
	s := &scope{parametersNode: parameters, variablesNode: variables, given: given,
		parameters: map[string]*yaml.Node{}, variables: map[string]*yaml.Node{}, done: map[string]any{}}
	each(parameters, func(name string, v *yaml.Node) { s.parameters[strings.ToLower(name)] = v })
	each(variables, func(name string, v *yaml.Node) { s.variables[strings.ToLower(name)] = v })
	return s
}

// value evaluates a node with all expressions in it.
func (s *scope) value(n *yaml.Node) any {
	if s.depth++; s.depth > maxDepth {
		s.depth--
		return unknown{typ: "string"}
	}
	defer func() { s.depth-- }()
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		each(n, func(name string, v *yaml.Node) { m[name] = s.value(v) })
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range members(n) {
			list = append(list, s.value(c))
		}
		return list
	}
	switch n.ShortTag() {
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		return number(n.Value)
	case "!!null":
		return nil
	}
	return s.text(n.Value)
}

// text evaluates a string, which is an expression if it stands in brackets.
func (s *scope) text(text string) any {
	if !strings.HasPrefix(text, "[") || !strings.HasSuffix(text, "]") {
		return text
	}
	if strings.HasPrefix(text, "[[") {
		return text[1:]
	}
	if len(text) > maxExpression {
		return unknown{typ: "string"}
	}
	p := &parser{scope: s, text: text[1 : len(text)-1]}
	v, err := p.expression()
	if err != nil || strings.TrimSpace(p.text) != "" {
		return unknown{typ: "string"}
	}
	return v
}

// name is a name as it is known, or as it is written.
func (s *scope) name(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if v, ok := s.value(n).(string); ok {
		return v
	}
	return n.Value
}

func (s *scope) parameter(name string) any {
	name = strings.ToLower(name)
	if v, ok := s.given[name]; ok {
		return v
	}
	p := s.parameters[name]
	if p == nil {
		return unknown{typ: "string", parameter: name}
	}
	def := document.Get(p, "defaultValue")
	typ := strings.ToLower(document.String(p, "type"))
	if def == nil {
		switch typ {
		case "securestring", "secureobject":
			// A secret is not meant to be in a file.
			return unknown{typ: strings.TrimPrefix(typ, "secure")}
		}
		return unknown{typ: typ, parameter: name}
	}
	return s.once("p:"+name, def)
}

func (s *scope) variable(name string) any {
	v := s.variables[strings.ToLower(name)]
	if v == nil {
		return unknown{typ: "string"}
	}
	return s.once("v:"+strings.ToLower(name), v)
}

func (s *scope) once(key string, n *yaml.Node) any {
	if v, ok := s.done[key]; ok {
		return v
	}
	s.done[key] = unknown{typ: "string"} // if it refers to itself
	v := s.value(n)
	s.done[key] = v
	return v
}

// parser evaluates an expression while it reads it.
type parser struct {
	*scope
	text string
}

var errSyntax = errors.New("syntax")

func (p *parser) expression() (any, error) {
	if p.steps++; p.steps > maxSteps {
		return nil, errSyntax
	}
	if p.depth++; p.depth > maxDepth {
		p.depth--
		return nil, errSyntax
	}
	defer func() { p.depth-- }()
	p.space()
	v, err := p.primary()
	for err == nil {
		p.space()
		switch {
		case strings.HasPrefix(p.text, "."):
			p.text = p.text[1:]
			p.space()
			v = field(v, p.identifier())
		case strings.HasPrefix(p.text, "["):
			p.text = p.text[1:]
			var index any
			if index, err = p.expression(); err == nil && !p.take("]") {
				err = errSyntax
			}
			v = field(v, index)
		default:
			return v, nil
		}
	}
	return nil, err
}

func (p *parser) primary() (any, error) {
	switch {
	case p.text == "":
		return nil, errSyntax
	case p.text[0] == '\'':
		var b strings.Builder
		for i := 1; i < len(p.text); i++ {
			if p.text[i] != '\'' {
				b.WriteByte(p.text[i])
				continue
			}
			if i+1 < len(p.text) && p.text[i+1] == '\'' {
				b.WriteByte('\'')
				i++
				continue
			}
			p.text = p.text[i+1:]
			return b.String(), nil
		}
		return nil, errSyntax
	case p.text[0] == '-' || p.text[0] >= '0' && p.text[0] <= '9':
		end := 1
		for end < len(p.text) && p.text[end] >= '0' && p.text[end] <= '9' {
			end++
		}
		n, err := strconv.ParseInt(p.text[:end], 10, 64)
		p.text = p.text[end:]
		return n, err
	}
	name := p.identifier()
	if name == "" {
		return nil, errSyntax
	}
	if strings.HasPrefix(p.text, ".") && p.namespace() {
		name = p.identifier() // of a user's namespace
		if name == "" {
			return nil, errSyntax
		}
	}
	if !p.take("(") {
		return nil, errSyntax
	}
	var args []any
	for !p.take(")") {
		if len(args) > 0 && !p.take(",") {
			return nil, errSyntax
		}
		arg, err := p.expression()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return p.call(strings.ToLower(name), args), nil
}

// namespace takes the dot before the function of a namespace.
func (p *parser) namespace() bool {
	p.text = p.text[1:]
	return true
}

func (p *parser) identifier() string {
	end := 0
	for end < len(p.text) && (p.text[end] == '_' || p.text[end] == '$' || p.text[end] >= '0' && p.text[end] <= '9' || p.text[end] >= 'a' && p.text[end] <= 'z' || p.text[end] >= 'A' && p.text[end] <= 'Z') {
		end++
	}
	id := p.text[:end]
	p.text = p.text[end:]
	return id
}

func (p *parser) space() { p.text = strings.TrimLeft(p.text, " \t\r\n") }

func (p *parser) take(token string) bool {
	p.space()
	rest, ok := strings.CutPrefix(p.text, token)
	if ok {
		p.text = rest
	}
	return ok
}

// field is a member of an object, or an element of a list.
func field(v, key any) any {
	if u, ok := key.(unknown); ok {
		return unknown{typ: "string", parameter: u.parameter}
	}
	switch v := v.(type) {
	case map[string]any:
		name, _ := key.(string)
		if e, ok := v[name]; ok {
			return e
		}
		for k, e := range v {
			if strings.EqualFold(k, name) {
				return e
			}
		}
	case []any:
		if i, ok := key.(int64); ok && i >= 0 && int(i) < len(v) {
			return v[i]
		}
	case unknown:
		return unknown{typ: "string", parameter: v.parameter}
	}
	return unknown{typ: "string"}
}

// call evaluates a function
// (https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions).
func (p *parser) call(name string, args []any) any {
	first := func(i int) any {
		if i < len(args) {
			return args[i]
		}
		return nil
	}
	switch name {
	case "parameters":
		if s, ok := first(0).(string); ok {
			return p.parameter(s)
		}
	case "variables":
		if s, ok := first(0).(string); ok {
			return p.variable(s)
		}
	case "if":
		if len(args) == 3 {
			if c, ok := args[0].(bool); ok {
				if c {
					return args[1]
				}
				return args[2]
			}
			return undecided(args[0], args[1])
		}
	case "createobject":
		m := map[string]any{}
		for i := 0; i+1 < len(args); i += 2 {
			m[fmt.Sprint(args[i])] = args[i+1]
		}
		return m
	case "createarray":
		return append([]any{}, args...)
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	case "copyindex":
		return int64(0)
	case "resourceid", "subscriptionresourceid", "extensionresourceid", "tenantresourceid", "resourcegroup", "subscription", "deployment", "environment", "uniquestring", "guid", "newguid", "reference", "utcnow", "managementgroup", "tenant":
		return unknown{typ: "string"}
	}
	for _, a := range args {
		if u, ok := a.(unknown); ok {
			return unknown{typ: resultType(name), parameter: u.parameter}
		}
	}
	if v, ok := pure(name, args); ok {
		return v
	}
	return unknown{typ: resultType(name)}
}

// undecided is one of two values, of which it is not known which.
func undecided(condition, value any) any {
	u, _ := condition.(unknown)
	typ := "string"
	switch v := value.(type) {
	case bool:
		typ = "bool"
	case int64:
		typ = "int"
	case []any:
		typ = "array"
	case map[string]any:
		typ = "object"
	case unknown:
		typ = v.typ
	}
	return unknown{typ: typ, parameter: u.parameter}
}

func resultType(function string) string {
	switch function {
	case "equals", "not", "and", "or", "bool", "contains", "empty", "less", "lessorequals", "greater", "greaterorequals", "startswith", "endswith":
		return "bool"
	case "int", "length", "add", "sub", "mul", "div", "mod", "min", "max", "indexof":
		return "int"
	case "array", "split", "union", "range", "skip", "take":
		return "array"
	}
	return "string"
}

// pure evaluates a function of known values.
func pure(name string, args []any) (any, bool) {
	text := func(i int) string {
		if i < len(args) {
			if s, ok := args[i].(string); ok {
				return s
			}
			switch args[i].(type) {
			case bool, int64:
				return fmt.Sprint(args[i])
			}
		}
		return ""
	}
	switch name {
	case "concat":
		if len(args) > 0 {
			if _, ok := args[0].([]any); ok {
				var all []any
				for _, a := range args {
					list, _ := a.([]any)
					all = append(all, list...)
				}
				return all, len(all) < maxSteps
			}
		}
		var b strings.Builder
		for i := range args {
			if b.WriteString(text(i)); b.Len() > maxText {
				return nil, false
			}
		}
		return b.String(), true
	case "format":
		out := text(0)
		for i := 1; i < len(args); i++ {
			if out = strings.ReplaceAll(out, fmt.Sprintf("{%d}", i-1), text(i)); len(out) > maxText {
				return nil, false
			}
		}
		return out, true
	case "tolower":
		return strings.ToLower(text(0)), true
	case "toupper":
		return strings.ToUpper(text(0)), true
	case "trim":
		return strings.TrimSpace(text(0)), true
	case "string":
		return text(0), len(args) == 1
	case "int":
		n, err := strconv.ParseInt(text(0), 10, 64)
		return n, err == nil
	case "bool":
		b, err := strconv.ParseBool(strings.ToLower(text(0)))
		return b, err == nil
	case "equals":
		if len(args) == 2 {
			a, b := text(0), text(1)
			if (a != "" || b != "") && (args[0] != nil && args[1] != nil) {
				return strings.EqualFold(a, b), true
			}
		}
	case "not":
		b, ok := bool1(args, 0)
		return !b, ok
	case "and", "or":
		for i := range args {
			b, ok := bool1(args, i)
			if !ok {
				return nil, false
			}
			if b == (name == "or") {
				return b, true
			}
		}
		return name == "and", true
	case "empty":
		if len(args) == 1 {
			switch v := args[0].(type) {
			case nil:
				return true, true
			case string:
				return v == "", true
			case []any:
				return len(v) == 0, true
			case map[string]any:
				return len(v) == 0, true
			}
		}
	case "coalesce":
		for _, a := range args {
			if a != nil {
				return a, true
			}
		}
	}
	return nil, false
}

func bool1(args []any, i int) (value, ok bool) {
	if i >= len(args) {
		return false, false
	}
	value, ok = args[i].(bool)
	return value, ok
}
