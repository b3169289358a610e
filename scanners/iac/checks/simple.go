package checks

import "strings"

// node is a tree of simple YAML.
type node struct {
	text  string
	keys  []string
	vals  []*node // of keys
	items []*node
}

func (n *node) get(keys ...string) *node {
	for _, k := range keys {
		next := (*node)(nil)
		for i, key := range n.keys {
			if key == k {
				next = n.vals[i]
			}
		}
		if next == nil {
			return &node{}
		}
		n = next
	}
	return n
}

// parseSimple reads the part of YAML that metadata is mostly written in: block
// mappings and sequences, scalars of one line, and literal text. That takes a
// tenth of the time of a whole parser, and there are hundreds of checks. It
// reports false for anything else, and never reads it differently.
func parseSimple(text string) (*node, bool) {
	p := &simple{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		if strings.Contains(line, "\t") {
			return nil, false
		}
		p.lines = append(p.lines, line)
	}
	n := p.block(0)
	p.blank()
	if p.failed || p.at < len(p.lines) || len(n.keys) == 0 {
		return nil, false
	}
	return n, true
}

type simple struct {
	lines  []string
	at     int
	failed bool
}

func (p *simple) blank() {
	for p.at < len(p.lines) && p.lines[p.at] == "" {
		p.at++
	}
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func isItem(rest string) bool { return rest == "-" || strings.HasPrefix(rest, "- ") }

// block reads the mapping or sequence whose lines are indented by indent.
func (p *simple) block(indent int) *node {
	n := &node{}
	for p.blank(); !p.failed && p.at < len(p.lines); p.blank() {
		line := p.lines[p.at]
		if indentOf(line) < indent {
			break
		}
		if indentOf(line) > indent {
			p.failed = true
			break
		}
		rest := line[indent:]
		if isItem(rest) {
			if len(n.keys) > 0 {
				break // of the mapping above: the caller knows
			}
			content := strings.TrimLeft(rest[1:], " ")
			if _, _, ok := pair(content); !ok {
				p.at++
				n.items = append(n.items, &node{text: p.scalar(content)})
				continue
			}
			// A mapping whose first key stands on the line of the dash.
			inner := indent + len(rest) - len(content)
			p.lines[p.at] = strings.Repeat(" ", inner) + content
			n.items = append(n.items, p.block(inner))
			continue
		}
		if len(n.items) > 0 {
			break // a key of the mapping that the sequence is in
		}
		key, value, ok := pair(rest)
		if !ok {
			p.failed = true
			break
		}
		p.at++
		n.keys = append(n.keys, key)
		n.vals = append(n.vals, p.value(value, indent))
	}
	return n
}

// value reads what follows a key that is indented by indent.
func (p *simple) value(value string, indent int) *node {
	if value == "|" {
		return p.literal(indent)
	}
	if value != "" {
		return &node{text: p.scalar(value)}
	}
	p.blank()
	if p.at < len(p.lines) {
		next := p.lines[p.at]
		if at := indentOf(next); at > indent || at == indent && isItem(next[at:]) {
			return p.block(at)
		}
	}
	return &node{}
}

// literal reads literal text below a key that is indented by indent.
func (p *simple) literal(indent int) *node {
	var text []string
	own := 0
	for ; p.at < len(p.lines); p.at++ {
		line := p.lines[p.at]
		if line == "" {
			text = append(text, "")
			continue
		}
		at := indentOf(line)
		if own == 0 {
			if at <= indent || len(text) > 0 {
				break
			}
			own = at
		}
		if at < own {
			break
		}
		text = append(text, line[own:])
	}
	if own == 0 {
		return &node{}
	}
	return &node{text: strings.TrimRight(strings.Join(text, "\n"), "\n") + "\n"}
}

// pair splits "key: value".
func pair(s string) (key, value string, ok bool) {
	key, value, ok = strings.Cut(s, ":")
	if !ok || key == "" || value != "" && value[0] != ' ' {
		return "", "", false
	}
	for _, c := range key {
		if c != '_' && c != '-' && c != '.' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "", "", false
		}
	}
	return key, strings.TrimLeft(value, " "), true
}

// scalar reads a scalar of one line.
func (p *simple) scalar(s string) string {
	if s != "" && p.at < len(p.lines) && p.continues() {
		p.failed = true
	}
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') {
		inner := s[1 : len(s)-1]
		if s[len(s)-1] != s[0] || strings.ContainsAny(inner, `\`+s[:1]) {
			p.failed = true
		}
		return inner
	}
	if s == "" || strings.ContainsAny(s[:1], `"'|>&*!{}[]%@#,?:-`+"`") || strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") {
		p.failed = true
	}
	return s
}

// continues reports whether the next line may go on with the scalar before it:
// whether it is anything but the next key or item.
func (p *simple) continues() bool {
	next := strings.TrimLeft(p.lines[p.at], " ")
	if next == "" || isItem(next) {
		return false
	}
	_, _, ok := pair(next)
	return !ok
}
