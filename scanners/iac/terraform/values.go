package terraform

import (
	"github.com/aquasecurity/trivy/pkg/iac/terraform"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/gatehouse-sec/gatehouse"
)

// settle computes the values of all blocks until they no longer change.
func (m *module) settle() {
	var last map[string]cty.Value
	for range maxRounds {
		values := m.values()
		if same(last, values) || m.eval.ctx.Err() != nil {
			return
		}
		variables := m.ctx.Inner().Variables
		for name, v := range values {
			variables[name] = v
		}
		last = values
	}
}

func same(a, b map[string]cty.Value) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range b {
		old, ok := a[name]
		if !ok || !old.RawEquals(v) {
			return false
		}
	}
	return true
}

// values is what expressions of the module can refer to, as far as it is known.
func (m *module) values() map[string]cty.Value {
	vars := map[string]cty.Value{}
	locals := map[string]cty.Value{}
	resources := map[string]map[string]cty.Value{}
	data := map[string]map[string]cty.Value{}
	for _, b := range m.blocks {
		switch b.Type() {
		case "variable":
			if len(b.Labels()) == 1 {
				vars[b.Label()] = m.variable(b)
			}
		case "locals":
			for name, attr := range b.Attributes() {
				locals[name] = m.bounded(b, attr.MarkedValue())
			}
		case "resource":
			addInstance(resources, b)
		case "data":
			addInstance(data, b)
		}
	}
	values := map[string]cty.Value{
		"var":    cty.ObjectVal(vars),
		"local":  cty.ObjectVal(locals),
		"data":   byType(data),
		"module": m.outputsOfChildren(),
	}
	for typ, instances := range resources {
		if _, taken := values[typ]; !taken {
			values[typ] = cty.ObjectVal(instances)
		}
	}
	return values
}

func byType(types map[string]map[string]cty.Value) cty.Value {
	values := map[string]cty.Value{}
	for typ, instances := range types {
		values[typ] = cty.ObjectVal(instances)
	}
	return cty.ObjectVal(values)
}

// addInstance adds the values of a resource, or of one instance of it.
func addInstance(types map[string]map[string]cty.Value, b *terraform.Block) {
	ref := b.Reference()
	if ref.NameLabel() == "" {
		return
	}
	typ := types[ref.TypeLabel()]
	if typ == nil {
		typ = map[string]cty.Value{}
		types[ref.TypeLabel()] = typ
	}
	typ[ref.NameLabel()] = withInstance(typ[ref.NameLabel()], b, b.Values())
}

// withInstance adds the value of a block to those of the other instances of
// the same block.
func withInstance(others cty.Value, b *terraform.Block, value cty.Value) cty.Value {
	key := b.Reference().RawKey()
	if !b.IsExpanded() || key == cty.NilVal || key.IsNull() || !key.IsKnown() {
		return value
	}
	switch key.Type() {
	case cty.Number:
		var all []cty.Value
		if others != cty.NilVal && others.Type().IsTupleType() {
			all = others.AsValueSlice()
		}
		return cty.TupleVal(append(all, value))
	case cty.String:
		all := map[string]cty.Value{}
		if others != cty.NilVal && others.Type().IsObjectType() {
			for k, v := range others.AsValueMap() {
				all[k] = v
			}
		}
		all[key.AsString()] = value
		return cty.ObjectVal(all)
	}
	return value
}

// variable is the value of an input variable, unknown if nothing sets it.
func (m *module) variable(b *terraform.Block) cty.Value {
	typ, defaults := cty.DynamicPseudoType, (*typeexpr.Defaults)(nil)
	if attr := b.GetAttribute("type"); attr != nil {
		if t, d, err := attr.DecodeVarType(); err == nil && t != cty.NilType {
			typ, defaults = t, d
		}
	}
	v, ok := m.inputs[b.Label()]
	if attr := b.GetAttribute("default"); !ok && attr != nil {
		v, ok = attr.NullableValue(), true
	}
	if !ok || v == cty.NilVal {
		return cty.UnknownVal(typ)
	}
	if defaults != nil && v.IsKnown() && !v.IsNull() {
		v = apply(defaults, v)
	}
	if converted, err := convert.Convert(v, typ); err == nil {
		v = converted
	}
	return m.bounded(b, v)
}

// apply fills in the defaults of optional attributes. The library panics on
// values that do not fit the type.
func apply(d *typeexpr.Defaults, v cty.Value) (result cty.Value) {
	defer func() {
		if recover() != nil {
			result = v
		}
	}()
	return d.Apply(v)
}

// bounded is v, or unknown if v is too large.
func (m *module) bounded(b *terraform.Block, v cty.Value) cty.Value {
	if v == cty.NilVal {
		return cty.DynamicVal
	}
	if tooLarge(v) {
		m.eval.problem(gatehouse.GapTooLarge, b.HCLBlock().DefRange, b.FullName(),
			"a value is larger than the limit of %d bytes and was taken as unknown", maxValueBytes)
		return cty.DynamicVal
	}
	return v
}
