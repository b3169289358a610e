package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// parseYAML gives one document for each that is not empty. Plain scalars mean
// what they mean to Kubernetes and conftest, which follow YAML 1.1: yes, no,
// on, off, y and n are booleans. Keys that are not strings become strings, so
// the key "on" of a GitHub workflow is "true". Custom tags, such as !Ref, are
// dropped and their value stays.
func parseYAML(data []byte) ([]document, error) {
	if !utf8.Valid(data) {
		// The parser would take UTF-16 for granted only with a mark.
		if !bytes.HasPrefix(data, []byte("\xff\xfe")) && !bytes.HasPrefix(data, []byte("\xfe\xff")) {
			return nil, invalid("YAML", invalidLine(data), "it is not UTF-8")
		}
	}
	var docs []document
	columns := byteColumns(data)
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for index := 0; ; index++ {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, yamlError(err)
		}
		if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
			continue
		}
		root := n.Content[0]
		if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
			continue
		}
		c := yamlConverter{open: map[*yaml.Node]bool{}, column: columns}
		content, err := c.value(root, 0)
		if err != nil {
			return nil, err
		}
		docs = append(docs, document{index: index, line: max(root.Line, 1), content: content})
	}
}

// byteColumns gives the column of a node in bytes; the parser counts
// characters.
func byteColumns(data []byte) func(*yaml.Node) int {
	if !utf8.Valid(data) || !bytes.ContainsFunc(data, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return func(n *yaml.Node) int { return n.Column }
	}
	starts := startsOf(data)
	const every = 64 // characters between two marks
	marks := map[int][]int{}
	return func(n *yaml.Node) int {
		if n.Line < 1 || n.Line > len(starts) || n.Column < 1 {
			return n.Column
		}
		start := starts[n.Line-1]
		known, ok := marks[n.Line]
		if !ok {
			// Offsets of each 64th character, so that a long line is read once.
			for i, count := start, 0; i < len(data) && data[i] != '\n'; count++ {
				if count%every == 0 {
					known = append(known, i)
				}
				_, size := utf8.DecodeRune(data[i:])
				i += size
			}
			marks[n.Line] = known
		}
		mark := (n.Column - 1) / every
		if mark >= len(known) {
			return n.Column
		}
		at := known[mark]
		for range (n.Column - 1) % every {
			_, size := utf8.DecodeRune(data[at:])
			at += size
		}
		return at - start + 1
	}
}

// invalidLine is the first line that is not UTF-8.
func invalidLine(data []byte) int {
	for line := 1; ; line++ {
		text, rest, more := bytes.Cut(data, []byte("\n"))
		if !utf8.Valid(text) || !more {
			return line
		}
		data = rest
	}
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// yamlError keeps the message of the parser, which names syntax and anchors
// but no values.
func yamlError(err error) error {
	text, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	return invalid("YAML", line, strings.TrimPrefix(text, "yaml: "))
}

// yamlConverter expands one document.
type yamlConverter struct {
	nodes, bytes int
	// open are the anchors that are being expanded.
	open map[*yaml.Node]bool
	// column is that of a node, in bytes.
	column func(*yaml.Node) int
}

func (c *yamlConverter) value(n *yaml.Node, depth int) (*value, error) {
	if c.nodes++; c.nodes > limits.MaxYAMLNodes {
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Line: n.Line, Reason: fmt.Sprintf(
			"the YAML has more than %d values once its aliases are expanded", limits.MaxYAMLNodes)}
	}
	if c.bytes += len(n.Value); c.bytes > 4*limits.MaxYAMLBytes {
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Line: n.Line, Reason: fmt.Sprintf(
			"the YAML has more than %d bytes once its aliases are expanded", 4*limits.MaxYAMLBytes)}
	}
	if depth > limits.MaxNesting {
		return nil, tooDeep("YAML", n.Line)
	}
	switch n.Kind {
	case yaml.AliasNode:
		if c.open[n.Alias] {
			return nil, invalid("YAML", n.Line, "an alias stands within its own anchor")
		}
		c.open[n.Alias] = true
		defer delete(c.open, n.Alias)
		v, err := c.value(n.Alias, depth+1)
		if err != nil {
			return nil, err
		}
		// What is in it stands with the anchor.
		v.line, v.column = n.Line, c.column(n)
		return v, nil
	case yaml.SequenceNode:
		out := make([]*value, len(n.Content))
		for i, item := range n.Content {
			v, err := c.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return at(n.Line, c.column(n), out), nil
	case yaml.MappingNode:
		return c.mapping(n, depth)
	}
	v, err := scalar(n)
	return at(n.Line, c.column(n), v), err
}

func (c *yamlConverter) mapping(n *yaml.Node, depth int) (*value, error) {
	out := make(map[string]*value, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, node := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merges = append(merges, node)
			continue
		}
		name, err := c.key(key)
		if err != nil {
			return nil, err
		}
		if _, ok := out[name]; ok {
			return nil, invalid("YAML", key.Line, fmt.Sprintf("the key %.100q is given twice", name))
		}
		v, err := c.value(node, depth+1)
		if err != nil {
			return nil, err
		}
		if v.content == nil { // an empty value stands nowhere
			v.line, v.column = key.Line, c.column(key)
		}
		member(out, name, key.Line, c.column(key), v)
	}
	// Keys of the mapping itself win, then those of earlier merges.
	for _, m := range merges {
		sources := []*yaml.Node{m}
		if m.Kind == yaml.SequenceNode {
			sources = m.Content
		}
		for _, s := range sources {
			v, err := c.value(s, depth+1)
			if err != nil {
				return nil, err
			}
			merged, ok := v.content.(map[string]*value)
			if !ok {
				return nil, invalid("YAML", s.Line, "a merge key (<<) needs a mapping or a list of mappings")
			}
			for k, v := range merged {
				if _, ok := out[k]; !ok {
					out[k] = v
				}
			}
		}
	}
	return at(n.Line, c.column(n), out), nil
}

func (c *yamlConverter) key(n *yaml.Node) (string, error) {
	c.bytes += len(n.Value)
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return "", invalid("YAML", n.Line, "a key is a list or a mapping, which JSON does not have (or the file is a template)")
	}
	v, err := scalar(n)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case nil:
		return "null", nil
	}
	return fmt.Sprint(v), nil
}

// booleans of YAML 1.1 that YAML 1.2 takes for strings.
var booleans = map[string]bool{
	"y": true, "Y": true, "yes": true, "Yes": true, "YES": true, "on": true, "On": true, "ON": true,
	"n": false, "N": false, "no": false, "No": false, "NO": false, "off": false, "Off": false, "OFF": false,
}

func scalar(n *yaml.Node) (any, error) {
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if plain && n.ShortTag() == "!!str" && n.Style&yaml.TaggedStyle == 0 {
		if b, ok := booleans[n.Value]; ok {
			return b, nil
		}
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool", "!!int", "!!float":
		if b, ok := booleans[n.Value]; ok && n.ShortTag() == "!!bool" {
			return b, nil
		}
		return number(n)
	case "!!binary":
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), ""))
		if err != nil || !utf8.Valid(b) {
			return n.Value, nil
		}
		return string(b), nil
	}
	return n.Value, nil
}

func number(n *yaml.Node) (any, error) {
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, invalid("YAML", n.Line, "the value does not fit its tag "+n.ShortTag())
	}
	f, ok := v.(float64)
	if !ok {
		return v, nil
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, invalid("YAML", n.Line, "JSON has no number for .nan or .inf")
	}
	if i, ok := new(big.Int).SetString(strings.ReplaceAll(n.Value, "_", ""), 10); ok {
		return json.Number(i.String()), nil // too large for 64 bits
	}
	return f, nil
}
