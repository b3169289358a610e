package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// parseXML gives one document in the shape that conftest users know: an
// element without attributes and children is a string; any other is an object
// with attributes as "-name", text as "#content", and children by name, in a
// list if there are several of one name. Name spaces are dropped, external
// entities are never read.
func parseXML(data []byte) ([]document, error) {
	type element struct {
		name    string
		content map[string]any
		text    strings.Builder
	}
	root := &element{content: map[string]any{}}
	stack := []*element{root}
	line := 0
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = charsetReader
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		at, _ := dec.InputPos()
		if err != nil {
			return nil, invalid("XML", at, "the syntax is wrong, or the encoding is neither UTF-8 nor ISO 8859-1")
		}
		top := stack[len(stack)-1]
		switch t := tok.(type) {
		case xml.StartElement:
			if len(stack) > limits.MaxNesting {
				return nil, tooDeep("XML", at)
			}
			if line == 0 {
				line = at
			}
			e := &element{name: t.Name.Local, content: map[string]any{}}
			for _, a := range t.Attr {
				e.content["-"+a.Name.Local] = a.Value
			}
			stack = append(stack, e)
		case xml.CharData:
			top.text.Write(t)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
			parent := stack[len(stack)-1]
			addChild(parent.content, top.name, elementValue(top.content, strings.TrimSpace(top.text.String())))
		}
	}
	if line == 0 {
		return nil, invalid("XML", 1, "it has no element")
	}
	return []document{{line: line, content: root.content}}, nil
}

// charsetReader reads what is UTF-8 but says otherwise, and ISO 8859-1.
func charsetReader(charset string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii", "utf8":
		return in, nil
	case "iso-8859-1", "latin1":
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		out := make([]byte, 0, len(data))
		for _, b := range data {
			out = utf8.AppendRune(out, rune(b))
		}
		return bytes.NewReader(out), nil
	}
	return nil, errors.New("unsupported encoding")
}

func elementValue(content map[string]any, text string) any {
	if len(content) == 0 {
		return text
	}
	if text != "" {
		content["#content"] = text
	}
	return content
}

// several are children of one name.
type several []any

func addChild(parent map[string]any, name string, value any) {
	switch have := parent[name].(type) {
	case nil:
		parent[name] = value
	case several:
		parent[name] = append(have, value)
	default:
		parent[name] = several{have, value}
	}
}
