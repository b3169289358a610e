package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// yamlTree decodes the first document, with positions. Aliases stay what they
// are, so that the tree is no larger than its text.
func yamlTree(data []byte) (*yaml.Node, error) {
	if len(data) > limits.MaxYAMLBytes {
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf("%d bytes are more than the limit of %d for YAML", len(data), limits.MaxYAMLBytes)}
	}
	if err := checkNesting(data); err != nil {
		return nil, err
	}
	var doc yaml.Node
	switch err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&doc); {
	case errors.Is(err, io.EOF):
		return &yaml.Node{}, nil
	case err != nil:
		return nil, fmt.Errorf("not valid YAML: %w", err)
	}
	if doc.Kind == yaml.DocumentNode && len(doc.Content) > 0 {
		return doc.Content[0], nil
	}
	return &doc, nil
}

// follow is what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for range 8 {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

// yamlPairs yields the keys and values of a map, those that it merges last;
// nothing for another node.
func yamlPairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(k, v *yaml.Node) bool) { eachPair(n, 0, yield) }
}

func eachPair(n *yaml.Node, depth int, yield func(k, v *yaml.Node) bool) bool {
	n = follow(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > 4 {
		return true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" && !yield(n.Content[i], follow(n.Content[i+1])) {
			return false
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		merged := follow(n.Content[i+1])
		if merged != nil && merged.Kind == yaml.SequenceNode {
			for _, m := range merged.Content[:min(len(merged.Content), 16)] {
				if !eachPair(m, depth+1, yield) {
					return false
				}
			}
			continue
		}
		if !eachPair(merged, depth+1, yield) {
			return false
		}
	}
	return true
}

// yamlField is the value at the path of keys; nil if there is none.
func yamlField(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		var found *yaml.Node
		for k, v := range yamlPairs(n) {
			if k.Value == key {
				found = v
				break
			}
		}
		if n = found; n == nil {
			return nil
		}
	}
	return n
}

// yamlItems yields the items of a list; nothing for another node.
func yamlItems(n *yaml.Node) iter.Seq[*yaml.Node] {
	return func(yield func(*yaml.Node) bool) {
		n := follow(n)
		if n == nil || n.Kind != yaml.SequenceNode {
			return
		}
		for _, item := range n.Content {
			if item = follow(item); item != nil && !yield(item) {
				return
			}
		}
	}
}

// yamlText is a scalar as text, and empty for anything else.
func yamlText(n *yaml.Node) string {
	n = follow(n)
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return strings.TrimSpace(n.Value)
}

func isYAMLMap(n *yaml.Node) bool {
	n = follow(n)
	return n != nil && n.Kind == yaml.MappingNode
}
