package pipeline

import (
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// node is an expression of GitHub Actions.
type node struct {
	op    string // "or", "and", "compare", "not", "call", "path", "literal", "index"
	text  string // of a literal: its value; of a call: its name; of a path: its lower-case text; of a compare: the operator
	str   bool   // the literal is a string
	args  []*node
	outer bool // stood in parentheses
}

// fence is one ${{ … }} of a text.
type fence struct {
	text       string // between the braces, trimmed
	start, end int    // bytes of the whole in the text
	root       *node  // nil if it cannot be parsed
}

// fences finds all ${{ … }} of a text.
func fences(text string) []fence {
	var all []fence
	for at := 0; ; {
		i := strings.Index(text[at:], "${{")
		if i < 0 {
			return all
		}
		start := at + i
		end := fenceEnd(text, start+3)
		if end < 0 {
			return all
		}
		inner := strings.TrimSpace(text[start+3 : end])
		all = append(all, fence{text: inner, start: start, end: end + 2, root: parseExpr(inner)})
		at = end + 2
	}
}

// fenceEnd is where the braces close that do not stand in a string.
func fenceEnd(text string, at int) int {
	quoted := false
	for i := at; i+1 < len(text); i++ {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case !quoted && text[i] == '}' && text[i+1] == '}':
			return i
		}
	}
	return -1
}

type exprParser struct {
	text  string
	at    int
	depth int
	bad   bool
}

// parseExpr parses an expression, without braces; nil if it is none.
func parseExpr(text string) *node {
	if len(text) > limits.MaxExpressionBytes {
		return nil
	}
	p := &exprParser{text: text}
	n := p.or()
	p.space()
	if p.bad || p.at != len(p.text) {
		return nil
	}
	return n
}

func (p *exprParser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *exprParser) take(tokens ...string) string {
	p.space()
	for _, t := range tokens {
		if strings.HasPrefix(p.text[p.at:], t) {
			p.at += len(t)
			return t
		}
	}
	return ""
}

func (p *exprParser) fail() *node {
	p.bad = true
	return &node{op: "literal"}
}

func (p *exprParser) or() *node {
	if p.depth++; p.depth > limits.MaxNesting {
		return p.fail()
	}
	defer func() { p.depth-- }()
	n := p.and()
	for !p.bad && p.take("||") != "" {
		n = &node{op: "or", args: []*node{n, p.and()}}
	}
	return n
}

func (p *exprParser) and() *node {
	n := p.compare()
	for !p.bad && p.take("&&") != "" {
		n = &node{op: "and", args: []*node{n, p.compare()}}
	}
	return n
}

func (p *exprParser) compare() *node {
	n := p.unary()
	for !p.bad {
		op := p.take("==", "!=", "<=", ">=", "<", ">")
		if op == "" {
			break
		}
		n = &node{op: "compare", text: op, args: []*node{n, p.unary()}}
	}
	return n
}

func (p *exprParser) unary() *node {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == '!' && !strings.HasPrefix(p.text[p.at:], "!=") {
		p.at++
		if p.depth++; p.depth > limits.MaxNesting {
			return p.fail()
		}
		defer func() { p.depth-- }()
		return &node{op: "not", args: []*node{p.unary()}}
	}
	return p.postfix(p.primary())
}

func (p *exprParser) primary() *node {
	p.space()
	if p.at >= len(p.text) {
		return p.fail()
	}
	c := p.text[p.at]
	switch {
	case c == '(':
		p.at++
		n := p.or()
		if p.take(")") == "" {
			return p.fail()
		}
		n.outer = true
		return n
	case c == '\'':
		return p.quoted()
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		start := p.at
		p.at++
		for p.at < len(p.text) && (isWord(p.text[p.at]) || p.text[p.at] == '.') {
			p.at++
		}
		return &node{op: "literal", text: p.text[start:p.at]}
	case isWord(c):
		return p.name()
	}
	return p.fail()
}

func (p *exprParser) quoted() *node {
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		if p.text[p.at] != '\'' {
			b.WriteByte(p.text[p.at])
			continue
		}
		if p.at+1 < len(p.text) && p.text[p.at+1] == '\'' {
			b.WriteByte('\'')
			p.at++
			continue
		}
		p.at++
		return &node{op: "literal", text: b.String(), str: true}
	}
	return p.fail()
}

func (p *exprParser) name() *node {
	start := p.at
	for p.at < len(p.text) && isWord(p.text[p.at]) {
		p.at++
	}
	name := strings.ToLower(p.text[start:p.at])
	switch name {
	case "true", "false", "null", "nan", "infinity":
		return &node{op: "literal", text: name}
	}
	if p.take("(") == "" {
		return &node{op: "path", text: name}
	}
	call := &node{op: "call", text: name}
	if p.take(")") != "" {
		return call
	}
	for !p.bad {
		call.args = append(call.args, p.or())
		if p.take(",") != "" {
			continue
		}
		if p.take(")") == "" {
			return p.fail()
		}
		break
	}
	return call
}

// postfix reads .name, .* and [index] behind a value. A literal index is as
// good as a name.
func (p *exprParser) postfix(n *node) *node {
	for !p.bad {
		switch p.take(".", "[") {
		case ".":
			p.space()
			start := p.at
			if p.at < len(p.text) && p.text[p.at] == '*' {
				p.at++
			} else {
				for p.at < len(p.text) && isWord(p.text[p.at]) {
					p.at++
				}
			}
			if start == p.at {
				return p.fail()
			}
			n = member(n, strings.ToLower(p.text[start:p.at]))
		case "[":
			if p.take("*") != "" {
				n = member(n, "*")
			} else {
				index := p.or()
				if index.op == "literal" {
					n = member(n, strings.ToLower(index.text))
				} else {
					n = &node{op: "index", args: []*node{n, index}}
				}
			}
			if p.take("]") == "" {
				return p.fail()
			}
		default:
			return n
		}
	}
	return n
}

func member(n *node, name string) *node {
	if n.op == "path" {
		return &node{op: "path", text: n.text + "." + name}
	}
	return &node{op: "index", args: []*node{n, {op: "literal", text: name, str: true}}}
}

func isWord(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// visit calls f for the node and all below it.
func (n *node) visit(f func(*node)) {
	if n == nil {
		return
	}
	f(n)
	for _, a := range n.args {
		a.visit(f)
	}
}

// flows are the contexts whose text can stand in the result: not those that
// are only compared or counted.
func (n *node) flows() []string {
	if n == nil {
		return nil
	}
	var all []string
	switch n.op {
	case "path":
		all = []string{n.text}
	case "or":
		all = append(n.args[0].flows(), n.args[1].flows()...)
	case "and":
		// The left side is the result only if it is false or empty.
		all = n.args[1].flows()
	case "index":
		if inner := n.args[0]; inner.op == "call" && (inner.text == "fromjson") || inner.op == "index" {
			all = inner.flows()
		} else {
			for _, name := range inner.flows() {
				all = append(all, name+".*")
			}
		}
	case "call":
		switch n.text {
		case "contains", "startswith", "endswith", "hashfiles", "success", "failure", "always", "cancelled":
		default:
			for _, a := range n.args {
				for _, name := range a.flows() {
					if n.text == "tojson" || n.text == "join" && !strings.Contains(name, "*") {
						name += ".*"
					}
					all = append(all, name)
				}
			}
		}
	}
	return all
}

// constant reports whether the expression has no context and so always has the
// same value.
func (n *node) constant() bool {
	ok := n != nil
	n.visit(func(c *node) {
		if c.op == "path" {
			ok = false
		}
		if c.op == "call" {
			switch c.text {
			case "format", "contains", "startswith", "endswith", "fromjson", "tojson", "join":
			default:
				ok = false
			}
		}
	})
	return ok
}
