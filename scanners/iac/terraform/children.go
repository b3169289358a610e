package terraform

import (
	"maps"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy/pkg/iac/terraform"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// evaluateChildren evaluates each module call whose inputs changed, and reports
// whether there was any.
func (m *module) evaluateChildren() bool {
	changed, stale := false, false
	keep := map[string]bool{}
	refer := func() {
		m.ctx.Inner().Variables["module"] = m.outputsOfChildren()
		stale = false
	}
	for _, b := range m.calls() {
		if m.eval.ctx.Err() != nil {
			return false
		}
		name := b.FullName()
		keep[name] = true
		if stale && slices.ContainsFunc(references(b.GetAttributes()), func(name [2]string) bool { return name[0] == "module" }) {
			refer()
		}
		inputs := callInputs(b)
		if old, ok := m.children[name]; ok && (old == nil || same(old.inputs, inputs)) {
			continue
		}
		child := m.child(b, inputs)
		m.children[name] = child // nil: not again
		changed = true
		if child != nil {
			child.evaluate()
			stale = true
		}
	}
	if stale {
		refer()
	}
	maps.DeleteFunc(m.children, func(name string, _ *module) bool { return !keep[name] })
	return changed
}

// calls are the module blocks, those that others refer to first.
func (m *module) calls() terraform.Blocks {
	byName := map[string]terraform.Blocks{}
	var names []string
	for _, b := range m.blocks {
		if b.Type() == "module" && b.Label() != "" {
			name := b.Reference().NameLabel()
			if byName[name] == nil {
				names = append(names, name)
			}
			byName[name] = append(byName[name], b)
		}
	}
	var sorted terraform.Blocks
	visited := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if visited[name] {
			return
		}
		visited[name] = true
		for _, b := range byName[name] {
			for _, attr := range b.GetAttributes() {
				for _, t := range attr.HCLAttribute().Expr.Variables() {
					if step, ok := second(t); ok && t.RootName() == "module" {
						visit(step)
					}
				}
			}
		}
		sorted = append(sorted, byName[name]...)
	}
	for _, name := range names {
		visit(name)
	}
	return sorted
}

// second is the name after the first of a reference.
func second(t hcl.Traversal) (string, bool) {
	if len(t) < 2 {
		return "", false
	}
	attr, ok := t[1].(hcl.TraverseAttr)
	return attr.Name, ok
}

// callInputs are the arguments of a module call.
func callInputs(b *terraform.Block) map[string]cty.Value {
	inputs := map[string]cty.Value{}
	for _, attr := range b.GetAttributes() {
		switch attr.Name() {
		case "source", "version", "count", "for_each", "providers", "depends_on":
			continue
		}
		inputs[attr.Name()] = valueOf(attr, b)
	}
	return inputs
}

// valueOf is the value of an attribute, null or unknown as it may be.
func valueOf(attr *terraform.Attribute, b *terraform.Block) (v cty.Value) {
	defer func() {
		if recover() != nil { // the evaluation of odd values can panic
			v = cty.DynamicVal
		}
	}()
	v, diags := attr.HCLAttribute().Expr.Value(b.Context().Inner())
	if diags.HasErrors() || v == cty.NilVal {
		return cty.DynamicVal
	}
	return v
}

// child makes the module that a block calls. It returns nil after noting a
// problem.
func (m *module) child(b *terraform.Block, inputs map[string]cty.Value) *module {
	key := strings.TrimPrefix(m.key+"."+b.Reference().NameLabel(), ".")
	dir, ok := m.resolve(b, key)
	if !ok {
		return nil
	}
	rng := b.HCLBlock().DefRange
	if slices.Contains(m.path, dir) {
		m.eval.problem(gatehouse.GapUnresolved, rng, b.FullName(), "module %q calls itself through %s, which Terraform refuses; break the cycle", b.Label(), dir)
		return nil
	}
	if len(m.path) > limits.MaxTerraformDepth {
		m.eval.problem(gatehouse.GapTooLarge, rng, b.FullName(), "module %q is called through more than the limit of %d others and was not looked at from there", b.Label(), limits.MaxTerraformDepth)
		return nil
	}
	if m.eval.modules++; m.eval.modules > limits.MaxTerraformModules {
		if m.eval.modules == limits.MaxTerraformModules+1 { // one of all is enough
			m.eval.problem(gatehouse.GapTooLarge, rng, b.FullName(), "there are more than the limit of %d modules below %q; this one and those after it were not looked at", limits.MaxTerraformModules, m.root)
		}
		return nil
	}
	return m.eval.newModule(&module{
		eval: m.eval, root: m.root, dir: dir, path: append(slices.Clone(m.path), dir), call: b, key: key, inputs: inputs,
	})
}

// resolve finds the directory of a module call.
func (m *module) resolve(b *terraform.Block, key string) (dir string, ok bool) {
	rng := b.HCLBlock().DefRange
	attr := b.GetAttribute("source")
	source := ""
	if attr != nil {
		if v := attr.Value(); v != cty.NilVal && v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
			source = v.AsString()
		}
	}
	if source == "" {
		m.eval.problem(gatehouse.GapUnresolved, rng, b.FullName(), "module %q has no source that is known before an apply; write it out", b.Label())
		return "", false
	}
	if dir, ok := localDir(m.dir, source); ok {
		if _, exists := m.eval.tree.blocks[dir]; !exists {
			m.eval.problem(gatehouse.GapUnresolved, rng, b.FullName(), "module %q from %q: there is no Terraform configuration in %q; add it to the target, or correct the source", b.Label(), source, dir)
			return "", false
		}
		return dir, true
	}
	if dir := m.eval.tree.installed[m.root][key]; dir != "" {
		if _, exists := m.eval.tree.blocks[dir]; exists {
			return dir, true
		}
	}
	m.eval.problem(gatehouse.GapUnresolved, rng, b.FullName(),
		"module %q from %q is not part of the target and nothing is downloaded; run \"terraform init\" before the scan and include .terraform/modules, or vendor the module", b.Label(), source)
	return "", false
}

// outputsOfChildren is what "module" refers to.
func (m *module) outputsOfChildren() cty.Value {
	values := map[string]cty.Value{}
	for _, b := range m.blocks {
		if b.Type() != "module" || b.Label() == "" {
			continue
		}
		name := b.Reference().NameLabel()
		outputs := cty.DynamicVal
		if child := m.children[b.FullName()]; child != nil && !undivided(b) {
			outputs = child.outputs()
		}
		values[name] = withInstance(values[name], b, outputs)
	}
	for _, b := range m.none {
		if b.Type() == "module" && b.Label() != "" {
			values[b.Reference().NameLabel()] = noInstances(b)
		}
	}
	return cty.ObjectVal(values)
}

func (m *module) outputs() cty.Value {
	outputs := map[string]cty.Value{}
	for _, b := range m.blocks {
		if b.Type() != "output" || b.Label() == "" {
			continue
		}
		outputs[b.Label()] = cty.DynamicVal
		if attr := b.GetAttribute("value"); attr != nil {
			outputs[b.Label()] = m.bounded(b, attr.MarkedValue())
		}
	}
	return cty.ObjectVal(outputs)
}
