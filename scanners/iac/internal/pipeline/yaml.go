package pipeline

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// entry is one key of a mapping and its value, with aliases resolved.
type entry struct {
	key   string
	line  int // of the key
	value *yaml.Node
}

// entries lists a mapping with what is merged into it; a key of its own wins.
// It is nil for anything else.
func entries(n *yaml.Node) []entry {
	if n == nil {
		return nil
	}
	n = document.Resolve(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	var own, merged []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := document.Resolve(n.Content[i]), document.Resolve(n.Content[i+1])
		if key.ShortTag() == "!!merge" {
			sources := []*yaml.Node{value}
			if value.Kind == yaml.SequenceNode {
				sources = value.Content
			}
			for _, s := range sources {
				merged = append(merged, entries(s)...)
			}
			continue
		}
		if key.Kind == yaml.ScalarNode {
			seen[key.Value] = true
			own = append(own, entry{key.Value, max(n.Content[i].Line, 1), value})
		}
	}
	for _, e := range merged {
		if !seen[e.key] {
			seen[e.key] = true
			own = append(own, e)
		}
	}
	return own
}

// get is the value of a key, with what is merged; nil if there is none.
func get(n *yaml.Node, key string) *yaml.Node {
	e, _ := find(n, key)
	return e.value
}

func find(n *yaml.Node, key string) (entry, bool) {
	for _, e := range entries(n) {
		if e.key == key {
			return e, true
		}
	}
	return entry{}, false
}

// items are the elements of a sequence, or the one value that stands for it.
func items(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	n = document.Resolve(n)
	if n.Kind != yaml.SequenceNode {
		if isNull(n) {
			return nil
		}
		return []*yaml.Node{n}
	}
	all := make([]*yaml.Node, 0, len(n.Content))
	for _, c := range n.Content {
		all = append(all, document.Resolve(c))
	}
	return all
}

func isNull(n *yaml.Node) bool {
	return n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// text is the value of a scalar; "" for anything else.
func text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	n = document.Resolve(n)
	if n.Kind != yaml.ScalarNode || isNull(n) {
		return ""
	}
	return n.Value
}

// texts are the scalars of a sequence, or the one that stands for it.
func texts(n *yaml.Node) []string {
	all := []string{}
	for _, i := range items(n) {
		if s := text(i); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// lineAt is the line of the byte at of a scalar's value. It is exact for
// literal blocks and text of one line, and near for folded text.
func lineAt(n *yaml.Node, at int) int {
	line := max(n.Line, 1)
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		line++
	}
	return line + strings.Count(n.Value[:min(at, len(n.Value))], "\n")
}

// lineCounter gives the lines of rising places in a scalar, in one pass.
type lineCounter struct {
	n        *yaml.Node
	at, line int
}

func countLines(n *yaml.Node) *lineCounter { return &lineCounter{n: n, line: lineAt(n, 0)} }

func (c *lineCounter) lineOf(at int) int {
	c.line += strings.Count(c.n.Value[c.at:at], "\n")
	c.at = at
	return c.line
}

// commands splits a script into commands with lines: continued lines are
// joined, and comments and empty lines left out.
func commands(n *yaml.Node) []Text {
	if text(n) == "" {
		return []Text{}
	}
	n = document.Resolve(n)
	return linesOf(n.Value, lineAt(n, 0))
}

// linesOf splits a script that starts at a line.
func linesOf(script string, first int) []Text {
	all := []Text{}
	joined, start := "", 0
	for i, line := range strings.Split(script, "\n") {
		line = strings.TrimSpace(line)
		if joined == "" {
			if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//") || strings.HasPrefix(strings.ToLower(line), "rem ") {
				continue
			}
			start = first + i
		}
		// A continued pipe counts as one command too.
		if more, ok := strings.CutSuffix(line, "\\"); ok {
			joined += more + " "
			continue
		}
		if strings.HasSuffix(line, "|") || strings.HasSuffix(line, "`") && !strings.Contains(strings.TrimSuffix(line, "`"), "`") {
			joined += strings.TrimSuffix(line, "`") + " "
			continue
		}
		all = append(all, Text{Text: joined + line, Line: start})
		joined = ""
	}
	if joined != "" {
		all = append(all, Text{Text: joined, Line: start})
	}
	return all
}

// vars reads a mapping of names to values.
func vars(n *yaml.Node) []Var {
	all := []Var{}
	for _, e := range entries(n) {
		all = append(all, Var{Name: e.key, Value: text(e.value), Line: e.line})
	}
	return all
}

// gap notes a part that could not be read.
func (p *Pipeline) gap(n *yaml.Node, format string, args ...any) {
	line := 0
	if n != nil {
		line = max(n.Line, 1)
	}
	p.Gaps = append(p.Gaps, Gap{Line: line, Reason: fmt.Sprintf(format, args...)})
}

func newPipeline(system, kind string, root *yaml.Node) *Pipeline {
	return &Pipeline{
		System: system, Kind: kind, Line: max(root.Line, 1),
		Triggers: []Trigger{}, Env: []Var{}, Jobs: []Job{}, Uses: []Use{}, Images: []Image{},
		Expressions: []Expression{}, Conditions: []Condition{}, Updates: []Update{}, Oddities: []Oddity{}, Privileged: []Oddity{},
	}
}

func newJob(name string, line int) Job {
	return Job{Name: name, Line: line, Runner: []string{}, Env: []Var{}, Credentials: []Credential{}, Steps: []Step{}}
}

func newStep(line int) Step {
	return Step{Line: line, Lines: []Text{}, With: []Var{}, Env: []Var{}, Injections: []Injection{}}
}
