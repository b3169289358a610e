package config

import (
	"bytes"
	"errors"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// command is one instruction, with the names that conftest gives its fields.
type command struct {
	// Cmd is the instruction in lower case; SubCmd that behind ONBUILD.
	Cmd    string `json:"Cmd"`
	SubCmd string `json:"SubCmd"`
	// JSON is true for the exec form.
	JSON      bool     `json:"JSON"`
	Original  string   `json:"Original"`
	StartLine int      `json:"StartLine"`
	EndLine   int      `json:"EndLine"`
	Flags     []string `json:"Flags"`
	Value     []string `json:"Value"`
	// Stage counts the FROM instructions from 0.
	Stage int `json:"Stage"`
	// Heredocs are the contents of here-documents; left out if there are none.
	Heredocs []string `json:"Heredocs,omitempty"`
}

// parseDockerfile gives one document: the list of instructions of all stages.
func parseDockerfile(data []byte) ([]document, error) {
	res, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		line := 0
		if e, ok := errors.AsType[*parser.LocationError](err); ok && len(e.Locations) > 0 && len(e.Locations[0]) > 0 {
			line = e.Locations[0][0].Start.Line
		}
		return nil, invalid("Dockerfile", line, "the syntax is wrong, or it has no instruction")
	}
	commands := make([]command, 0, len(res.AST.Children))
	stage := -1
	for _, n := range res.AST.Children {
		c := command{Cmd: strings.ToLower(n.Value), Original: n.Original, StartLine: n.StartLine, EndLine: n.EndLine}
		if c.Cmd == "from" {
			stage++
		}
		c.Stage = max(stage, 0)
		c.Flags = append([]string{}, n.Flags...)
		for _, h := range n.Heredocs {
			c.Heredocs = append(c.Heredocs, h.Content)
		}
		if n.Next != nil && len(n.Next.Children) > 0 { // ONBUILD
			n = n.Next.Children[0]
			c.SubCmd = strings.ToLower(n.Value)
			c.Flags = append(c.Flags, n.Flags...)
		}
		c.JSON = n.Attributes["json"]
		c.Value = []string{}
		for v := n.Next; v != nil; v = v.Next {
			c.Value = append(c.Value, v.Value)
		}
		commands = append(commands, c)
	}
	return []document{{line: 1, content: commands}}, nil
}
