// Package document reads YAML and JSON into trees that remember their lines,
// within the bounds of package limits.
//
// Aliases are counted as if they were written out, so that a small file cannot
// stand for a huge tree.
package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"go.yaml.in/yaml/v3"
)

// Parse reads all documents of a file. Lines are those of the file. If there is
// an error, the documents before it are returned too. Empty documents are left
// out.
func Parse(data []byte) ([]*yaml.Node, error) {
	if len(data) > limits.MaxYAMLBytes {
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge,
			Reason: fmt.Sprintf("%d bytes of YAML or JSON are more than the limit of %d", len(data), limits.MaxYAMLBytes)}
	}
	if isJSON(data) {
		values, err := parseJSON(data)
		if err == nil {
			return values, nil
		}
		// YAML in flow style starts with a brace as well.
		docs, yamlErr := parseYAML(data)
		if yamlErr != nil {
			if len(values) > len(docs) {
				docs = values
			}
			return docs, fmt.Errorf("parse JSON: %w", err)
		}
		return docs, nil
	}
	return parseYAML(data)
}

func isJSON(data []byte) bool {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\uFEFF")), " \t\r\n")
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}

func parseYAML(data []byte) (docs []*yaml.Node, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, fmt.Errorf("parse YAML: %w", err)
		}
		if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
			continue
		}
		root := doc.Content[0]
		if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
			continue
		}
		if err := check(root); err != nil {
			return docs, err
		}
		docs = append(docs, root)
	}
}

// check bounds the size and the depth of a tree whose aliases are written out.
func check(root *yaml.Node) error {
	c := counter{size: map[*yaml.Node]int{}, depth: map[*yaml.Node]int{}}
	return c.visit(root, 0)
}

type counter struct {
	// size and depth of the targets of aliases; -1 while they are visited.
	size, depth map[*yaml.Node]int
	nodes       int // so far
	deepest     int // of what is being visited
}

func (c *counter) visit(n *yaml.Node, level int) error {
	if level > limits.MaxNesting {
		return tooLarge(n, fmt.Sprintf("nests deeper than the limit of %d levels", limits.MaxNesting))
	}
	c.deepest = max(c.deepest, level)
	if n.Kind == yaml.AliasNode {
		return c.visitAlias(n, level)
	}
	if c.nodes++; c.nodes > limits.MaxYAMLNodes {
		return tooLarge(n, fmt.Sprintf("has more than the limit of %d nodes once aliases are written out", limits.MaxYAMLNodes))
	}
	anchored := n.Anchor != ""
	nodes, deepest := c.nodes, c.deepest
	if anchored {
		c.size[n] = -1
		c.deepest = level
	}
	for _, child := range n.Content {
		if err := c.visit(child, level+1); err != nil {
			return err
		}
	}
	if anchored {
		c.size[n] = c.nodes - nodes + 1
		c.depth[n] = c.deepest - level
		c.deepest = max(c.deepest, deepest)
	}
	return nil
}

func (c *counter) visitAlias(n *yaml.Node, level int) error {
	size, seen := c.size[n.Alias]
	if !seen {
		return c.visit(n.Alias, level)
	}
	if size < 0 {
		return &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: n.Line,
			Reason: fmt.Sprintf("the alias %q refers to something that contains it", n.Value)}
	}
	if level+c.depth[n.Alias] > limits.MaxNesting {
		return tooLarge(n, fmt.Sprintf("nests deeper than the limit of %d levels", limits.MaxNesting))
	}
	c.deepest = max(c.deepest, level+c.depth[n.Alias])
	if c.nodes += size; c.nodes > limits.MaxYAMLNodes {
		return tooLarge(n, fmt.Sprintf("has more than the limit of %d nodes once aliases are written out", limits.MaxYAMLNodes))
	}
	return nil
}

func tooLarge(n *yaml.Node, what string) error {
	return &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Line: n.Line, Reason: "the document " + what}
}

// Resolve follows an alias. The tree must have passed [Parse].
func Resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// Get returns the value of a key of a mapping, or nil.
func Get(n *yaml.Node, key string) *yaml.Node {
	n = Resolve(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := Resolve(n.Content[i]); k.Kind == yaml.ScalarNode && k.Value == key {
			return Resolve(n.Content[i+1])
		}
	}
	return nil
}

// String returns the text of a string below the keys, or "".
func String(n *yaml.Node, keys ...string) string {
	for _, k := range keys {
		if n = Get(n, k); n == nil {
			return ""
		}
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	return n.Value
}
