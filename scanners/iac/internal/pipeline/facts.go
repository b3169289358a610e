package pipeline

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// expressions notes all expressions below a node.
func (g *github) expressions(n *yaml.Node) {
	if n == nil {
		return
	}
	n = document.Resolve(n)
	if n.Kind != yaml.ScalarNode {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				continue
			}
			g.expressions(c)
		}
		return
	}
	lines := countLines(n)
	for _, f := range fences(n.Value) {
		g.expression(lines.lineOf(f.start), f.text, f.root)
	}
}

func (g *github) expression(line int, text string, root *node) {
	e := Expression{Line: line, Text: text, Job: g.job, Contexts: []string{}, Facts: []string{}}
	if root == nil {
		g.Gaps = append(g.Gaps, Gap{Line: line, Reason: "an expression could not be parsed, so it was not judged"})
		return
	}
	fact := func(s string) { e.Facts = append(e.Facts, s) }
	root.visit(func(n *node) {
		switch {
		case n.op == "path":
			e.Contexts = append(e.Contexts, n.text)
		case n.op == "call" && n.text == "tojson" && len(n.args) == 1 && (n.args[0].text == "secrets" || n.args[0].text == "secrets.*"):
			fact("all-secrets")
		case n.op == "index" && n.args[0].op == "path" && n.args[0].text == "secrets" && n.args[1].op != "literal":
			fact("all-secrets")
		case n.op == "call" && n.text == "fromjson" && len(n.args) == 1:
			for _, c := range n.args[0].flows() {
				if strings.HasPrefix(c, "secrets.") {
					fact("parsed-secret")
				}
			}
		case n.op == "call" && n.text == "contains" && len(n.args) == 2 && n.args[0].op == "literal" && n.args[0].str:
			for _, c := range n.args[1].flows() {
				if choosable(c) {
					fact("contains")
				} else {
					fact("contains-safe")
				}
			}
		case n.op == "or" && falsyMiddle(n.args[0]):
			fact("ternary")
		}
		if n.op != "literal" && n.constant() && n.text != "fromjson" {
			fact("constant")
		}
		if n.op == "index" && n.args[1].op == "call" {
			fact("computed-index")
		}
	})
	if root.op == "literal" {
		fact("literal")
	}
	secret := slices.ContainsFunc(e.Contexts, func(c string) bool { return strings.HasPrefix(c, "secrets") })
	if len(e.Facts) > 0 || secret {
		g.Expressions = append(g.Expressions, e)
	}
}

// falsyMiddle reports whether n is a && b with a b that is always false, so
// that a && b || c is always c.
func falsyMiddle(n *node) bool {
	if n.op != "and" {
		return false
	}
	m := n.args[1]
	return m.op == "literal" && (m.text == "" || !m.str && (m.text == "false" || m.text == "null" || m.text == "0"))
}

// choosable reports whether somebody who starts a workflow chooses the text.
func choosable(context string) bool {
	switch context {
	case "github.actor", "github.triggering_actor", "github.ref", "github.ref_name", "github.head_ref", "github.base_ref":
		return true
	}
	first, _, _ := strings.Cut(context, ".")
	return first == "env" || first == "inputs" || strings.HasPrefix(context, "github.event.")
}

// condition notes the condition of a job or step.
func (g *github) condition(n *yaml.Node) {
	e, ok := find(n, "if")
	if !ok || text(e.value) == "" {
		return
	}
	value := e.value.Value
	c := Condition{Line: max(e.value.Line, e.line), Text: strings.TrimSpace(value), Bots: []Bot{}}
	all := fences(value)
	var roots []*node
	if len(all) == 0 {
		root := parseExpr(strings.TrimSpace(value))
		g.expression(lineAt(e.value, 0), strings.TrimSpace(value), root)
		roots = append(roots, root)
	}
	lines := countLines(e.value)
	for _, f := range all {
		g.expression(lines.lineOf(f.start), f.text, f.root)
		roots = append(roots, f.root)
		// With text beside it, even if it is only the end of a line, the
		// value is text that is not empty, and so true.
		if f.start != 0 || f.end != len(value) {
			c.Always = true
		}
	}
	for _, r := range roots {
		bots(r, true, &c.Bots)
	}
	g.Conditions = append(g.Conditions, c)
}

// bots finds comparisons of who acts with a bot. decides says whether the
// whole is true when this part is.
func bots(n *node, decides bool, out *[]Bot) {
	if n == nil {
		return
	}
	switch n.op {
	case "compare":
		if n.text != "==" {
			return
		}
		for i, a := range n.args {
			other := n.args[1-i]
			if a.op != "path" || other.op != "literal" {
				continue
			}
			switch a.text {
			case "github.actor", "github.triggering_actor", "github.event.sender.login", "github.event.pull_request.sender.login":
				if strings.HasSuffix(strings.ToLower(other.text), "[bot]") {
					*out = append(*out, Bot{Context: a.text, Decides: decides})
				}
			case "github.actor_id", "github.event.sender.id", "github.event.pull_request.sender.id":
				if botIDs[other.text] {
					*out = append(*out, Bot{Context: a.text, Decides: decides})
				}
			}
		}
	case "and":
		// One side more is asked for, but a bot's name guards nothing there
		// either.
		bots(n.args[0], decides, out)
		bots(n.args[1], decides, out)
	case "or":
		bots(n.args[0], decides, out)
		bots(n.args[1], decides, out)
	}
}

// botIDs are the numbers of well-known bots: Dependabot (two), GitHub Actions, Renovate.
var botIDs = map[string]bool{"49699333": true, "27856297": true, "29110": true, "41898282": true, "29139614": true}

// injections are the expressions that become part of a script.
func (g *github) injections(n *yaml.Node, where string, env *scope) []Injection {
	all := []Injection{}
	n = document.Resolve(n)
	if n.Kind != yaml.ScalarNode {
		return all
	}
	lines := countLines(n)
	trace := &trace{github: g, env: env, known: map[string]source{}}
	for _, f := range fences(n.Value) {
		line := lines.lineOf(f.start)
		seen := map[string]bool{}
		for _, name := range f.root.flows() {
			from := trace.of(name)
			if from.taint != taintNone && !seen[from.name] {
				seen[from.name] = true
				all = append(all, Injection{Line: line, Name: from.name, Taint: from.taint, Where: where})
			}
		}
	}
	return all
}

// source is a context and who chooses its text.
type source struct{ name, taint string }

// trace follows variables and the matrix to where their values come from.
type trace struct {
	*github
	env   *scope
	known map[string]source
}

func (t *trace) of(name string) source {
	if s, ok := t.known[name]; ok {
		return s
	}
	s := source{name, taintGitHub(name)}
	if s.taint == taintInput && t.closed[strings.TrimPrefix(strings.TrimPrefix(name, "github.event."), "inputs.")] {
		s.taint = taintNone
	}
	t.known[name] = s // until it is known, as values may go in circles
	first, rest, _ := strings.Cut(name, ".")
	var values []string
	known := false
	switch first {
	case "env":
		var v string
		v, known = t.env.value(rest)
		values = []string{v}
	case "matrix":
		values, known = t.matrix[rest]
	}
	if !known {
		return s
	}
	worst := source{name, taintNone}
	for _, v := range values {
		for _, f := range fences(v) {
			for _, inner := range f.root.flows() {
				if n := t.of(inner); n.taint != taintNone && (worst.taint == taintNone || n.taint == taintOutsider) {
					worst = n
				}
			}
		}
	}
	t.known[name] = worst
	return worst
}

// readMatrix notes the values of each dimension. A dimension with a value that is no
// text is known by its members too.
func (g *github) readMatrix(n *yaml.Node) {
	g.matrix = map[string][]string{}
	add := func(e entry) {
		name := strings.ToLower(e.key)
		if e.value.Kind == yaml.ScalarNode {
			g.matrix[name] = append(g.matrix[name], text(e.value))
			return
		}
		for _, i := range items(e.value) {
			g.members(name, i, 0)
		}
	}
	for _, e := range entries(n) {
		switch e.key {
		case "include":
			for _, i := range items(e.value) {
				for _, inner := range entries(i) {
					g.members(strings.ToLower(inner.key), inner.value, 0)
				}
			}
		case "exclude":
		default:
			add(e)
		}
	}
	// What is excluded can only take away whole combinations.
	for _, i := range items(get(n, "exclude")) {
		g.exclude(n, i)
	}
}

// exclude takes a value away that every combination with it is excluded for.
func (g *github) exclude(matrix, one *yaml.Node) {
	all := entries(one)
	if len(all) != 1 {
		return
	}
	name, value := strings.ToLower(all[0].key), text(all[0].value)
	if get(matrix, "include") != nil || value == "" {
		return
	}
	var kept []string
	for _, v := range g.matrix[name] {
		if v != value {
			kept = append(kept, v)
		}
	}
	g.matrix[name] = kept
}

func (g *github) members(name string, n *yaml.Node, depth int) {
	if n.Kind == yaml.ScalarNode {
		g.matrix[name] = append(g.matrix[name], n.Value)
		return
	}
	if depth > 4 {
		return
	}
	if n.Kind == yaml.SequenceNode {
		for _, i := range items(n) {
			g.members(name, i, depth+1)
			g.members(name+".*", i, depth+1)
		}
	}
	for _, e := range entries(n) {
		g.members(name+"."+strings.ToLower(e.key), e.value, depth+1)
	}
}

// literals are the texts that stand in an expression and can be its result;
// ok is false if there are others.
func (n *node) literals() (all []string, ok bool) {
	switch n.op {
	case "literal":
		return []string{n.text}, true
	case "or":
		left, ok1 := n.args[0].literals()
		right, ok2 := n.args[1].literals()
		return append(left, right...), ok1 && ok2
	case "and":
		return n.args[1].literals()
	}
	return nil, false
}

// expand gives the values that a text can have if it is one dimension of the
// matrix or a choice between literal values; else the text.
func (g *github) expand(s string) []string {
	f := fences(s)
	if len(f) != 1 || f[0].root == nil {
		return []string{s}
	}
	if choices, ok := f[0].root.literals(); ok {
		var all []string
		for _, c := range choices {
			if c = s[:f[0].start] + c + s[f[0].end:]; c != "" {
				all = append(all, c)
			}
		}
		return all
	}
	if f[0].root.op != "path" {
		return []string{s}
	}
	values := g.matrix[strings.TrimPrefix(f[0].root.text, "matrix.")]
	if !strings.HasPrefix(f[0].root.text, "matrix.") || len(values) == 0 {
		return []string{s}
	}
	var all []string
	for _, v := range values {
		all = append(all, s[:f[0].start]+v+s[f[0].end:])
	}
	return all
}
