package iac

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
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
	for _, gap := range outsideTemplate(doc) {
		out.Gap(gap)
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

// outsideTemplate finds the parts that come from elsewhere when a template is
// deployed: other templates, and what macros make of this one.
func outsideTemplate(doc *yaml.Node) []gatehouse.Gap {
	var gaps []gatehouse.Gap
	add := func(n *yaml.Node, entry, format string, args ...any) {
		gaps = append(gaps, gatehouse.Gap{Code: gatehouse.GapUnresolved, Line: n.Line, Entry: entry,
			Reason: fmt.Sprintf(format, args...) + ", which is not known here; check what is deployed, or waive this"})
	}
	if t := document.Get(doc, "Transform"); t != nil {
		names := []*yaml.Node{t}
		if t.Kind == yaml.SequenceNode {
			names = t.Content
		}
		for _, n := range names {
			n = document.Resolve(n)
			name := n.Value
			if n.Kind == yaml.MappingNode {
				name = document.String(n, "Name")
			}
			switch name {
			case "AWS::Serverless-2016-10-31", "AWS::LanguageExtensions":
			default:
				add(n, name, "the macro %q can change the whole template", name)
			}
		}
	}
	resources := document.Get(doc, "Resources")
	for i := 0; i+1 < len(resources.Content); i += 2 {
		key, value := document.Resolve(resources.Content[i]), document.Resolve(resources.Content[i+1])
		switch typ := document.String(value, "Type"); {
		case typ == "AWS::CloudFormation::Stack" || typ == "AWS::Serverless::Application":
			if document.String(value, "Metadata", "aws:asset:property") == "TemplateURL" && document.String(value, "Metadata", "aws:asset:path") != "" {
				continue // the CDK wrote it beside this one
			}
			url := document.String(value, "Properties", "TemplateURL") + document.String(value, "Properties", "Location")
			// A path is one of the target, and looked at in its own place.
			if url == "" || strings.Contains(url, "://") {
				add(key, key.Value, "the nested stack %q is another template", key.Value)
			}
		case strings.HasSuffix(typ, "::MODULE"):
			add(key, key.Value, "%q is made by the module %s", key.Value, typ)
		}
	}
	included := map[*yaml.Node]bool{}
	walk(doc, func(n *yaml.Node) {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if key := document.Resolve(n.Content[i]); key.Value == "Fn::Transform" && !included[key] {
				included[key] = true
				add(key, "Fn::Transform", "a part of the template is made by the macro %q", document.String(document.Resolve(n.Content[i+1]), "Name"))
			}
		}
	})
	return gaps
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
