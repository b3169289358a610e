package config

import (
	"errors"
	"math"
	"time"

	"github.com/BurntSushi/toml"
)

// parseTOML gives one document. Dates and times become strings as TOML writes
// them.
func parseTOML(data []byte) ([]document, error) {
	if err := checkNesting("TOML", data); err != nil {
		return nil, err
	}
	var v map[string]any
	if _, err := toml.Decode(string(data), &v); err != nil {
		line := 0
		if e, ok := errors.AsType[toml.ParseError](err); ok {
			line = e.Position.Line
		}
		return nil, invalid("TOML", line, "the syntax is wrong, or a key is given twice")
	}
	content, err := plainTOML(v)
	if err != nil {
		return nil, err
	}
	root := plain(content)
	places := tomlPlaces{data: data, starts: startsOf(data), root: root, elements: map[*value]int{}}
	places.document()
	return []document{{line: 1, content: root}}, nil
}

func plainTOML(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if v[k], err = plainTOML(v[k]); err != nil {
				return nil, err
			}
		}
		if v == nil {
			return map[string]any{}, nil
		}
	case []any:
		for i := range v {
			if v[i], err = plainTOML(v[i]); err != nil {
				return nil, err
			}
		}
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			if list[i], err = plainTOML(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, invalid("TOML", 0, "JSON has no number for nan or inf")
		}
	case time.Time:
		// The decoder marks local values with these locations.
		switch v.Location().String() {
		case "datetime-local":
			return v.Format("2006-01-02T15:04:05.999999999"), nil
		case "date-local":
			return v.Format(time.DateOnly), nil
		case "time-local":
			return v.Format("15:04:05.999999999"), nil
		}
		return v.Format(time.RFC3339Nano), nil
	}
	return v, nil
}
