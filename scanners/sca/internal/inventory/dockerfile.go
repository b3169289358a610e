package inventory

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// syntaxLine names the image that reads the Dockerfile itself.
var syntaxLine = lazyregexp.New(`^#\s*syntax\s*=\s*(\S+)`)

// dockerStage is one FROM.
type dockerStage struct {
	name, image string
	line        int
	// on is the stage that it continues; -1 if it starts from an image.
	on int
}

// parseDockerfile reads the images that a Dockerfile builds on and copies
// from; see https://docs.docker.com/reference/dockerfile.
func parseDockerfile(f *Lockfile) (Inventory, error) {
	var inv Inventory
	parsed, err := parser.Parse(bytes.NewReader(f.Data))
	if err != nil {
		return inv, fmt.Errorf("it is no Dockerfile: %w", err)
	}
	if m := syntaxLine().FindSubmatch(f.Data); m != nil {
		inv.addImage(string(m[1]), 1, gatehouse.ScopeBuild)
	}
	args := map[string]string{}
	var stages []dockerStage
	find := func(name string) int {
		for i := len(stages) - 1; i >= 0; i-- {
			if strings.EqualFold(stages[i].name, name) && name != "" {
				return i
			}
		}
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(stages) {
			return i
		}
		return -1
	}
	for _, n := range parsed.AST.Children {
		switch words := nodeWords(n); strings.ToUpper(n.Value) {
		case "ARG":
			if len(stages) > 0 {
				continue // those within a stage do not reach FROM
			}
			for _, w := range words {
				if key, value, ok := strings.Cut(w, "="); ok {
					args[key] = expand(strings.Trim(value, `"'`), args)
				}
			}
		case "FROM":
			if len(words) == 0 {
				inv.gap(gatehouse.GapParse, n.StartLine, "", "FROM names no image")
				continue
			}
			s := dockerStage{image: expand(strings.Trim(words[0], `"'`), args), line: n.StartLine}
			s.on = -1
			for i := len(stages) - 1; i >= 0; i-- {
				if stages[i].name != "" && strings.EqualFold(stages[i].name, s.image) {
					s.on = i
					break
				}
			}
			if len(words) >= 3 && strings.EqualFold(words[1], "as") {
				s.name = words[2]
			}
			stages = append(stages, s)
		case "COPY", "ADD", "RUN":
			for _, from := range dockerFrom(n) {
				if from = expand(from, args); from != "" && find(from) < 0 {
					inv.addImage(from, n.StartLine, gatehouse.ScopeBuild)
				}
			}
		}
	}
	// What is shipped is the last stage and those that it continues.
	shipped := map[int]bool{}
	for i := len(stages) - 1; i >= 0; i = stages[i].on {
		shipped[i] = true
	}
	for i, s := range stages {
		scope := gatehouse.ScopeBuild
		if shipped[i] {
			scope = gatehouse.ScopeRuntime
		}
		if s.on < 0 {
			inv.addImage(s.image, s.line, scope)
		}
	}
	return inv, nil
}

func nodeWords(n *parser.Node) []string {
	var words []string
	for w := n.Next; w != nil; w = w.Next {
		words = append(words, w.Value)
	}
	return words
}

// dockerFrom are the stages or images that an instruction takes files from.
func dockerFrom(n *parser.Node) []string {
	var found []string
	for _, flag := range n.Flags {
		if from, ok := strings.CutPrefix(flag, "--from="); ok {
			found = append(found, strings.Trim(from, `"'`))
		}
		mount, ok := strings.CutPrefix(flag, "--mount=")
		if !ok {
			continue
		}
		for part := range strings.SplitSeq(mount, ",") {
			if from, ok := strings.CutPrefix(strings.Trim(part, `"'`), "from="); ok {
				found = append(found, from)
			}
		}
	}
	return found
}
