package iac

import (
	"context"
	"fmt"
	"io/fs"
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
	template, err := cloudformation.New().ParseFile(ctx, oneFile{fstest.MapFS{f.Path: {Data: f.Data}}}, f.Path)
	if err != nil {
		return fmt.Errorf("parse CloudFormation: %w", err)
	}
	value, err := ast.InterfaceToValue(adapter.Adapt(*template).ToRego())
	if err != nil {
		return fmt.Errorf("make the input of checks: %w", err)
	}
	return s.evaluate(ctx, subject{typ: typeCloudFormation, input: checks.Cloud, value: value, path: f.Path, resourceAt: logicalIDs(doc)}, out)
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
