package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/tmccombs/hcl2json/convert"
)

// parseHCL gives one document in the shape of hcl2json: a block is an object
// in a list below its type and labels, and an expression is a string "${…}".
func parseHCL(data []byte) ([]document, error) {
	if err := checkNesting("HCL", data); err != nil {
		return nil, err
	}
	file, diags := hclsyntax.ParseConfig(data, "", hcl.Pos{Line: 1, Column: 1})
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			line := 0
			if d.Subject != nil {
				line = d.Subject.Start.Line
			}
			return nil, invalid("HCL", line, d.Summary)
		}
	}
	out, err := convert.File(file, convert.Options{})
	if err != nil {
		return nil, invalid("HCL", 0, "it has no form in JSON, as when a block is given both with and without labels")
	}
	content, err := decodeJSON(out)
	if err != nil {
		return nil, fmt.Errorf("convert HCL: the result is not JSON")
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		places := hclPlaces{startsOf(data), map[*value]int{}}
		places.body(body, content)
	}
	return []document{{line: 1, content: content}}, nil
}

// hclPlaces gives values the places of the syntax that they come from.
type hclPlaces struct {
	starts lineStarts
	// next counts the blocks of a list that have their place.
	next map[*value]int
}

func (p *hclPlaces) set(v *value, at hcl.Pos) { v.line, v.column = p.starts.at(at.Byte) }

func (p *hclPlaces) body(b *hclsyntax.Body, v *value) {
	object, ok := v.content.(map[string]*value)
	if !ok {
		return
	}
	for name, a := range b.Attributes {
		if e := object[name]; e != nil {
			p.expression(a.Expr, e, a.NameRange.Start)
		}
	}
	for _, block := range b.Blocks {
		list := object[block.Type]
		for _, label := range block.Labels {
			if list == nil {
				break
			}
			if list.line == 0 {
				p.set(list, block.TypeRange.Start)
			}
			in, _ := list.content.(map[string]*value)
			list = in[label]
		}
		if list == nil {
			continue
		}
		if list.line == 0 {
			p.set(list, block.TypeRange.Start)
		}
		items, _ := list.content.([]*value)
		if i := p.next[list]; i < len(items) {
			p.next[list]++
			p.set(items[i], block.TypeRange.Start)
			p.body(block.Body, items[i])
		}
	}
}

// expression places the value of an expression that belongs to a key.
func (p *hclPlaces) expression(e hclsyntax.Expression, v *value, key hcl.Pos) {
	p.set(v, e.Range().Start)
	switch content := v.content.(type) {
	case map[string]*value:
		p.set(v, key)
		if e, ok := e.(*hclsyntax.ObjectConsExpr); ok && len(e.Items) == len(content) {
			p.items(e, content)
		}
	case []*value:
		p.set(v, key)
		if e, ok := e.(*hclsyntax.TupleConsExpr); ok && len(e.Exprs) == len(content) {
			for i, item := range e.Exprs {
				p.expression(item, content[i], item.Range().Start)
			}
		}
	}
}

func (p *hclPlaces) items(e *hclsyntax.ObjectConsExpr, object map[string]*value) {
	for _, item := range e.Items {
		name := hcl.ExprAsKeyword(item.KeyExpr)
		if name == "" {
			if v, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && v.Type().FriendlyName() == "string" && !v.IsNull() {
				name = v.AsString()
			}
		}
		if v := object[name]; v != nil {
			p.expression(item.ValueExpr, v, item.KeyExpr.Range().Start)
		}
	}
}
