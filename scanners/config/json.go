package config

import (
	"bytes"
	"encoding/json"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// parseJSON accepts exactly one value of RFC 8259 and keeps its numbers as
// they are written. A name that an object has twice is an error.
func parseJSON(data []byte) ([]document, error) { return jsonDocument("JSON", data) }

// parseJSONC also accepts comments and commas before a closing bracket.
func parseJSONC(data []byte) ([]document, error) { return jsonDocument("JSONC", plainJSON(data)) }

func jsonDocument(name string, data []byte) ([]document, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	starts := startsOf(data)
	var positions gatehouse.Positions
	line, keyLine, keyColumn := 0, 0, 0
	for n := 0; ; n++ {
		before := int(dec.InputOffset())
		tok, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, jsonError(name, data, err)
		}
		if dec.StackDepth() > limits.MaxNesting {
			return nil, tooDeep(name, lineAt(data, dec.InputOffset()))
		}
		if n > 2*limits.MaxYAMLNodes { // names and values
			return nil, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge,
				Reason: fmt.Sprintf("the %s has more than %d values", name, limits.MaxYAMLNodes)}
		}
		k := tok.Kind()
		if k != '}' && k != ']' {
			valueLine, valueColumn := starts.at(before + len(data[before:]) - len(bytes.TrimLeft(data[before:], " \t\r\n,:")))
			if line == 0 {
				line = valueLine
			}
			depth := dec.StackDepth()
			if k == '{' || k == '[' {
				depth--
			}
			switch in, length := dec.StackIndex(depth); {
			case in == '{' && length%2 == 1: // a name
				keyLine, keyColumn = valueLine, valueColumn
			case in == '{' && (k == '{' || k == '['):
				positions = positions.Append(keyLine, keyColumn)
			default:
				positions = positions.Append(valueLine, valueColumn)
			}
		}
		if dec.StackDepth() == 0 && k != '{' && k != '[' {
			// The value is complete: only white space may follow.
			if rest := bytes.TrimLeft(data[dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
				return nil, invalid(name, lineAt(data, int64(len(data)-len(rest))), "there is something after the value")
			}
		}
	}
	if line == 0 {
		return nil, invalid(name, 1, "it is empty")
	}
	var out bytes.Buffer
	if err := json.Compact(&out, data); err != nil {
		return nil, invalid(name, 0, "it cannot be compacted")
	}
	return []document{{line: line, json: out.Bytes(), positions: positions}}, nil
}

// jsonError says what is wrong without quoting a value.
func jsonError(name string, data []byte, err error) error {
	line, reason := 0, "the syntax is wrong"
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		line = lineAt(data, e.ByteOffset)
		switch {
		case errors.Is(e, jsontext.ErrDuplicateName):
			reason = fmt.Sprintf("the name %.100q is given twice", string(e.JSONPointer.LastToken()))
		case errors.Is(e, io.ErrUnexpectedEOF):
			reason = "it ends too early"
		case e.Err != nil && e.Err.Error() == "exceeded max depth":
			return tooDeep(name, line)
		}
	}
	return invalid(name, line, reason)
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
}

// plainJSON replaces comments, and commas before a closing bracket, by spaces,
// so that all offsets stay as they are.
func plainJSON(data []byte) []byte {
	out := bytes.Clone(data)
	comma := -1 // a comma with nothing but space and comments behind it
	for i := 0; i < len(out); {
		switch c := out[i]; {
		case c == '"':
			comma = -1
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
			i++
		case c == '/' && i+1 < len(out) && out[i+1] == '/':
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case c == '/' && i+1 < len(out) && out[i+1] == '*':
			end := bytes.Index(out[i+2:], []byte("*/"))
			if end < 0 {
				return out // not closed: an error for the parser
			}
			for end += i + 4; i < end; i++ {
				if out[i] != '\n' {
					out[i] = ' '
				}
			}
		default:
			switch {
			case c == ',':
				comma = i
			case (c == '}' || c == ']') && comma >= 0:
				out[comma] = ' '
				comma = -1
			case c != ' ' && c != '\t' && c != '\r' && c != '\n':
				comma = -1
			}
			i++
		}
	}
	return out
}
