package inventory

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// jsonTree reads a JSON document. It takes what encoding/json takes, and texts
// that are no UTF-8; see RFC 8259.
func jsonTree(data []byte) (node, error) { return readJSON(data, false) }

// looseJSONTree also takes comments and commas before a closing bracket, as bun
// writes them.
func looseJSONTree(data []byte) (node, error) { return readJSON(data, true) }

func readJSON(data []byte, loose bool) (node, error) {
	p := jsonParser{s: string(data), line: 1, loose: loose, t: &tree{nodes: make([]treeNode, 0, len(data)/24+8)}}
	p.blank()
	if !p.value(0, "", 1, 0) {
		return node{}, p.err()
	}
	p.blank()
	if p.i < len(p.s) {
		p.why = "there is more after the end"
		return node{}, p.err()
	}
	p.t.findRepeated()
	return p.t.root(), nil
}

type jsonParser struct {
	s     string
	i     int
	line  int
	loose bool
	why   string // what is wrong, once something is
	t     *tree
}

func (p *jsonParser) err() error {
	switch {
	case p.why != "":
	case p.i >= len(p.s):
		p.why = "unexpected end of JSON input"
	default:
		r, _ := utf8.DecodeRuneInString(p.s[p.i:])
		p.why = fmt.Sprintf("invalid character %q", r)
	}
	return &gatehouse.Unscannable{Code: gatehouse.GapParse, Line: p.line, Reason: "not valid JSON for this kind of file: " + p.why}
}

// blank skips white space.
func (p *jsonParser) blank() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case '\n':
			p.line++
		case ' ', '\t', '\r':
		case '/':
			if !p.loose || !p.comment() {
				return
			}
			continue
		default:
			return
		}
		p.i++
	}
}

func (p *jsonParser) comment() bool {
	rest := p.s[p.i:]
	end := -1
	switch {
	case strings.HasPrefix(rest, "//"):
		if end = strings.IndexByte(rest, '\n'); end < 0 {
			end = len(rest)
		}
	case strings.HasPrefix(rest, "/*"):
		if end = strings.Index(rest[2:], "*/"); end >= 0 {
			end += 4
		}
	}
	if end < 0 {
		return false
	}
	p.line += strings.Count(rest[:end], "\n")
	p.i += end
	return true
}

// value reads one value; false if it is none.
func (p *jsonParser) value(parent int32, key string, line, depth int) bool {
	if p.i >= len(p.s) {
		return false
	}
	if depth > limits.MaxNesting {
		p.why = fmt.Sprintf("it nests deeper than %d levels", limits.MaxNesting)
		return false
	}
	switch c := p.s[p.i]; c {
	case '{':
		return p.object(p.t.add(parent, key, "", line, nodeMap), depth)
	case '[':
		return p.list(p.t.add(parent, key, "", line, nodeList), depth)
	case '"':
		s, ok := p.str()
		if ok {
			p.t.add(parent, key, s, line, nodeString)
		}
		return ok
	default:
		start := p.i
		for p.i < len(p.s) && isJSONWord(p.s[p.i]) {
			p.i++
		}
		word := p.s[start:p.i]
		if word != "true" && word != "false" && word != "null" && !isJSONNumber(word) {
			if word != "" && p.i < len(p.s) {
				p.why = fmt.Sprintf("%q is no value", word[:min(len(word), 20)])
			}
			return false
		}
		p.t.add(parent, key, word, line, nodePlain)
		return true
	}
}

func isJSONWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}

func isJSONNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	digits := func() bool {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	if strings.HasPrefix(s, "0") {
		s = s[1:]
	} else if !digits() {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		if s = rest; !digits() {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		return digits() && s == ""
	}
	return s == ""
}

func (p *jsonParser) object(self int32, depth int) bool {
	p.i++
	p.blank()
	for first := true; p.i < len(p.s); first = false {
		if p.s[p.i] == '}' && (first || p.loose) {
			p.i++
			p.t.nodes[self].end = int32(p.line)
			return true
		}
		if p.s[p.i] != '"' {
			return false
		}
		line := p.line
		key, ok := p.str()
		if !ok {
			return false
		}
		if p.blank(); p.i >= len(p.s) || p.s[p.i] != ':' {
			return false
		}
		p.i++
		p.blank()
		if !p.value(self, key, line, depth+1) {
			return false
		}
		if done, ok := p.next('}'); done || !ok {
			p.t.nodes[self].end = int32(p.line)
			return ok
		}
	}
	return false
}

func (p *jsonParser) list(self int32, depth int) bool {
	p.i++
	p.blank()
	for first := true; p.i < len(p.s); first = false {
		if p.s[p.i] == ']' && (first || p.loose) {
			p.i++
			return true
		}
		if !p.value(self, "", p.line, depth+1) {
			return false
		}
		if done, ok := p.next(']'); done || !ok {
			return ok
		}
	}
	return false
}

// next reads a comma or the end of what has values.
func (p *jsonParser) next(end byte) (done, ok bool) {
	p.blank()
	if p.i >= len(p.s) {
		return false, false
	}
	switch p.s[p.i] {
	case ',':
		p.i++
		p.blank()
		return false, true
	case end:
		p.i++
		return true, true
	}
	return false, false
}

// str reads a text in quotes.
func (p *jsonParser) str() (string, bool) {
	start := p.i
	escaped := false
	for i := start + 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.i = i + 1
			if !escaped {
				return p.s[start+1 : i], true
			}
			var s string
			if err := json.Unmarshal([]byte(strings.ToValidUTF8(p.s[start:i+1], "\uFFFD")), &s); err != nil {
				p.why = "a text has an escape that is none"
				return "", false
			}
			return s, true
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			p.i = i
			return "", false
		}
	}
	p.i = len(p.s)
	return "", false
}
