package iac

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// maxLoopItems bounds what the loops of one template expand to. CloudFormation
// refuses templates with more than 500 resources.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxLoopItems = 100_000

// checkTemplate refuses templates that the parser would follow for ever:
// those whose parts refer to each other in a circle, which CloudFormation
// refuses as well, and those whose loops multiply.
func checkTemplate(doc *yaml.Node) error {
	g := references{edges: map[string]map[string]bool{}}
	for _, section := range []string{"Resources", "Conditions", "Outputs", "Parameters", "Rules"} {
		n := document.Get(doc, section)
		if n == nil || n.Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			g.from = section + "/" + document.Resolve(n.Content[i]).Value
			g.edges[g.from] = map[string]bool{}
			g.visit(document.Resolve(n.Content[i+1]))
		}
	}
	if circle := g.circle(); circle != "" {
		return &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: fmt.Sprintf("%s refers to itself in a circle, which CloudFormation refuses; break the circle", circle)}
	}
	longest := 1
	walk(doc, func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			longest = max(longest, strings.Count(n.Value, ",")+1)
		}
	})
	if loops(doc, longest) > maxLoopItems {
		return &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf("its loops expand to more than the limit of %d items", maxLoopItems)}
	}
	return nil
}

func walk(n *yaml.Node, f func(*yaml.Node)) {
	n = document.Resolve(n)
	f(n)
	for _, c := range n.Content {
		walk(c, f)
	}
}

// references is what the parts of a template refer to, each as "section/name".
type references struct {
	edges map[string]map[string]bool
	from  string
}

func (g *references) add(section, name string) {
	g.edges[g.from][section+"/"+name] = true
}

// inText finds ${Resource.Attribute}.
var inText = regexp.MustCompile(`\$\{([^.}]+)\.`)

func (g *references) visit(n *yaml.Node) {
	n = document.Resolve(n)
	g.function(strings.TrimPrefix(n.Tag, "!"), n)
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			g.function(strings.TrimPrefix(document.Resolve(c).Value, "Fn::"), document.Resolve(n.Content[i+1]))
			continue
		}
		g.visit(c)
	}
}

// function notes what the call of an intrinsic function refers to.
func (g *references) function(name string, arg *yaml.Node) {
	first := arg
	if arg.Kind == yaml.SequenceNode && len(arg.Content) > 0 {
		first = document.Resolve(arg.Content[0])
	}
	if first.Kind != yaml.ScalarNode {
		if name == "GetAtt" {
			g.add("Resources", "") // computed: any of them
		}
		return
	}
	switch name {
	case "GetAtt":
		resource, _, _ := strings.Cut(first.Value, ".")
		g.add("Resources", resource)
	case "Sub":
		for _, m := range inText.FindAllStringSubmatch(first.Value, -1) {
			g.add("Resources", m[1])
		}
	case "Condition", "If":
		g.add("Conditions", first.Value)
	}
}

// circle is a part that refers to itself, directly or not; "" if there is
// none.
func (g *references) circle() string {
	names := make([]string, 0, len(g.edges))
	for name := range g.edges {
		names = append(names, name)
	}
	sort.Strings(names)
	const running, done = 1, 2
	state := map[string]int{}
	var visit func(name string) bool
	visit = func(name string) bool {
		switch state[name] {
		case running:
			return true
		case done:
			return false
		}
		state[name] = running
		for to := range g.edges[name] {
			for _, to := range g.targets(to, names) {
				if visit(to) {
					return true
				}
			}
		}
		state[name] = done
		return false
	}
	for _, name := range names {
		if visit(name) {
			return name
		}
	}
	return ""
}

// targets are the parts that a reference can mean: itself, those that a loop
// may make, or all resources if it is computed.
func (g *references) targets(to string, names []string) []string {
	if _, ok := g.edges[to]; ok || !strings.HasPrefix(to, "Resources/") {
		return []string{to}
	}
	prefix := "Resources/Fn::ForEach"
	if to == "Resources/" {
		prefix = to
	}
	var all []string
	for _, name := range names {
		if strings.HasPrefix(name, prefix) {
			all = append(all, name)
		}
	}
	return all
}

// loops is how many items the loops of a tree expand to, at most. It stops
// counting above the limit.
func loops(n *yaml.Node, longest int) int {
	n = document.Resolve(n)
	total := 1
	for i, c := range n.Content {
		c = document.Resolve(c)
		items := loops(c, longest)
		if n.Kind == yaml.MappingNode && i%2 == 1 && strings.HasPrefix(document.Resolve(n.Content[i-1]).Value, "Fn::ForEach") {
			count := longest
			if c.Kind == yaml.SequenceNode && len(c.Content) > 1 {
				if list := document.Resolve(c.Content[1]); list.Kind == yaml.SequenceNode {
					count = len(list.Content)
				}
			}
			items *= max(1, count)
			total = max(total, items)
			if items > maxLoopItems {
				return items
			}
			continue
		}
		total = max(total, items)
	}
	return total
}
