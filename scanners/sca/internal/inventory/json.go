package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-sec/gatehouse"
)

// decodeJSON decodes a document, within the bound on nesting.
func decodeJSON(data []byte, v any) error {
	if err := checkNesting(data); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return jsonError(data, err)
	}
	return nil
}

// jsonError says on which line the problem is.
func jsonError(data []byte, err error) error {
	offset := int64(-1)
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = s.Offset
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = t.Offset
		err = fmt.Errorf("%q is a %s", t.Field, t.Value)
	}
	u := &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: fmt.Sprintf("not valid JSON for this kind of file: %v", err)}
	if offset >= 0 && offset <= int64(len(data)) {
		u.Line = 1 + bytes.Count(data[:offset], []byte("\n"))
	}
	return u
}

// jsonKeyLines gives the lines of the keys of the object at the path of keys,
// such as "default" in Pipfile.lock.
func jsonKeyLines(data []byte, path ...string) map[string]int {
	lines := map[string]int{}
	index := newLineIndex(data)
	d := json.NewDecoder(bytes.NewReader(data))
	var walk func(path []string) bool
	walk = func(path []string) bool {
		if t, err := d.Token(); err != nil || t != json.Delim('{') {
			return false
		}
		for d.More() {
			t, err := d.Token()
			if err != nil {
				return false
			}
			key, _ := t.(string)
			switch {
			case len(path) == 0:
				lines[key] = index.line(d.InputOffset() - 1)
			case key == path[0]:
				if !walk(path[1:]) {
					return false
				}
				continue
			}
			var skip json.RawMessage
			if d.Decode(&skip) != nil {
				return false
			}
		}
		_, err := d.Token()
		return err == nil
	}
	walk(path)
	return lines
}
