package iac

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"

	adapter "github.com/aquasecurity/trivy/pkg/iac/adapters/arm"
	"github.com/aquasecurity/trivy/pkg/iac/state"
	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/arm"
)

// scanARM looks at a template of Azure Resource Manager.
func (s *scanner) scanARM(ctx context.Context, name string, doc *yaml.Node, out reporter) error {
	template, err := arm.Read(name, doc)
	if err != nil {
		return err
	}
	if len(template.Missing) > 0 {
		var names []string
		for _, m := range template.Missing {
			names = append(names, m.Name)
		}
		shown := strings.Join(names[:min(5, len(names))], ", ")
		if len(names) > 5 {
			shown += fmt.Sprintf(" and %d more", len(names)-5)
		}
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnknown, Path: name, Line: template.Missing[0].Line,
			Reason: "no value is given for the parameters " + shown + ", so what depends on them was not judged; give a defaultValue"})
	}
	for _, l := range template.Links {
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: name, Line: l.Line, Entry: l.Name,
			Reason: fmt.Sprintf("the deployment %q is another template, which is not known here; scan it as well, and waive this", l.Name)})
	}
	for _, d := range template.Deployments {
		st := &state.State{}
		if err := guarded(func() { st = adapter.Adapt(ctx, d) }); err != nil {
			out.Gap(gatehouse.Gap{Code: gatehouse.GapPanic, Path: name, Line: d.Metadata.Range().GetStartLine(),
				Reason: fmt.Sprintf("the resources could not be read (%v) and were not judged; look for a property of the wrong type", err)})
		}
		value, err := ast.InterfaceToValue(st.ToRego())
		if err != nil {
			return fmt.Errorf("make the input of checks: %w", err)
		}
		sub := subject{typ: typeARM, input: checks.Cloud, value: value, path: name, line: 1, unknownAt: template.Unknown}
		if err := s.evaluateUnknown(ctx, sub, out); err != nil {
			return err
		}
	}
	return nil
}

// bicepGroup is all Bicep of the target, with the files that it may have been
// compiled to.
func bicepGroup(files []gatehouse.FileInfo) (gatehouse.Group, bool) {
	g := gatehouse.Group{Type: typeBicep, Dir: "."}
	compiled := map[string]bool{}
	for _, f := range files {
		if strings.HasSuffix(f.Path, ".bicep") {
			g.Owned = append(g.Owned, f.Path)
			compiled[strings.TrimSuffix(f.Path, ".bicep")+".json"] = true
		}
	}
	for _, f := range files {
		if compiled[f.Path] {
			g.Context = append(g.Context, f.Path)
		}
	}
	return g, len(g.Owned) > 0
}

// bicepModule is a reference of one Bicep file to another.
var bicepModule = regexp.MustCompile(`(?m)^\s*module\s+\w+\s+'([^':]+\.bicep)'`)

// scanBicep says which Bicep was not judged: that whose compiled form is not
// beside it, and that is no module of one whose form is.
func (s *scanner) scanBicep(_ context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	judged := map[string]bool{}
	var mark func(name string)
	mark = func(name string) {
		f := g.Files[name]
		if f == nil || judged[name] {
			return
		}
		judged[name] = true
		for _, m := range bicepModule.FindAllSubmatch(f.Data, -1) {
			mark(path.Join(path.Dir(name), string(m[1])))
		}
	}
	for _, name := range g.Owned {
		if f := g.Files[strings.TrimSuffix(name, ".bicep")+".json"]; f != nil && isCompiledBicep(f.Data) {
			mark(name)
		}
	}
	for _, name := range g.Owned {
		if !judged[name] && g.Files[name] != nil {
			p.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: name,
				Reason: fmt.Sprintf("Bicep is judged in its compiled form; run \"az bicep build --file %s\" before the scan, which writes it beside the file", name)})
		}
	}
	return nil
}

func isCompiledBicep(data []byte) bool {
	var t struct {
		Schema   string `json:"$schema"`
		Metadata struct {
			Generator struct{ Name string } `json:"_generator"`
		}
	}
	return json.Unmarshal(bytes.TrimPrefix(data, []byte("\uFEFF")), &t) == nil && strings.EqualFold(t.Metadata.Generator.Name, "bicep") &&
		strings.Contains(strings.ToLower(t.Schema), "deploymenttemplate.json")
}
