package iac

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/plan"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/terraform"
)

// isPlanFile reports whether a file is named like a plan that "terraform plan
// -out" writes.
func isPlanFile(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch base {
	case "tfplan", "plan.out", "tfplan.out", "plan.tfplan", "tfplan.binary":
		return true
	}
	return path.Ext(base) == ".tfplan"
}

// scanPlanFile looks at a plan in the form that only Terraform reads.
func (s *scanner) scanPlanFile(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	if trimmed := bytes.TrimLeft(f.Data, " \t\r\n\uFEFF"); len(trimmed) > 0 && trimmed[0] == '{' {
		return s.scanDocuments(ctx, f, p)
	}
	archive, err := zip.NewReader(bytes.NewReader(f.Data), int64(len(f.Data)))
	if err != nil || !slices.ContainsFunc(archive.File, func(m *zip.File) bool { return m.Name == "tfplan" }) {
		p.Skip("it is named like a plan of Terraform, but is none")
		return nil
	}
	return &gatehouse.Unscannable{Code: gatehouse.GapUnresolved,
		Reason: fmt.Sprintf("a plan in its binary form is not read; scan what \"terraform show -json %s\" (or \"tofu show -json %s\") writes", path.Base(f.Path), path.Base(f.Path))}
}

// scanPlan looks at the resources as they will be after a plan is applied.
func (s *scanner) scanPlan(ctx context.Context, name string, doc *yaml.Node, out reporter) error {
	planned, err := plan.Read(doc)
	if err != nil {
		return err
	}
	if planned.Incomplete != "" {
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: name, Reason: planned.Incomplete + "; make it again"})
	}
	if len(planned.Undecided) > 0 {
		out.Gap(undecidedArguments(name, planned.Undecided))
	}
	files := map[string][]byte{}
	resources := map[string]plan.Resource{}
	for i, r := range planned.Resources {
		file := fmt.Sprintf("%06d.tf.json", i)
		files[file], resources[file] = r.Config, r
	}
	if len(files) == 0 {
		return nil
	}
	files["unknown.tf"] = []byte("variable \"" + plan.Unknown + "\" {\n  sensitive = true\n}\n")
	out = &planReporter{reporter: out, name: name, secrets: planned.Sensitive}
	problems, err := terraform.Evaluate(ctx, files, nil, func(c *terraform.Configuration) error {
		st, errs := adapt(c.Modules)
		for _, err := range errs {
			out.Gap(gatehouse.Gap{Code: gatehouse.GapPanic, Path: name, Reason: fmt.Sprintf("%v and were not judged", err)})
		}
		value, err := ast.InterfaceToValue(st.ToRego())
		if err != nil {
			return fmt.Errorf("make the input of checks: %w", err)
		}
		return s.evaluateUnknown(ctx, subject{
			typ: typeTerraformPlan, input: checks.Cloud, value: value, path: name, line: doc.Line,
			place: func(loc *gatehouse.Location) {
				r := resources[path.Base(loc.Path)]
				*loc = gatehouse.Location{Path: name, Line: max(r.Line, 1)}
			},
			rename: func(r *checks.Result) {
				if res, ok := resources[path.Base(r.Path)]; ok {
					generated := res.Type + "." + res.Name
					r.Message = strings.ReplaceAll(r.Message, generated, res.Address)
					r.Root, r.Resource = res.Address, res.Address+strings.TrimPrefix(r.Resource, generated)
				}
			},
		}, out)
	})
	for _, problem := range problems {
		r := resources[path.Base(problem.Path)]
		out.Gap(gatehouse.Gap{Code: problem.Code, Path: name, Line: r.Line, Entry: r.Address, Reason: problem.Reason})
	}
	return err
}

func undecidedArguments(name string, all []plan.Undecided) gatehouse.Gap {
	var shown []string
	for _, u := range all[:min(5, len(all))] {
		shown = append(shown, u.Address+"."+u.Argument)
	}
	text := strings.Join(shown, ", ")
	if len(all) > 5 {
		text += fmt.Sprintf(" and %d more", len(all)-5)
	}
	return gatehouse.Gap{Code: gatehouse.GapUnknown, Path: name, Line: all[0].Line, Entry: all[0].Address,
		Reason: "the plan knows only after the apply what is in " + text + ", so it was not judged; plan again once it is known, or write it out"}
}

// planReporter keeps what a plan marks as sensitive out of findings.
type planReporter struct {
	reporter
	name    string
	secrets []string
}

func (p *planReporter) Report(f gatehouse.Finding) {
	for _, secret := range p.secrets {
		f.Message = strings.ReplaceAll(f.Message, secret, "***")
	}
	p.reporter.Report(f)
}
