package config

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// parseDockerfile gives one document: a list with one element, the list of the
// instructions of all stages, so that a policy judges them together. The names
// of the fields are those of conftest:
//
//   - Cmd is the instruction in lower case, SubCmd that behind ONBUILD. A comment
//     above an instruction is a "comment".
//   - JSON is true for the exec form.
//   - Value, Flags and Original are the words, the flags and the text.
//   - Stage counts the FROM instructions from 0.
//   - StartLine and EndLine are the lines.
//   - Heredocs are the contents of here-documents; left out if there are none.
func parseDockerfile(data []byte) ([]document, error) {
	res, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		line := 0
		if e, ok := errors.AsType[*parser.LocationError](err); ok && len(e.Locations) > 0 && len(e.Locations[0]) > 0 {
			line = e.Locations[0][0].Start.Line
		}
		return nil, invalid("Dockerfile", line, "the syntax is wrong, or it has no instruction")
	}
	var commands []*value
	stage := -1
	for _, n := range res.AST.Children {
		if strings.EqualFold(n.Value, "from") {
			stage++
		}
		for i, c := range n.PrevComment {
			line := max(n.StartLine-len(n.PrevComment)+i, 1)
			commands = append(commands, instruction(line, line, map[string]any{
				"Cmd": "comment", "SubCmd": "", "JSON": false, "Original": c, "Flags": []string{}, "Value": []string{c}, "Stage": max(stage, 0),
			}))
		}
		commands = append(commands, commandOf(n, max(stage, 0)))
	}
	return []document{{line: 1, content: at(1, 1, []*value{at(1, 1, commands)})}}, nil
}

func commandOf(n *parser.Node, stage int) *value {
	cmd, start, end := strings.ToLower(n.Value), n.StartLine, n.EndLine
	fields := map[string]any{"Cmd": cmd, "SubCmd": "", "Original": n.Original, "Stage": stage}
	flags := slices.Clone(n.Flags)
	var heredocs []string
	for _, h := range n.Heredocs {
		heredocs = append(heredocs, h.Content)
	}
	if n.Next != nil && len(n.Next.Children) > 0 { // ONBUILD
		n = n.Next.Children[0]
		fields["SubCmd"] = strings.ToLower(n.Value)
		flags = append(flags, n.Flags...)
	}
	var words []string
	for v := n.Next; v != nil; v = v.Next {
		words = append(words, v.Value)
	}
	fields["JSON"], fields["Flags"], fields["Value"] = n.Attributes["json"], flags, words
	if len(heredocs) > 0 {
		fields["Heredocs"] = heredocs
	}
	return instruction(start, end, fields)
}

// instruction makes the object of an instruction; all of it stands at its
// start.
func instruction(start, end int, fields map[string]any) *value {
	object := map[string]*value{"StartLine": at(start, 1, int64(start)), "EndLine": at(start, 1, int64(end))}
	for name, f := range fields {
		list, ok := f.([]string)
		if !ok {
			object[name] = at(start, 1, f)
			continue
		}
		items := make([]*value, len(list))
		for i, s := range list {
			items[i] = at(start, 1, s)
		}
		object[name] = at(start, 1, items)
	}
	return at(start, 1, object)
}
