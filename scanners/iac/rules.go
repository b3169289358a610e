package iac

import (
	"context"
	"embed"
	"fmt"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ansible"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/compose"
)

// ruleChecks has one folder for each check of our own of the types that have a
// model here, below the name of the type.
//
//go:embed rules/*/*/check.rego
var ruleChecks embed.FS

//go:embed ruleslib
var ruleLibrary embed.FS

// loadRules reads the checks of our own. Those of a type are compiled when its
// first file is met.
func loadRules(now time.Time) (*checks.Set, error) {
	set, err := checks.Load(ruleChecks, nil, ruleLibrary, now)
	if err != nil {
		return nil, fmt.Errorf("of our own: %w", err)
	}
	return set, nil
}

// scanModel judges the model of a file with the checks of its type.
func (s *scanner) scanModel(ctx context.Context, t checks.Type, path string, model any, out reporter) error {
	value, err := ast.InterfaceToValue(model)
	if err != nil {
		return fmt.Errorf("make the input of checks: %w", err)
	}
	return s.evaluate(ctx, subject{typ: string(t), input: t, value: value, path: path, line: 1}, out)
}

// scanAnsible looks at a file of Ansible.
func (s *scanner) scanAnsible(ctx context.Context, path string, doc *yaml.Node, out reporter) error {
	file, err := ansible.Read(path, expand(doc))
	if err != nil {
		return err
	}
	for _, a := range file.Undecided {
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnknown, Path: path, Line: a.Line, Entry: a.Name,
			Reason: fmt.Sprintf("the value of %s is a template, so it was not judged; write it out, or waive this", a.Name)})
	}
	return s.scanModel(ctx, checks.Ansible, path, file, out)
}

// scanCompose looks at a file of Docker Compose.
func (s *scanner) scanCompose(ctx context.Context, path string, doc *yaml.Node, out reporter) error {
	file, err := compose.Read(expand(doc))
	if err != nil {
		return err
	}
	for _, r := range file.Remote {
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: path, Line: r.Line, Entry: mask(r.Text),
			Reason: fmt.Sprintf("a part comes from %s, and nothing is downloaded; keep it beside the file, or waive this", mask(r.Text))})
	}
	if len(file.Unknown) > 0 {
		names := make([]string, len(file.Unknown))
		for i, v := range file.Unknown {
			names[i] = v.Name
		}
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnknown, Path: path, Line: file.Unknown[0].Line,
			Reason: fmt.Sprintf("no value is given for %s, so what depends on it was not judged; give a default, as in ${%s:-value}", strings.Join(names[:min(5, len(names))], ", "), names[0])})
	}
	return s.scanModel(ctx, checks.Compose, path, file, out)
}
