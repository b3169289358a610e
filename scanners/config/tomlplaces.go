package config

import "strings"

// tomlPlaces finds the places of the values of a TOML text that the decoder
// has accepted; the decoder does not tell them. What it does not understand it
// passes over, and such values keep the place of their table.
type tomlPlaces struct {
	data   []byte
	starts lineStarts
	i      int
	root   *value
	// elements counts the tables that an array of tables had so far.
	elements map[*value]int
}

func (p *tomlPlaces) document() {
	p.root.line, p.root.column = 1, 1
	table := p.root
	for p.space(true); p.i < len(p.data); p.space(true) {
		before := p.i
		if p.data[p.i] == '[' {
			table = p.header()
		} else {
			p.keyValue(table)
		}
		if p.i == before { // not understood
			p.i++
		}
	}
}

// header reads [a.b] or [[a.b]] and returns the table; nil if it is not there.
func (p *tomlPlaces) header() *value {
	start := p.i
	array := strings.HasPrefix(string(p.data[p.i:min(p.i+2, len(p.data))]), "[[")
	p.i++
	if array {
		p.i++
	}
	keys := p.keys()
	for p.i < len(p.data) && p.data[p.i] == ']' {
		p.i++
	}
	v := p.root
	for n, k := range keys {
		v = p.child(v, k.name)
		if v == nil {
			return nil
		}
		if v.line == 0 {
			v.line, v.column = p.starts.at(start)
		}
		list, ok := v.content.([]*value)
		if !ok {
			continue
		}
		if n == len(keys)-1 && array {
			p.elements[v]++
		}
		if i := p.elements[v] - 1; i >= 0 && i < len(list) {
			v = list[i]
			if v.line == 0 {
				v.line, v.column = p.starts.at(start)
			}
		}
	}
	return v
}

func (p *tomlPlaces) child(v *value, name string) *value {
	if v == nil {
		return nil
	}
	in, _ := v.content.(map[string]*value)
	return in[name]
}

// keyValue reads a.b = value in a table.
func (p *tomlPlaces) keyValue(table *value) {
	keys := p.keys()
	if len(keys) == 0 || p.i >= len(p.data) || p.data[p.i] != '=' {
		return
	}
	p.i++
	v, offset := table, 0
	for _, k := range keys {
		offset = k.offset
		if v = p.child(v, k.name); v != nil && v.line == 0 {
			v.line, v.column = p.starts.at(k.offset)
		}
	}
	p.value(v, offset)
}

// value reads a value, whose key is at the offset; v is nil if it is not known.
func (p *tomlPlaces) value(v *value, key int) {
	p.space(false)
	if p.i >= len(p.data) {
		return
	}
	start := p.i
	var list []*value
	if v != nil {
		list, _ = v.content.([]*value)
	}
	switch p.data[p.i] {
	case '[':
		p.i++
		for n := 0; ; n++ {
			if p.space(true); p.i >= len(p.data) || p.data[p.i] == ']' {
				break
			}
			var item *value
			if n < len(list) {
				item = list[n]
			}
			before := p.i
			p.value(item, p.i)
			if p.space(true); p.i < len(p.data) && p.data[p.i] == ',' {
				p.i++
			}
			if p.i == before {
				break
			}
		}
		p.i++
		start = key
	case '{':
		p.i++
		for {
			if p.space(true); p.i >= len(p.data) || p.data[p.i] == '}' {
				break
			}
			before := p.i
			p.keyValue(v)
			if p.space(true); p.i < len(p.data) && p.data[p.i] == ',' {
				p.i++
			}
			if p.i == before {
				break
			}
		}
		p.i++
		start = key
	case '"', '\'':
		p.text()
	default:
		for p.i < len(p.data) && !strings.ContainsRune(",]}#\n", rune(p.data[p.i])) {
			p.i++
		}
	}
	if v != nil {
		v.line, v.column = p.starts.at(start)
	}
}

type tomlKey struct {
	name   string
	offset int
}

// keys reads a dotted key and the space behind it.
func (p *tomlPlaces) keys() []tomlKey {
	var keys []tomlKey
	for {
		p.space(false)
		start := p.i
		if p.i < len(p.data) && (p.data[p.i] == '"' || p.data[p.i] == '\'') {
			keys = append(keys, tomlKey{p.text(), start})
		} else {
			for p.i < len(p.data) && !strings.ContainsRune(" \t.=]\r\n#,}", rune(p.data[p.i])) {
				p.i++
			}
			if p.i == start {
				return keys
			}
			keys = append(keys, tomlKey{string(p.data[start:p.i]), start})
		}
		if p.space(false); p.i >= len(p.data) || p.data[p.i] != '.' {
			return keys
		}
		p.i++
	}
}

// text reads a quoted text of one or of several lines. Escapes in it stay: a key
// with one is not found.
func (p *tomlPlaces) text() string {
	quote := string(p.data[p.i : p.i+1])
	if long := strings.Repeat(quote, 3); strings.HasPrefix(string(p.data[p.i:min(p.i+3, len(p.data))]), long) {
		quote = long
	}
	p.i += len(quote)
	start := p.i
	for p.i < len(p.data) {
		switch {
		case p.data[p.i] == '\\' && quote[0] == '"':
			p.i += 2
			continue
		case strings.HasPrefix(string(p.data[p.i:min(p.i+len(quote), len(p.data))]), quote):
			end := p.i
			p.i += len(quote)
			for len(quote) == 3 && p.i < len(p.data) && p.data[p.i] == quote[0] { // """"" ends with two quotes in it
				p.i++
			}
			return string(p.data[start:end])
		}
		p.i++
	}
	p.i = len(p.data)
	return ""
}

// space passes over blanks and, if lines is true, ends of lines and comments.
func (p *tomlPlaces) space(lines bool) {
	for p.i < len(p.data) {
		switch c := p.data[p.i]; {
		case c == ' ' || c == '\t' || c == '\r':
			p.i++
		case lines && c == '\n':
			p.i++
		case lines && c == '#':
			for p.i < len(p.data) && p.data[p.i] != '\n' {
				p.i++
			}
		default:
			return
		}
	}
}
