package inventory

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// yamlDocument reads the first document of YAML that keep accepts; all, if keep
// is nil. What programs write into lockfiles is read directly; anything else is
// left to the library, which takes ten times as long.
func yamlDocument(data []byte, keep func(node) bool) (node, error) {
	text := string(data)
	line := 0
	for {
		text, line = skipStart(text, line)
		one, rest, more := cutDocument(text)
		n, err := readYAML(one, line)
		if err != nil || !more || keep == nil || keep(n) {
			return n, err
		}
		line += strings.Count(text[:len(text)-len(rest)], "\n")
		text = rest
	}
}

// skipStart leaves out a "---" before a document.
func skipStart(text string, line int) (string, int) {
	rest, ok := strings.CutPrefix(text, "---\n")
	if !ok {
		return text, line
	}
	return rest, line + 1
}

func cutDocument(text string) (one, rest string, more bool) {
	i := strings.Index(text, "\n---\n")
	if i < 0 {
		return text, "", false
	}
	return text[:i+1], text[i+5:], true
}

func readYAML(text string, before int) (node, error) {
	p := yamlParser{s: text, n: before, t: &tree{nodes: make([]treeNode, 0, len(text)/20+8)}}
	p.step()
	if p.document() {
		p.t.findRepeated()
		return p.t.root(), nil
	}
	if p.deep {
		return node{}, fmt.Errorf("it nests deeper than %d levels", limits.MaxNesting)
	}
	root, err := yamlTree([]byte(text))
	if err != nil {
		return node{}, err
	}
	c := yamlCopier{t: &tree{}, before: before}
	if !c.copy(0, "", root, root.Line, 0) {
		return node{}, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf("it has more than %d parts once its aliases are expanded", limits.MaxYAMLNodes)}
	}
	c.t.findRepeated()
	return c.t.root(), nil
}

// yamlCopier makes a tree of what the library read.
type yamlCopier struct {
	t      *tree
	before int // lines before the document
}

func (c *yamlCopier) copy(parent int32, key string, n *yaml.Node, line, depth int) bool {
	if len(c.t.nodes) > limits.MaxYAMLNodes || depth > limits.MaxNesting {
		return false
	}
	line += c.before
	switch n = follow(n); {
	case n == nil || n.Kind == 0:
		c.t.add(parent, key, "", line, nodePlain)
	case n.Kind == yaml.MappingNode:
		self := c.t.add(parent, key, "", line, nodeMap)
		for k, v := range yamlPairs(n) {
			if !c.copy(self, k.Value, v, k.Line, depth+1) {
				return false
			}
		}
	case n.Kind == yaml.SequenceNode:
		self := c.t.add(parent, key, "", line, nodeList)
		for _, item := range n.Content {
			if !c.copy(self, "", item, item.Line, depth+1) {
				return false
			}
		}
	default:
		kind := nodePlain
		if n.Tag == "!!str" {
			kind = nodeString
		}
		c.t.add(parent, key, n.Value, line, kind)
	}
	return true
}

// yamlParser reads the part of YAML that lockfiles are written in: maps and
// lists in block style, scalars and collections in flow style on one line, and
// texts of several lines. Where it returns false, the text is something else,
// which may be valid.
type yamlParser struct {
	s string
	i int // start of the line after the current one
	n int // number of the current line
	// indent and text are those of the current line that is not blank; end is
	// true after the last one.
	indent int
	text   string
	end    bool
	deep   bool
	t      *tree
}

// step goes to the next line that has something.
func (p *yamlParser) step() bool {
	for p.i < len(p.s) {
		line := p.s[p.i:]
		if e := strings.IndexByte(line, '\n'); e >= 0 {
			line = line[:e]
			p.i += e + 1
		} else {
			p.i = len(p.s)
		}
		p.n++
		at := 0
		for at < len(line) && line[at] == ' ' {
			at++
		}
		if at == len(line) || line[at] == '#' {
			continue
		}
		p.indent, p.text = at, strings.TrimRight(line[at:], " \t\r")
		if p.text == "" || line[at] == '\t' {
			p.text = "\t" // understood by nothing
		}
		return true
	}
	p.end, p.indent, p.text = true, -1, ""
	return false
}

func (p *yamlParser) document() bool {
	if p.end {
		p.t.add(0, "", "", p.n, nodePlain)
		return true
	}
	return p.block(0, "", p.n, p.indent, 0) && p.end && p.t.nodes[0].kind >= nodeMap
}

// block reads the map, list or scalar whose first line is the current one.
func (p *yamlParser) block(parent int32, key string, line, indent, depth int) bool {
	if depth > limits.MaxNesting {
		p.deep = true
		return false
	}
	if isYAMLItem(p.text) {
		return p.items(parent, key, line, indent, depth)
	}
	if _, _, ok := yamlKey(p.text); !ok {
		return p.scalar(parent, key, p.text, line, indent-1)
	}
	self := p.t.add(parent, key, "", line, nodeMap)
	for !p.end && p.indent == indent && !isYAMLItem(p.text) {
		name, rest, ok := yamlKey(p.text)
		if !ok || name == "<<" || !p.value(self, name, rest, indent, depth) {
			return false
		}
	}
	return p.end || p.indent < indent || p.indent == indent && isYAMLItem(p.text)
}

// value reads what follows a key.
func (p *yamlParser) value(self int32, name, rest string, indent, depth int) bool {
	line := p.n
	if rest != "" && rest[0] != '#' {
		return p.scalar(self, name, rest, line, indent)
	}
	p.step()
	switch {
	case !p.end && p.indent > indent:
		return p.block(self, name, line, p.indent, depth+1)
	case !p.end && p.indent == indent && isYAMLItem(p.text):
		return p.items(self, name, line, indent, depth+1)
	}
	p.t.add(self, name, "", line, nodePlain)
	return true
}

func isYAMLItem(text string) bool { return text == "-" || strings.HasPrefix(text, "- ") }

func (p *yamlParser) items(parent int32, key string, line, indent, depth int) bool {
	if depth > limits.MaxNesting {
		p.deep = true
		return false
	}
	self := p.t.add(parent, key, "", line, nodeList)
	for !p.end && p.indent == indent && isYAMLItem(p.text) {
		rest := strings.TrimLeft(p.text[1:], " ")
		at := p.n
		if rest == "" {
			p.step()
			if p.end || p.indent <= indent {
				p.t.add(self, "", "", at, nodePlain)
				continue
			}
			if !p.block(self, "", p.n, p.indent, depth+1) {
				return false
			}
			continue
		}
		if rest[0] == '#' {
			return false
		}
		// What follows the dash is a block of its own.
		p.indent, p.text = indent+len(p.text)-len(rest), rest
		if !p.block(self, "", at, p.indent, depth+1) {
			return false
		}
	}
	return p.end || p.indent < indent || p.indent == indent && !isYAMLItem(p.text)
}

// yamlKey splits "key: rest"; false if the line is no entry of a map.
func yamlKey(s string) (key, rest string, ok bool) {
	switch c := s[0]; c {
	case '"', '\'':
		text, after, ok := yamlQuoted(s)
		if !ok || len(text) > 1000 || !strings.HasPrefix(after, ":") || len(after) > 1 && after[1] != ' ' {
			return "", "", false
		}
		return text, strings.TrimLeft(after[1:], " "), true
	case '{', '[', '&', '*', '!', '|', '>', '%', '@', '`', ',', ']', '}', '#', '\t', '?':
		return "", "", false
	}
	i := strings.Index(s, ": ")
	if i < 0 {
		if !strings.HasSuffix(s, ":") {
			return "", "", false
		}
		i = len(s) - 1
	}
	key = s[:i]
	if key == "" || len(key) > 1000 || strings.HasSuffix(key, " ") || strings.Contains(key, " #") {
		return "", "", false
	}
	return key, strings.TrimLeft(s[i+1:], " "), true
}

// yamlQuoted reads a text in quotes, and gives what follows it on the line.
func yamlQuoted(s string) (text, after string, ok bool) {
	if s[0] == '\'' {
		for i := 1; i < len(s); i++ {
			if s[i] != '\'' {
				continue
			}
			if i+1 < len(s) && s[i+1] == '\'' {
				i++
				continue
			}
			return strings.ReplaceAll(s[1:i], "''", "'"), s[i+1:], true
		}
		return "", "", false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			if strings.IndexByte(s[:i], '\\') < 0 {
				return s[1:i], s[i+1:], true
			}
			// The escapes of JSON are the same here; others are rare.
			err := json.Unmarshal([]byte(s[:i+1]), &text)
			return text, s[i+1:], err == nil && !strings.Contains(s[:i], `\/`)
		}
	}
	return "", "", false
}

// scalar reads a value that starts on the current line, below an entry with the
// given indentation, and steps behind it.
func (p *yamlParser) scalar(parent int32, key, s string, line, indent int) bool {
	switch c := s[0]; c {
	case '"', '\'':
		text, after, ok := yamlQuoted(s)
		if !ok || !yamlEnds(after) {
			return false
		}
		p.t.add(parent, key, text, line, nodeString)
	case '{', '[':
		f := yamlFlow{s: s, line: p.n, t: p.t}
		self := len(p.t.nodes)
		if !f.value(parent, key, 0) || !yamlEnds(f.s[f.i:]) {
			return false
		}
		p.t.nodes[self].line = int32(line)
	case '|', '>':
		return p.folded(parent, key, s, line, indent)
	case '&', '*', '!', '%', '@', '`', ',', ']', '}', '#', '\t', '?', ':':
		return false
	default:
		if i := strings.Index(s, " #"); i >= 0 {
			s = strings.TrimRight(s[:i], " ")
		}
		if strings.Contains(s, ": ") || strings.HasSuffix(s, ":") || strings.HasPrefix(s, "- ") || s == "-" {
			return false
		}
		p.t.add(parent, key, s, line, nodePlain)
	}
	p.step()
	return p.end || p.indent <= indent // else it goes on on the next line
}

func yamlEnds(after string) bool {
	after = strings.TrimLeft(after, " ")
	return after == "" || after[0] == '#'
}

// folded reads a text of several lines.
func (p *yamlParser) folded(parent int32, key, s string, line, indent int) bool {
	switch s {
	case "|", "|-", "|+", ">", ">-", ">+":
	default:
		return false
	}
	separator := "\n"
	if s[0] == '>' {
		separator = " "
	}
	var text strings.Builder
	first := 0 // the indentation of the first line
	for p.i < len(p.s) {
		raw, _, more := strings.Cut(p.s[p.i:], "\n")
		words := strings.TrimSpace(raw)
		if words == "" && raw != "" {
			return false // blanks may count for the indentation
		}
		if at := len(raw) - len(strings.TrimLeft(raw, " ")); words != "" && at <= indent {
			break
		} else if words != "" && at < first {
			return false
		} else if words != "" && first == 0 {
			first = at
		}
		if words != "" && text.Len() > 0 {
			text.WriteString(separator)
		}
		text.WriteString(words)
		p.i, p.n = p.i+len(raw), p.n+1
		if more {
			p.i++
		}
	}
	p.step()
	p.t.add(parent, key, text.String(), line, nodeString)
	return true
}

// yamlFlow reads collections in flow style: {a: 1, b: [c]}.
type yamlFlow struct {
	s    string
	i    int
	line int
	t    *tree
}

func (f *yamlFlow) blank() {
	for f.i < len(f.s) && f.s[f.i] == ' ' {
		f.i++
	}
}

func (f *yamlFlow) value(parent int32, key string, depth int) bool {
	if f.blank(); f.i >= len(f.s) || depth > limits.MaxNesting {
		return false
	}
	switch c := f.s[f.i]; c {
	case '{', '[':
		kind, end := nodeMap, byte('}')
		if c == '[' {
			kind, end = nodeList, ']'
		}
		self := f.t.add(parent, key, "", f.line, kind)
		f.i++
		for {
			if f.blank(); f.i >= len(f.s) {
				return false
			}
			if f.s[f.i] == end {
				f.i++
				return true
			}
			if !f.entry(self, kind, depth) {
				return false
			}
			if f.blank(); f.i < len(f.s) && f.s[f.i] == ',' {
				f.i++
			} else if f.i >= len(f.s) || f.s[f.i] != end {
				return false
			}
		}
	}
	text, kind, ok := f.word(false)
	if ok {
		f.t.add(parent, key, text, f.line, kind)
	}
	return ok
}

func (f *yamlFlow) entry(self int32, kind nodeKind, depth int) bool {
	if kind == nodeList {
		return f.value(self, "", depth+1)
	}
	name, _, ok := f.word(true)
	if f.blank(); !ok || f.i >= len(f.s) || f.s[f.i] != ':' {
		return false
	}
	f.i++
	if f.blank(); f.i < len(f.s) && (f.s[f.i] == ',' || f.s[f.i] == '}') {
		f.t.add(self, name, "", f.line, nodePlain)
		return true
	}
	return f.value(self, name, depth+1)
}

// word reads a scalar; a key ends at a colon.
func (f *yamlFlow) word(key bool) (string, nodeKind, bool) {
	rest := f.s[f.i:]
	if rest == "" {
		return "", nodeNone, false
	}
	switch rest[0] {
	case '"', '\'':
		text, after, ok := yamlQuoted(rest)
		f.i = len(f.s) - len(after)
		return text, nodeString, ok
	case '&', '*', '!', '|', '>', '%', '@', '`', '#', '?', ':', ',':
		return "", nodeNone, false
	}
	end := 0
	for ; end < len(rest); end++ {
		c := rest[end]
		if c == ',' || c == '}' || c == ']' || c == '{' || c == '[' {
			break
		}
		if c == ':' && (end+1 == len(rest) || strings.IndexByte(" ,}]", rest[end+1]) >= 0) {
			if !key || end+1 == len(rest) || rest[end+1] != ' ' {
				return "", nodeNone, false
			}
			break
		}
		if c == '?' || c == '#' && end > 0 && rest[end-1] == ' ' {
			return "", nodeNone, false
		}
	}
	text := strings.TrimRight(rest[:end], " ")
	f.i += end
	return text, nodePlain, text != ""
}
