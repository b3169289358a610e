package terraform

import (
	"slices"

	"github.com/aquasecurity/trivy/pkg/iac/terraform"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/gatehouse-sec/gatehouse"
)

// settle computes the values of all blocks until they no longer change.
func (m *module) settle() {
	for range maxRounds {
		m.round++
		values := m.values()
		variables := m.ctx.Inner().Variables
		for name, v := range values {
			variables[name] = v
		}
		if !m.note(values) || m.eval.ctx.Err() != nil {
			return
		}
	}
}

// note remembers which values are others than in the round before, by the names
// that expressions have for them, and reports whether there is any.
func (m *module) note(values map[string]cty.Value) bool {
	changed := false
	for root, v := range values {
		for name, e := range v.AsValueMap() {
			old, ok := m.known[[2]string{root, name}]
			if ok && old.RawEquals(e) {
				continue
			}
			m.known[[2]string{root, name}] = e
			m.changed[[2]string{root, name}] = m.round
			m.changed[[2]string{root}] = m.round
			changed = true
		}
	}
	return changed
}

// computed is a value and what it was made of. It is computed again only if
// that changed: random values stay, and a module with many resources costs as
// much as the references between them.
type computed struct {
	value cty.Value
	round int
	from  [][2]string // names of two steps, or of one if the second is not known
}

// cached is the value for a key, a block or an attribute, which evaluates the
// expressions.
func (m *module) cached(key any, evaluate func() cty.Value, expressions ...*terraform.Attribute) cty.Value {
	c := m.cache[key]
	if c == nil {
		c = &computed{from: references(expressions)}
		m.cache[key] = c
	} else if !slices.ContainsFunc(c.from, func(name [2]string) bool { return m.changed[name] >= c.round }) {
		return c.value
	}
	c.value, c.round = evaluate(), m.round
	return c.value
}

func references(expressions []*terraform.Attribute) [][2]string {
	var from [][2]string
	for _, attr := range expressions {
		for _, t := range attr.HCLAttribute().Expr.Variables() {
			name := [2]string{t.RootName()}
			name[1], _ = second(t)
			if !slices.Contains(from, name) {
				from = append(from, name)
			}
		}
	}
	return from
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
// All are objects.
func (m *module) values() map[string]cty.Value {
	vars := map[string]cty.Value{}
	locals := map[string]cty.Value{}
	resources := map[string]map[string]cty.Value{}
	data := map[string]map[string]cty.Value{}
	for _, b := range m.blocks {
		switch b.Type() {
		case "variable":
			if len(b.Labels()) == 1 {
				vars[b.Label()] = m.cached(b, func() cty.Value { return m.variable(b) })
			}
		case "locals":
			for name, attr := range b.Attributes() {
				locals[name] = m.cached(attr, func() cty.Value { return m.bounded(b, attr.MarkedValue()) }, attr)
			}
		case "resource":
			m.addInstance(resources, b)
		case "data":
			m.addInstance(data, b)
		}
	}
	for _, b := range m.none {
		switch b.Type() {
		case "resource":
			addNone(resources, b)
		case "data":
			addNone(data, b)
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
func (m *module) addInstance(types map[string]map[string]cty.Value, b *terraform.Block) {
	ref := b.Reference()
	if ref.NameLabel() == "" {
		return
	}
	typ := types[ref.TypeLabel()]
	if typ == nil {
		typ = map[string]cty.Value{}
		types[ref.TypeLabel()] = typ
	}
	value := cty.DynamicVal
	if !undivided(b) {
		value = m.cached(b, b.Values, b.GetAttributes()...)
	}
	typ[ref.NameLabel()] = withInstance(typ[ref.NameLabel()], b, value)
}

// undivided reports whether a block stands for instances whose number is not
// known, or not yet.
func undivided(b *terraform.Block) bool {
	return !b.IsExpanded() && (b.GetAttribute("count") != nil || b.GetAttribute("for_each") != nil)
}

// addNone adds a resource that has no instances.
func addNone(types map[string]map[string]cty.Value, b *terraform.Block) {
	ref := b.Reference()
	if ref.NameLabel() == "" {
		return
	}
	if types[ref.TypeLabel()] == nil {
		types[ref.TypeLabel()] = map[string]cty.Value{}
	}
	types[ref.TypeLabel()][ref.NameLabel()] = noInstances(b)
}

// noInstances is what a reference to a block without instances is.
func noInstances(b *terraform.Block) cty.Value {
	if b.GetAttribute("count") != nil {
		return cty.EmptyTupleVal
	}
	return cty.EmptyObjectVal
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
