package terraform

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// jsonBody is the body of a block in JSON syntax. That does not tell a nested
// block from an argument whose value is an object, or a list of objects; only
// the schema of the provider does. So each of them is taken for both: what
// asks for blocks finds them, and so does what asks for arguments.
type jsonBody struct {
	hcl.Body
}

// withNestedBlocks makes the nested blocks of blocks in JSON syntax visible.
func withNestedBlocks(blocks hcl.Blocks) hcl.Blocks {
	for i, b := range blocks {
		switch b.Type {
		case "resource", "data", "provider", "ephemeral":
			copied := *b
			copied.Body = jsonBody{b.Body}
			blocks[i] = &copied
		}
	}
	return blocks
}

// plainMaps are arguments of many resources that are maps of text and no
// blocks in any.
var plainMaps = map[string]bool{"tags": true, "tags_all": true, "labels": true, "annotations": true, "triggers": true}

// PartialContent gives all nested blocks, whatever the schema is. Nothing is
// used up.
func (b jsonBody) PartialContent(*hcl.BodySchema) (*hcl.BodyContent, hcl.Body, hcl.Diagnostics) {
	content := &hcl.BodyContent{MissingItemRange: b.MissingItemRange()}
	attrs, _ := b.Body.JustAttributes()
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		header := hcl.BlockHeaderSchema{Type: name}
		switch name {
		case "dynamic", "provisioner":
			header.LabelNames = []string{"type"}
		default:
			if plainMaps[name] || !holdsObjects(attrs[name].Expr) {
				continue
			}
		}
		nested, _, diags := b.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{header}})
		if nested == nil || diags.HasErrors() {
			continue // an argument after all
		}
		for _, block := range nested.Blocks {
			copied := *block
			copied.Body = jsonBody{block.Body}
			content.Blocks = append(content.Blocks, &copied)
		}
	}
	return content, b, nil
}

// holdsObjects reports whether the value is written as an object, or as a list
// of objects.
func holdsObjects(expr hcl.Expression) bool {
	if _, diags := hcl.ExprMap(expr); !diags.HasErrors() {
		return true
	}
	items, diags := hcl.ExprList(expr)
	if diags.HasErrors() || len(items) == 0 {
		return false
	}
	for _, item := range items {
		if _, diags := hcl.ExprMap(item); diags.HasErrors() {
			return false
		}
	}
	return true
}
