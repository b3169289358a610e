package helm

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	tree "text/template/parse"
)

// A mark says from which line of which template the text behind it is. YAML
// allows neither of the two characters around it.
const (
	markStart = '\x01'
	markEnd   = '\x02'
)

// mark puts marks into a template: at each line of its text and before each
// action. What functions get has none, as they see the results of actions
// alone.
func mark(file int, text string, list *tree.ListNode) {
	m := marker{file: file, text: text}
	m.list(list)
}

type marker struct {
	file, line, pos int // the line of pos
	text            string
}

func (m *marker) mark(pos int) string {
	if pos < m.pos || pos > len(m.text) {
		m.line, m.pos = 0, 0
		pos = min(pos, len(m.text))
	}
	m.line += strings.Count(m.text[m.pos:pos], "\n")
	m.pos = pos
	return fmt.Sprintf("%c%d:%d%c", markStart, m.file, m.line+1, markEnd)
}

func (m *marker) list(list *tree.ListNode) {
	if list == nil {
		return
	}
	nodes := make([]tree.Node, 0, 2*len(list.Nodes))
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *tree.TextNode:
			m.textNode(n)
		case *tree.ActionNode:
			nodes = append(nodes, m.node(int(n.Pos)))
		case *tree.TemplateNode:
			nodes = append(nodes, m.node(int(n.Pos)))
		case *tree.IfNode:
			m.list(n.List)
			m.list(n.ElseList)
		case *tree.RangeNode:
			m.list(n.List)
			m.list(n.ElseList)
		case *tree.WithNode:
			m.list(n.List)
			m.list(n.ElseList)
		}
		nodes = append(nodes, n)
	}
	list.Nodes = nodes
}

func (m *marker) node(pos int) tree.Node {
	return &tree.TextNode{NodeType: tree.NodeText, Pos: tree.Pos(pos), Text: []byte(m.mark(pos))}
}

func (m *marker) textNode(n *tree.TextNode) {
	var b bytes.Buffer
	pos := int(n.Pos)
	for line := range bytes.Lines(n.Text) {
		b.WriteString(m.mark(pos))
		b.Write(line)
		pos += len(line)
	}
	n.Text = b.Bytes()
}

// unmark takes the marks out. lines has for each line of the text the line of
// the template that it is from, or 0 if it is from another template.
func unmark(file int, marked string) (text string, lines []int) {
	var b strings.Builder
	b.Grow(len(marked))
	current, first := 0, -1
	end := func() {
		if first < 0 {
			first = current
		}
		lines = append(lines, first)
		first = -1
	}
	for len(marked) > 0 {
		i := strings.IndexAny(marked, "\x01\n")
		if i < 0 {
			b.WriteString(marked)
			break
		}
		b.WriteString(marked[:i])
		if first < 0 && strings.TrimSpace(marked[:i]) != "" {
			first = current
		}
		if marked[i] == '\n' {
			b.WriteByte('\n')
			end()
			marked = marked[i+1:]
			continue
		}
		body, rest, ok := strings.Cut(marked[i+1:], string(markEnd))
		from, line, _ := strings.Cut(body, ":")
		n, err := strconv.Atoi(line)
		if !ok || err != nil {
			marked = marked[i+1:] // it was in the values
			continue
		}
		if current = n; from != strconv.Itoa(file) {
			current = 0
		}
		marked = rest
	}
	end()
	return b.String(), lines
}

// withoutMarks is a text that a function may get.
func withoutMarks(s string) string {
	if strings.IndexByte(s, markStart) < 0 {
		return s
	}
	text, _ := unmark(-1, s)
	return text
}
