package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"go.yaml.in/yaml/v3"
)

// parseJSON reads JSON values, one behind the other as kubectl takes them. Not all
// JSON is YAML (surrogate pairs, for example), so it has a reader of its own. If
// there is an error, the values before it are returned too.
func parseJSON(data []byte) ([]*yaml.Node, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	r := jsonReader{dec: dec, data: data, line: 1}
	var values []*yaml.Node
	for {
		n, err := r.value(0)
		switch {
		case errors.Is(err, io.EOF) && len(values) > 0:
			return values, nil
		case err != nil && len(values) > 0:
			return values, fmt.Errorf("line %d: behind a value that ends there is no other one: %w", r.at(), err)
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", r.at(), err)
		}
		values = append(values, n)
	}
}

type jsonReader struct {
	dec    *json.Decoder
	data   []byte
	offset int // up to which lines were counted
	line   int // of offset
	nodes  int
}

// at is the line of the token that was read last.
func (r *jsonReader) at() int {
	end := min(int(r.dec.InputOffset()), len(r.data))
	r.line += bytes.Count(r.data[r.offset:end], []byte("\n"))
	r.offset = end
	return r.line
}

func (r *jsonReader) value(level int) (*yaml.Node, error) {
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: r.at()}
	if level > limits.MaxNesting {
		return nil, tooLarge(n, fmt.Sprintf("nests deeper than the limit of %d levels", limits.MaxNesting))
	}
	if r.nodes++; r.nodes > limits.MaxYAMLNodes {
		return nil, tooLarge(n, fmt.Sprintf("has more than the limit of %d nodes", limits.MaxYAMLNodes))
	}
	switch tok := tok.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		if tok == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		for r.dec.More() {
			if n.Kind == yaml.MappingNode {
				key, err := r.dec.Token()
				if err != nil {
					return nil, err
				}
				name, ok := key.(string)
				if !ok {
					return nil, fmt.Errorf("the key %v is not a string", key)
				}
				n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: name, Line: r.at()})
			}
			child, err := r.value(level + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
		if _, err := r.dec.Token(); err != nil { // the closing bracket
			return nil, err
		}
	case string:
		n.Tag, n.Style, n.Value = "!!str", yaml.DoubleQuotedStyle, tok
	case json.Number:
		n.Tag, n.Value = "!!int", tok.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(tok)
	case nil:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}
