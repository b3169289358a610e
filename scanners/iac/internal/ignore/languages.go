package ignore

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// signs are what each request has in it: a file without any has none.
var signs = [][]byte{[]byte("trivy:"), []byte("tfsec:"), []byte(":skip"), []byte("kics-scan"), []byte("hadolint"), []byte("zizmor"), []byte("gatehouse:ignore"),
	[]byte("checkov"), []byte("bridgecrew")}

func hasSign(data []byte) bool {
	return slices.ContainsFunc(signs, func(s []byte) bool { return bytes.Contains(data, s) })
}

func newText(name string, data []byte) *text {
	return &text{path: name, lines: strings.Split(string(data), "\n"), refused: foreignReason(name), blocks: map[int]int{}}
}

// Terraform reads a file of Terraform. One in JSON has no comments.
func (s *Set) Terraform(name string, data []byte) {
	if strings.HasSuffix(name, ".json") || len(data) > limits.MaxTerraformBytes || !hasSign(data) {
		return
	}
	t := newText(name, data)
	tokens, _ := hclsyntax.LexConfig(data, path.Base(name), hcl.InitialPos)
	for _, tok := range tokens {
		if tok.Type == hclsyntax.TokenComment {
			t.comment(tok.Range.Start.Line, tok.Range.Start.Column, string(tok.Bytes))
		}
	}
	if f, _ := hclsyntax.ParseConfig(data, path.Base(name), hcl.InitialPos); f != nil {
		if body, ok := f.Body.(*hclsyntax.Body); ok {
			for _, b := range body.Blocks {
				t.outer = append(t.outer, lines(hcl.RangeBetween(b.TypeRange, b.CloseBraceRange)))
			}
			t.body(body)
		}
	}
	if len(t.outer) == 0 {
		t.outer = []Range{{}} // a file of Terraform is no resource itself
	}
	s.add(t)
}

func lines(r hcl.Range) Range { return Range{r.Start.Line, r.End.Line} }

// block adds a thing that others can be part of.
func (t *text) block(r Range) { t.blocks[r.First] = max(t.blocks[r.First], r.Last) }

func (t *text) body(b *hclsyntax.Body) {
	for _, a := range b.Attributes {
		t.block(lines(a.SrcRange))
	}
	for _, inner := range b.Blocks {
		// Range is that of the head alone.
		t.block(lines(hcl.RangeBetween(inner.TypeRange, inner.CloseBraceRange)))
		t.body(inner.Body)
	}
}

// comment adds each line of a comment.
func (t *text) comment(line, column int, s string) {
	before := ""
	if line <= len(t.lines) {
		before = t.lines[line-1][:min(column-1, len(t.lines[line-1]))]
	}
	alone := strings.TrimSpace(before) == ""
	for i, l := range strings.Split(strings.TrimRight(s, "\r\n"), "\n") {
		l = strings.TrimLeft(l, " \t#/*")
		t.comments = append(t.comments, comment{line: line + i, text: strings.TrimRight(l, " \t\r"), alone: alone || i > 0})
	}
}

// Dockerfile reads a Dockerfile: comments have lines of their own.
func (s *Set) Dockerfile(name string, data []byte) {
	if !hasSign(data) {
		return
	}
	t := newText(name, data)
	start := 0 // of an instruction that goes on
	for i, l := range t.lines {
		trimmed := strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(trimmed, "#"):
			t.comments = append(t.comments, comment{line: i + 1, text: strings.TrimLeft(trimmed, "# \t"), alone: true})
			continue
		case trimmed == "":
			continue
		case start == 0:
			start = i + 1
		}
		if !strings.HasSuffix(trimmed, `\`) && !strings.HasSuffix(trimmed, "`") {
			t.block(Range{start, i + 1})
			start = 0
		}
	}
	s.add(t)
}

// Jenkinsfile reads a Jenkinsfile.
func (s *Set) Jenkinsfile(name string, data []byte) {
	if !hasSign(data) {
		return
	}
	t := newText(name, data)
	for i, l := range t.lines {
		if at := strings.Index(l, "//"); at >= 0 && (at == 0 || l[at-1] == ' ' || l[at-1] == '\t') {
			t.comment(i+1, at+1, l[at:])
		}
	}
	s.add(t)
}

// YAML reads a file of YAML, with its documents. subchart is true if it is part
// of a chart that another one depends on.
func (s *Set) YAML(name string, data []byte, docs []*yaml.Node, subchart bool) {
	if !hasSign(data) {
		return
	}
	t := newText(name, data)
	if subchart && t.refused == "" {
		t.refused = "it stands in a chart that this one depends on"
	}
	t.yamlComments(docs)
	for _, doc := range docs {
		t.node(doc, 0)
		if resources := document.Get(doc, "Resources"); resources != nil && resources.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(resources.Content); i += 2 {
				t.outer = append(t.outer, Range{resources.Content[i].Line, last(resources.Content[i+1])})
			}
		}
	}
	if len(t.outer) == 0 {
		for _, doc := range docs {
			t.outer = append(t.outer, Range{doc.Line, last(doc)})
		}
	}
	s.add(t)
	var all []*request
	for _, doc := range docs {
		all = append(all, t.annotations(doc, 0)...)
		all = append(all, t.skips(doc)...)
	}
	s.put(name, all)
}

// maxDepth bounds what is looked at; deeper documents are not read at all.
const maxDepth = 200

// last is the last line of a node.
func last(n *yaml.Node) int {
	end := n.Line
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		end += strings.Count(strings.TrimRight(n.Value, "\n"), "\n") + 1
	}
	for _, c := range n.Content {
		end = max(end, last(c))
	}
	return end
}

// node adds the things of which a document is made.
func (t *text) node(n *yaml.Node, depth int) {
	if depth > maxDepth {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			t.block(Range{n.Content[i].Line, last(n.Content[i+1])})
			t.node(n.Content[i+1], depth+1)
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			t.block(Range{c.Line, last(c)})
			t.node(c, depth+1)
		}
	}
}

// yamlComments finds comments, but not in the lines of block scalars.
func (t *text) yamlComments(docs []*yaml.Node) {
	scalar := map[int]bool{}
	var visit func(n *yaml.Node, depth int)
	visit = func(n *yaml.Node, depth int) {
		if n.Kind == yaml.ScalarNode {
			first := n.Line + 1
			for line := first; line <= last(n); line++ {
				scalar[line] = true
			}
		}
		for _, c := range n.Content {
			if depth < maxDepth {
				visit(c, depth+1)
			}
		}
	}
	for _, doc := range docs {
		visit(doc, 0)
	}
	for i, l := range t.lines {
		if scalar[i+1] {
			continue
		}
		if at := hash(l); at >= 0 {
			t.comment(i+1, at+1, l[at:])
		}
	}
}

// hash is where the comment of a line of YAML starts; -1 if there is none.
func hash(l string) int {
	quote := byte(0)
	for i := range len(l) {
		c := l[i]
		switch {
		case quote == '"' && c == '\\':
			// What follows cannot end the string: no quote starts a comment.
			if i+1 < len(l) && l[i+1] == '"' {
				l = l[:i+1] + "x" + l[i+2:]
			}
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && (i == 0 || strings.IndexByte(" \t:[{,-", l[i-1]) >= 0):
			quote = c
		case c == '#' && (i == 0 || l[i-1] == ' ' || l[i-1] == '\t'):
			return i
		}
	}
	return -1
}

// annotations reads checkov.io/skip1: CKV_K8S_20=reason of Kubernetes objects,
// each about the object that has it.
func (t *text) annotations(doc *yaml.Node, depth int) []*request {
	if depth > maxDepth {
		return nil
	}
	var all []*request
	if document.String(doc, "kind") != "" {
		for _, at := range [][]string{{"metadata", "annotations"}, {"spec", "template", "metadata", "annotations"}} {
			all = append(all, t.annotated(doc, get(doc, at...))...)
		}
	}
	if items := document.Get(doc, "items"); items != nil && items.Kind == yaml.SequenceNode {
		for _, item := range items.Content {
			all = append(all, t.annotations(document.Resolve(item), depth+1)...)
		}
	}
	return all
}

func get(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		if n = document.Get(n, k); n == nil {
			return nil
		}
	}
	return n
}

func (t *text) annotated(doc, list *yaml.Node) []*request {
	if list == nil || list.Kind != yaml.MappingNode {
		return nil
	}
	var all []*request
	for i := 0; i+1 < len(list.Content); i += 2 {
		key, value := list.Content[i], document.Resolve(list.Content[i+1])
		prefix, _, ok := strings.Cut(key.Value, ".io/skip")
		if !ok || prefix != "checkov" && prefix != "bridgecrew" {
			continue
		}
		name, reason, ok := strings.Cut(value.Value, "=")
		if !ok {
			name, reason, _ = strings.Cut(value.Value, ":")
		}
		r := t.request(key.Line, "the annotation "+key.Value, strings.TrimSpace(name), reason)
		r.lines = []Range{{doc.Line, last(doc)}}
		all = append(all, r)
	}
	return all
}

// skips reads Metadata.checkov.skip of resources of CloudFormation.
func (t *text) skips(doc *yaml.Node) []*request {
	resources := document.Get(doc, "Resources")
	if resources == nil || resources.Kind != yaml.MappingNode {
		return nil
	}
	var all []*request
	for i := 0; i+1 < len(resources.Content); i += 2 {
		body := document.Resolve(resources.Content[i+1])
		for _, tool := range []string{"checkov", "bridgecrew"} {
			list := get(body, "Metadata", tool, "skip")
			if list == nil {
				continue
			}
			for _, item := range list.Content {
				item = document.Resolve(item)
				r := t.request(item.Line, "the metadata "+tool+".skip", document.String(item, "id"), document.String(item, "comment"))
				r.lines = []Range{{resources.Content[i].Line, last(body)}}
				all = append(all, r)
			}
		}
	}
	return all
}
