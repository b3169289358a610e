package inventory

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// tomlTree reads a TOML document. What it does not understand is left to the
// library, which says what is wrong, or gives the same without lines. Of tables
// that stand twice both are read; see [tree.repeated].
func tomlTree(data []byte) (node, error) {
	p := tomlParser{s: string(data), line: 1, t: &tree{nodes: make([]treeNode, 0, len(data)/24+8)}, tables: map[tomlPlace]int32{}}
	p.t.add(0, "", "", 1, nodeMap)
	if p.document() {
		p.t.findRepeated()
		return p.t.root(), nil
	}
	var top map[string]any
	if err := decodeTOML(data, &top); err != nil {
		return node{}, err
	}
	t := &tree{}
	copyAny(t, 0, "", top)
	return t.root(), nil
}

// copyAny makes a tree of decoded values, without lines.
func copyAny(t *tree, parent int32, key string, v any) {
	switch v := v.(type) {
	case map[string]any:
		self := t.add(parent, key, "", 0, nodeMap)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			copyAny(t, self, k, v[k])
		}
	case []map[string]any:
		self := t.add(parent, key, "", 0, nodeList)
		for _, item := range v {
			copyAny(t, self, "", item)
		}
	case []any:
		self := t.add(parent, key, "", 0, nodeList)
		for _, item := range v {
			copyAny(t, self, "", item)
		}
	case string:
		t.add(parent, key, v, 0, nodeString)
	case bool:
		t.add(parent, key, strconv.FormatBool(v), 0, nodePlain)
	case int64:
		t.add(parent, key, strconv.FormatInt(v, 10), 0, nodePlain)
	case time.Time:
		t.add(parent, key, v.Format(time.RFC3339Nano), 0, nodePlain)
	default:
		t.add(parent, key, "", 0, nodePlain)
	}
}

type tomlPlace struct {
	parent int32
	key    string
}

type tomlParser struct {
	s    string
	i    int
	line int
	t    *tree
	// tables are those that headers and dotted keys may go into.
	tables map[tomlPlace]int32
	// item is the last item of the list of tables that was named last, as most
	// tables are below it.
	listName string
	item     int32
}

// blank skips spaces, and with lines also comments and ends of lines.
func (p *tomlParser) blank(lines bool) {
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == ' ' || c == '\t' || c == '\r' && p.i+1 < len(p.s) && p.s[p.i+1] == '\n':
		case c == '\n' && lines:
			p.line++
		case c == '#' && lines:
			if e := strings.IndexByte(p.s[p.i:], '\n'); e >= 0 {
				p.i += e
			} else {
				p.i = len(p.s)
			}
			continue
		default:
			return
		}
		p.i++
	}
}

// ends reads the end of a line.
func (p *tomlParser) ends() bool {
	p.blank(false)
	if p.i >= len(p.s) {
		return true
	}
	return p.s[p.i] == '\n' || p.s[p.i] == '#'
}

func (p *tomlParser) document() bool {
	at := int32(0)
	for {
		p.blank(true)
		if p.i >= len(p.s) {
			return true
		}
		var ok bool
		if p.s[p.i] == '[' {
			at, ok = p.header()
		} else {
			ok = p.entry(at, 0)
		}
		if !ok || !p.ends() {
			return false
		}
	}
}

// header reads [a.b] and [[a.b]], and gives the table that follows.
func (p *tomlParser) header() (int32, bool) {
	p.i++
	list := p.i < len(p.s) && p.s[p.i] == '['
	if list {
		p.i++
	}
	at := int32(0)
	for first := true; ; first = false {
		p.blank(false)
		key, ok := p.key()
		if !ok {
			return 0, false
		}
		p.blank(false)
		if p.i >= len(p.s) {
			return 0, false
		}
		if p.s[p.i] == '.' {
			p.i++
			if first && key == p.listName {
				at = p.item
				continue
			}
			if at, ok = p.table(at, key); !ok {
				return 0, false
			}
			continue
		}
		end := "]"
		if list {
			end = "]]"
		}
		if !strings.HasPrefix(p.s[p.i:], end) {
			return 0, false
		}
		p.i += len(end)
		if !list {
			return p.table(at, key)
		}
		place := tomlPlace{at, key}
		self, ok := p.tables[place]
		if !ok {
			if p.has(at, key) {
				return 0, false
			}
			self = p.t.add(at, key, "", p.line, nodeList)
			p.tables[place] = self
		}
		if p.t.nodes[self].kind != nodeList {
			return 0, false
		}
		item := p.t.add(self, "", "", p.line, nodeMap)
		if first {
			p.listName, p.item = key, item
		}
		return item, true
	}
}

// table finds or makes the table of a key; that of a list is its last item.
func (p *tomlParser) table(at int32, key string) (int32, bool) {
	place := tomlPlace{at, key}
	if self, ok := p.tables[place]; ok {
		if p.t.nodes[self].kind == nodeList {
			return p.t.nodes[self].last, true
		}
		return self, true
	}
	if p.has(at, key) {
		return 0, false // a value, or a table that is closed
	}
	self := p.t.add(at, key, "", p.line, nodeMap)
	p.tables[place] = self
	return self, true
}

// has reports whether a table has a key that is no table. Tables with many
// keys have no tables below them in any lockfile, so it looks at few.
func (p *tomlParser) has(at int32, key string) bool {
	c := p.t.nodes[at].first
	for range 64 {
		if c == 0 {
			return false
		}
		if p.t.nodes[c].key == key {
			return true
		}
		c = p.t.nodes[c].next
	}
	return false
}

// entry reads key = value.
func (p *tomlParser) entry(at int32, depth int) bool {
	for {
		key, ok := p.key()
		if !ok {
			return false
		}
		p.blank(false)
		if p.i >= len(p.s) {
			return false
		}
		switch p.s[p.i] {
		case '.':
			p.i++
			p.blank(false)
			if at, ok = p.table(at, key); !ok {
				return false
			}
			continue
		case '=':
			p.i++
			p.blank(false)
			return p.value(at, key, depth)
		}
		return false
	}
}

func isTOMLBare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
}

func (p *tomlParser) key() (string, bool) {
	if p.i < len(p.s) && (p.s[p.i] == '"' || p.s[p.i] == '\'') {
		if strings.HasPrefix(p.s[p.i+1:], p.s[p.i:p.i+1]+p.s[p.i:p.i+1]) {
			return "", false
		}
		return p.str()
	}
	start := p.i
	for p.i < len(p.s) && isTOMLBare(p.s[p.i]) {
		p.i++
	}
	return p.s[start:p.i], p.i > start
}

func (p *tomlParser) value(at int32, key string, depth int) bool {
	if p.i >= len(p.s) || depth > limits.MaxNesting {
		return false
	}
	line := p.line
	switch c := p.s[p.i]; c {
	case '"', '\'':
		s, ok := p.str()
		if ok {
			p.t.add(at, key, s, line, nodeString)
		}
		return ok
	case '[':
		self := p.t.add(at, key, "", line, nodeList)
		p.i++
		for {
			p.blank(true)
			if p.i < len(p.s) && p.s[p.i] == ']' {
				p.i++
				return true
			}
			if !p.value(self, "", depth+1) {
				return false
			}
			p.blank(true)
			if p.i < len(p.s) && p.s[p.i] == ',' {
				p.i++
			} else if p.i >= len(p.s) || p.s[p.i] != ']' {
				return false
			}
		}
	case '{':
		self := p.t.add(at, key, "", line, nodeMap)
		p.i++
		for first := true; ; first = false {
			p.blank(false)
			if p.i < len(p.s) && p.s[p.i] == '}' && first {
				p.i++
				return true
			}
			if !p.entry(self, depth+1) {
				return false
			}
			p.blank(false)
			if p.i >= len(p.s) {
				return false
			}
			p.i++
			switch p.s[p.i-1] {
			case ',':
			case '}':
				return true
			default:
				return false
			}
		}
	}
	start := p.i
	for p.i < len(p.s) && (isTOMLBare(p.s[p.i]) || strings.IndexByte("+.:", p.s[p.i]) >= 0) {
		p.i++
	}
	word := p.s[start:p.i]
	if word != "true" && word != "false" {
		if at, err := time.Parse(time.RFC3339, word); err == nil {
			word = at.Format(time.RFC3339Nano)
		} else if _, err := strconv.ParseFloat(word, 64); err != nil || strings.HasSuffix(word, ".") || strings.ContainsAny(word[:1], ".iInN") {
			return false // other kinds of dates are left to the library
		}
	}
	p.t.add(at, key, word, line, nodePlain)
	return true
}

// str reads a text in quotes of any kind.
func (p *tomlParser) str() (string, bool) {
	quote := p.s[p.i : p.i+1]
	rest := p.s[p.i+1:]
	if strings.HasPrefix(rest, quote+quote) {
		return p.long(quote+quote+quote, rest[2:])
	}
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == quote[0]:
			p.i += i + 2
			return rest[:i], true
		case c == '\\' && quote == `"`:
			return p.escaped(rest)
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", false
		}
	}
	return "", false
}

// escaped reads a text with escapes; those that Go does not have are left to
// the library.
func (p *tomlParser) escaped(rest string) (string, bool) {
	for i := 0; i < len(rest) && rest[i] != '\n'; i++ {
		switch rest[i] {
		case '\\':
			if i++; i >= len(rest) || strings.IndexByte(`bfnrt"\uU`, rest[i]) < 0 {
				return "", false
			}
		case '"':
			s, err := strconv.Unquote(`"` + rest[:i] + `"`)
			p.i += i + 2
			return s, err == nil
		}
	}
	return "", false
}

// long reads a text in three quotes, if it has no escapes.
func (p *tomlParser) long(quote, rest string) (string, bool) {
	end := strings.Index(rest, quote)
	if end < 0 || quote == `"""` && strings.IndexByte(rest[:end], '\\') >= 0 || strings.HasPrefix(rest[end+3:], quote[:1]) {
		return "", false
	}
	p.line += strings.Count(rest[:end], "\n")
	p.i += 3 + end + 3
	return strings.TrimPrefix(rest[:end], "\n"), true
}
