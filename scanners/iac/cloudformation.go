package iac

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"testing/fstest"

	adapter "github.com/aquasecurity/trivy/pkg/iac/adapters/cloudformation"
	cloudformation "github.com/aquasecurity/trivy/pkg/iac/scanners/cloudformation/parser"
	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// scanTemplate looks at a CloudFormation template, which is within bounds.
func (s *scanner) scanTemplate(ctx context.Context, f *gatehouse.File, doc *yaml.Node, out reporter) error {
	if err := checkTemplate(doc); err != nil {
		return err
	}
	sub := subject{typ: typeCloudFormation, input: checks.Cloud, path: f.Path, resourceAt: logicalIDs(doc)}
	data, name := f.Data, f.Path
	if hasAlias(doc) {
		// The parser does not know aliases. With them written out, lines are
		// other lines, so findings are where their resource is.
		var err error
		if data, err = yaml.Marshal(expand(doc)); err != nil {
			return fmt.Errorf("write out the aliases: %w", err)
		}
		expanded, err := document.Parse(data)
		if err != nil {
			return err
		}
		if len(expanded) != 1 {
			return errors.New("write out the aliases: there is not one document")
		}
		name = "template.yaml"
		sub.resourceAt = logicalIDs(expanded[0])
		sub.place = func(loc *gatehouse.Location) {
			*loc = gatehouse.Location{Path: f.Path, Line: lineOf(doc, sub.resourceAt(loc.Line))}
		}
	}
	if name == f.Path && path.Ext(name) != ".json" && json.Valid(data) {
		name = "template.json" // by which the parser knows
		sub.place = func(loc *gatehouse.Location) { loc.Path = f.Path }
	}
	template, err := cloudformation.New().ParseFile(ctx, oneFile{fstest.MapFS{name: {Data: data}}}, name)
	if err != nil {
		return fmt.Errorf("parse CloudFormation: %w", err)
	}
	sub.value, err = ast.InterfaceToValue(adapter.Adapt(*template).ToRego())
	if err != nil {
		return fmt.Errorf("make the input of checks: %w", err)
	}
	return s.evaluate(ctx, sub, out)
}

func hasAlias(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, hasAlias)
}

// expand writes out the aliases of a tree, which is within bounds, and merges
// what "<<" refers to.
func expand(n *yaml.Node) *yaml.Node {
	n = document.Resolve(n)
	out := *n
	out.Anchor, out.Content = "", nil
	seen := map[string]bool{}
	var merged []*yaml.Node
	for i, child := range n.Content {
		if n.Kind != yaml.MappingNode {
			out.Content = append(out.Content, expand(child))
			continue
		}
		if i%2 == 0 {
			continue
		}
		key := expand(n.Content[i-1])
		if key.ShortTag() == "!!merge" {
			merged = append(merged, expand(child))
			continue
		}
		seen[key.Value] = true
		out.Content = append(out.Content, key, expand(child))
	}
	for _, m := range merged {
		sources := []*yaml.Node{m}
		if m.Kind == yaml.SequenceNode {
			sources = m.Content
		}
		for _, src := range sources {
			for i := 0; src.Kind == yaml.MappingNode && i+1 < len(src.Content); i += 2 {
				if !seen[src.Content[i].Value] {
					seen[src.Content[i].Value] = true
					out.Content = append(out.Content, src.Content[i], src.Content[i+1])
				}
			}
		}
	}
	return &out
}

// lineOf is the line of a resource, or 0.
func lineOf(doc *yaml.Node, id string) int {
	if resources := document.Get(doc, "Resources"); resources != nil {
		for i := 0; i+1 < len(resources.Content); i += 2 {
			if key := document.Resolve(resources.Content[i]); key.Value == id {
				return key.Line
			}
		}
	}
	return 0
}

// logicalIDs finds the resource of a template that stands on a line.
func logicalIDs(doc *yaml.Node) func(line int) string {
	resources := document.Get(doc, "Resources")
	if resources == nil {
		resources = &yaml.Node{}
	}
	return func(line int) string {
		id := ""
		for i := 0; i+1 < len(resources.Content); i += 2 {
			if key := document.Resolve(resources.Content[i]); key.Line <= line {
				id = key.Value
			}
		}
		return id
	}
}

// oneFile is a file system that prints as a short word: the metadata of each
// value of a template hashes how its file system prints.
type oneFile struct{ fs.FS }

func (oneFile) String() string   { return "template" }
func (oneFile) GoString() string { return "template" }
