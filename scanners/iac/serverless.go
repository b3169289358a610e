package iac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing/fstest"

	adapter "github.com/aquasecurity/trivy/pkg/iac/adapters/cloudformation"
	cloudformation "github.com/aquasecurity/trivy/pkg/iac/scanners/cloudformation/parser"
	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/openapi"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/serverless"
)

// scanServerless looks at a configuration of the Serverless Framework, and at
// the CloudFormation in it.
func (s *scanner) scanServerless(ctx context.Context, path string, doc *yaml.Node, out reporter) error {
	file, err := serverless.Read(expand(doc))
	if err != nil {
		return err
	}
	for _, e := range file.Elsewhere {
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: path, Line: e.Line, Entry: mask(e.Text),
			Reason: fmt.Sprintf("a part is %s, which is not known here; scan what \"serverless print\" or \"serverless package\" writes, or waive this", mask(e.Text))})
	}
	for _, t := range file.Templates {
		if err := s.scanEmbeddedTemplate(ctx, path, t, out); err != nil {
			return fmt.Errorf("line %d: resources: %w", t.Line, err)
		}
	}
	return s.scanModel(ctx, checks.Serverless, path, file, out)
}

// scanEmbeddedTemplate looks at a CloudFormation template that is a part of a
// document. Findings are where their resource is.
func (s *scanner) scanEmbeddedTemplate(ctx context.Context, path string, template *yaml.Node, out reporter) error {
	if err := checkTemplate(template); err != nil {
		return err
	}
	for _, gap := range outsideTemplate(template) {
		gap.Path = path
		out.Gap(gap)
	}
	data, err := yaml.Marshal(template)
	if err != nil {
		return fmt.Errorf("write it out: %w", err)
	}
	written, err := document.Parse(data)
	if err != nil || len(written) != 1 {
		return errors.Join(errors.New("write it out: it is not one document"), err)
	}
	parsed, err := cloudformation.New().ParseFile(ctx, oneFile{fstest.MapFS{"template.yaml": {Data: data}}}, "template.yaml")
	if err != nil {
		return fmt.Errorf("parse CloudFormation: %w", err)
	}
	value, err := ast.InterfaceToValue(adapter.Adapt(*parsed).ToRego())
	if err != nil {
		return fmt.Errorf("make the input of checks: %w", err)
	}
	sub := subject{typ: string(checks.Serverless), input: checks.Cloud, value: value, path: path, line: template.Line, resourceAt: logicalIDs(written[0])}
	sub.place = func(loc *gatehouse.Location) {
		*loc = gatehouse.Location{Path: path, Line: max(lineOf(template, sub.resourceAt(loc.Line)), 1)}
	}
	return s.evaluate(ctx, sub, out)
}

// scanOpenAPI looks at a description of an HTTP interface.
func (s *scanner) scanOpenAPI(ctx context.Context, path string, doc *yaml.Node, out reporter) error {
	file, err := openapi.Read(expand(doc))
	if err != nil {
		return err
	}
	if n := len(file.Elsewhere); n > 0 {
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: path, Line: file.Elsewhere[0].Line, Entry: file.Elsewhere[0].Text,
			Reason: fmt.Sprintf("%d of the paths are described in other files, such as %s, and were not judged; bundle them into one file", n, file.Elsewhere[0].Text)})
	}
	return s.scanModel(ctx, checks.OpenAPI, path, file, out)
}

// isPulumiPreview reports whether a document is what "pulumi preview --json"
// writes.
func isPulumiPreview(doc *yaml.Node) bool {
	steps := document.Get(doc, "steps")
	if steps == nil || steps.Kind != yaml.SequenceNode || len(steps.Content) == 0 {
		return false
	}
	urn := document.String(document.Resolve(steps.Content[0]), "urn")
	return len(urn) > 11 && urn[:11] == "urn:pulumi:"
}

func hasPulumiSign(data []byte) bool {
	return bytes.Contains(data, []byte("urn:pulumi:")) && bytes.Contains(data, []byte(`"steps"`))
}
