package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
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
		name         string
		line, column int
		content      map[string]*value
		text         strings.Builder
	}
	root := &element{content: map[string]*value{}}
	stack := []*element{root}
	line := 0
	dec := xml.NewDecoder(bytes.NewReader(data))
	converted := false
	dec.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		converted = true
		return charsetReader(charset, in)
	}
	for {
		startLine, startColumn := dec.InputPos()
		start := dec.InputOffset()
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		now, _ := dec.InputPos()
		if err != nil {
			reason := "the syntax is wrong, or the encoding is neither UTF-8 nor ISO 8859-1"
			if strings.Contains(err.Error(), "entity") {
				reason = "it uses an entity that XML does not define; those that a document declares are not expanded"
			}
			return nil, invalid("XML", now, reason)
		}
		top := stack[len(stack)-1]
		switch t := tok.(type) {
		case xml.StartElement:
			if len(stack) > limits.MaxNesting {
				return nil, tooDeep("XML", now)
			}
			if line == 0 {
				line = startLine
			}
			e := &element{name: t.Name.Local, line: startLine, column: startColumn, content: map[string]*value{}}
			var tag []byte // unless the offsets are those of another encoding
			if end := dec.InputOffset(); !converted && end <= int64(len(data)) {
				tag = data[start:end]
			}
			places := attributePlaces(tag)
			starts := startsOf(tag)
			seen := make(map[xml.Name]bool, len(t.Attr))
			for i, a := range t.Attr {
				if seen[a.Name] {
					return nil, invalid("XML", now, fmt.Sprintf("the attribute %.100q is given twice", a.Name.Local))
				}
				seen[a.Name] = true
				v := at(startLine, startColumn, a.Value)
				if len(places) == len(t.Attr) {
					line, column := starts.at(places[i])
					if v.line += line - 1; line == 1 {
						column += startColumn - 1
					}
					v.column = column
				}
				e.content["-"+a.Name.Local] = v
			}
			stack = append(stack, e)
		case xml.CharData:
			top.text.Write(t)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
			parent := stack[len(stack)-1]
			addChild(parent.content, top.name, at(top.line, top.column, elementValue(top.content, strings.TrimSpace(top.text.String()))))
		}
	}
	if line == 0 {
		return nil, invalid("XML", 1, "it has no element")
	}
	return []document{{line: line, content: at(line, 1, root.content)}}, nil
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

// attributePlaces are the offsets of the attributes of a tag.
func attributePlaces(tag []byte) []int {
	var places []int
	name := -1
	for i := 0; i < len(tag); i++ {
		switch c := tag[i]; {
		case c == '"' || c == '\'':
			end := bytes.IndexByte(tag[i+1:], c)
			if end < 0 {
				return nil
			}
			if name < 0 {
				return nil
			}
			places, name = append(places, name), -1
			i += end + 1
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if i+1 < len(tag) && !bytes.ContainsRune([]byte(" \t\r\n='\"/>"), rune(tag[i+1])) {
				name = i + 1
			}
		}
	}
	return places
}

func elementValue(content map[string]*value, text string) any {
	if len(content) == 0 {
		return text
	}
	if text != "" {
		content["#content"] = &value{content: text}
	}
	return content
}

// addChild puts a child below its name, in a list if there are several.
func addChild(parent map[string]*value, name string, child *value) {
	have := parent[name]
	if have == nil {
		parent[name] = child
		return
	}
	list, ok := have.content.([]*value)
	if !ok {
		list = []*value{have}
	}
	parent[name] = at(have.line, have.column, append(list, child))
}
