package config

import (
	"bytes"
	"encoding/json"
	"encoding/json/jsontext"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// value is a value of a document and where it stands; see
// [gatehouse.Positions] for what that is. Line 0 means where its parent stands.
type value struct {
	line, column int
	// content is nil, a bool, string, int64, float64 or json.Number, a list
	// []*value, or an object map[string]*value.
	content any
}

// at is content at a place.
func at(line, column int, content any) *value { return &value{line, column, content} }

// member puts v into an object below a key that stands at line and column,
// which is where an object or a list in an object stands.
func member(object map[string]*value, key string, line, column int, v *value) {
	switch v.content.(type) {
	case map[string]*value, []*value:
		v.line, v.column = line, column
	}
	object[key] = v
}

// encoder writes a value as JSON, keys sorted, and the positions beside it.
type encoder struct {
	json      []byte
	positions gatehouse.Positions
}

func (e *encoder) value(v *value, line, column int) error {
	if v.line > 0 {
		line, column = v.line, v.column
	}
	e.positions = e.positions.Append(line, column)
	switch c := v.content.(type) {
	case map[string]*value:
		keys := make([]string, 0, len(c))
		for k := range c {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		e.json = append(e.json, '{')
		for i, k := range keys {
			if i > 0 {
				e.json = append(e.json, ',')
			}
			if err := e.text(k); err != nil {
				return err
			}
			e.json = append(e.json, ':')
			if err := e.value(c[k], line, column); err != nil {
				return err
			}
		}
		e.json = append(e.json, '}')
		return nil
	case []*value:
		e.json = append(e.json, '[')
		for i, item := range c {
			if i > 0 {
				e.json = append(e.json, ',')
			}
			if err := e.value(item, line, column); err != nil {
				return err
			}
		}
		e.json = append(e.json, ']')
		return nil
	case string:
		return e.text(c)
	default:
		b, err := json.Marshal(c)
		e.json = append(e.json, b...)
		return err
	}
}

func (e *encoder) text(s string) (err error) {
	e.json, err = jsontext.AppendQuote(e.json, strings.ToValidUTF8(s, "\ufffd"))
	return err
}

// plain makes values of what encoding/json decodes with UseNumber.
func plain(v any) *value {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]*value, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return &value{content: out}
	case []any:
		out := make([]*value, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return &value{content: out}
	}
	return &value{content: v}
}

// decodeJSON reads JSON that this program wrote.
func decodeJSON(data []byte) (*value, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return plain(v), nil
}

// lineStarts are the offsets at which the lines of a text start.
type lineStarts []int

func startsOf(data []byte) lineStarts {
	starts := lineStarts{0}
	for i, b := range data {
		if b == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// at is the line and the column of an offset, from 1.
func (s lineStarts) at(offset int) (line, column int) {
	i, found := slices.BinarySearch(s, offset)
	if !found {
		i--
	}
	return i + 1, offset - s[i] + 1
}
