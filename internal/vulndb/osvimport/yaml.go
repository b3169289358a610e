package osvimport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// yamlToJSON writes the documents of a YAML file as a JSON list, so that both
// forms are read by the same code. Numbers become text, because a version 4.0
// must not become 4. Aliases are refused: no advisory needs them, and they can
// make a small file endless.
func yamlToJSON(data []byte) ([]byte, error) {
	var out bytes.Buffer
	nodes := limits.MaxYAMLNodes
	out.WriteByte('[')
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for n := 0; ; n++ {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("no valid YAML: %w", err)
		}
		if n > 0 {
			out.WriteByte(',')
		}
		if err := writeNode(&out, &doc, 0, &nodes); err != nil {
			return nil, fmt.Errorf("no valid advisory: %w", err)
		}
	}
	out.WriteByte(']')
	return out.Bytes(), nil
}

func writeNode(out *bytes.Buffer, n *yaml.Node, depth int, left *int) error {
	if *left--; *left < 0 {
		return fmt.Errorf("it has more than %d nodes", limits.MaxYAMLNodes)
	}
	if depth > limits.MaxNesting {
		return fmt.Errorf("line %d: it nests deeper than %d", n.Line, limits.MaxNesting)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) != 1 {
			out.WriteString("null")
			return nil
		}
		return writeNode(out, n.Content[0], depth+1, left)
	case yaml.MappingNode:
		seen := make(map[string]bool, len(n.Content)/2)
		out.WriteByte('{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				out.WriteByte(',')
			}
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || seen[key.Value] {
				return fmt.Errorf("line %d: a key is not a plain text or is there twice", key.Line)
			}
			seen[key.Value] = true
			writeString(out, key.Value)
			out.WriteByte(':')
			if err := writeNode(out, n.Content[i+1], depth+1, left); err != nil {
				return err
			}
		}
		out.WriteByte('}')
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, c := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeNode(out, c, depth+1, left); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			out.WriteString("null")
			return nil
		}
		writeString(out, n.Value)
	case yaml.AliasNode:
		return fmt.Errorf("line %d: it uses an alias", n.Line)
	default:
		out.WriteString("null")
	}
	return nil
}

func writeString(out *bytes.Buffer, s string) {
	b, _ := json.Marshal(s) // a string cannot fail
	out.Write(b)
}
