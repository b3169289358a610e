package terraform

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"

	"github.com/aquasecurity/trivy/pkg/iac/terraform"
	tfcontext "github.com/aquasecurity/trivy/pkg/iac/terraform/context"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// maxRounds bounds how often values that depend on each other are computed
// again. Terraform itself needs one pass in the order of its graph; each round
// here resolves one more link of a chain of references.
const maxRounds = 32

// evaluation is what the modules below one root module share.
type evaluation struct {
	ctx      context.Context //nolint:containedctx // one evaluation, one context
	tree     *tree
	given    []Vars
	fsys     fs.FS
	pure     map[string]function.Function
	seen     map[string]bool // directories that were evaluated
	modules  int             // instances below the current root
	problems []Problem
}

func newEvaluation(ctx context.Context, t *tree, given []Vars, fsys fs.FS) *evaluation {
	return &evaluation{ctx: ctx, tree: t, given: given, fsys: fsys, pure: pure(), seen: map[string]bool{}}
}

func (e *evaluation) problem(code gatehouse.GapCode, rng hcl.Range, entry, format string, args ...any) {
	e.problems = append(e.problems, Problem{Code: code, Path: rng.Filename, Line: rng.Start.Line, Entry: entry, Reason: fmt.Sprintf(format, args...)})
}

// module is one instance of a module.
type module struct {
	eval   *evaluation
	root   string // directory of the root module
	dir    string
	path   []string         // directories from the root module to this one
	call   *terraform.Block // nil for the root module
	key    string           // address of the call as "terraform init" writes it
	inputs map[string]cty.Value
	ctx    *tfcontext.Context
	blocks terraform.Blocks
	// children are the modules that it calls, by address of the call.
	children map[string]*module
	instance int              // blocks made by count and for_each
	none     terraform.Blocks // those of which there are no instances
	// round counts how often values were computed; see settle.
	round   int
	known   map[[2]string]cty.Value // by name, such as var and a
	changed map[[2]string]int       // the round in which it was last another
	cache   map[any]*computed       // by block, or by attribute of locals
}

// root evaluates the module in dir as a root module.
func (e *evaluation) root(dir string) terraform.Modules {
	e.modules = 0
	inputs := map[string]cty.Value{}
	maps.Copy(inputs, e.tree.vars[dir])
	for _, vars := range e.given {
		maps.Copy(inputs, vars)
	}
	m := e.newModule(&module{eval: e, root: dir, dir: dir, path: []string{dir}, inputs: inputs})
	m.evaluate()
	m.reportUnknown()
	m.reportUndecided()
	return m.list(nil)
}

// newModule fills in the blocks and the context.
func (e *evaluation) newModule(m *module) *module {
	m.children = map[string]*module{}
	m.known, m.changed, m.cache = map[[2]string]cty.Value{}, map[[2]string]int{}, map[any]*computed{}
	// Terraform runs in the directory of the root module, and paths are relative
	// to it.
	m.ctx = tfcontext.NewContext(&hcl.EvalContext{Functions: withFiles(e.pure, e.fsys, m.root)}, nil)
	m.ctx.Set(cty.UnknownVal(cty.String), "terraform", "workspace") // "default", or any other
	own, err := filepath.Rel(m.root, m.dir)
	if err != nil {
		own = m.dir
	}
	m.ctx.Set(cty.StringVal("."), "path", "root")
	m.ctx.Set(cty.StringVal(filepath.ToSlash(own)), "path", "module")
	m.ctx.Set(cty.StringVal("."), "path", "cwd")
	for _, b := range e.tree.blocks[m.dir] {
		block := terraform.NewBlock(b, m.ctx, m.call, nil, "", nil)
		block.OverrideContext(m.ctx.NewChild())
		m.blocks = append(m.blocks, block)
	}
	return m
}

// evaluate computes values, makes the instances of blocks and evaluates the
// modules below, until nothing changes.
func (m *module) evaluate() {
	m.settle()
	for range maxRounds {
		before := m.instance
		m.expand()
		if m.instance != before {
			m.settle()
		}
		changed := m.evaluateChildren()
		if changed {
			m.settle()
		}
		if !changed && m.instance == before || m.eval.ctx.Err() != nil {
			break
		}
	}
	for _, b := range m.blocks {
		_ = b.ExpandBlock() // what cannot be known has no instances
	}
	m.settle()
}

// list is the module and all below it.
func (m *module) list(parent *terraform.Module) terraform.Modules {
	m.eval.seen[m.dir] = true
	self := terraform.NewModule(m.root, m.dir, m.blocks, nil)
	if parent != nil {
		self.SetParent(parent)
	}
	all := terraform.Modules{self}
	for _, b := range m.blocks {
		if child := m.children[b.FullName()]; b.Type() == "module" && child != nil {
			all = append(all, child.list(self)...)
		}
	}
	return all
}

// expand replaces each block with count or for_each by its instances, if their
// number is known. Otherwise the block stands for all its instances.
func (m *module) expand() {
	var expanded terraform.Blocks
	for _, b := range m.blocks {
		instances, known := m.instances(b)
		if !known {
			expanded = append(expanded, b)
			continue
		}
		m.instance++
		if len(instances) == 0 {
			m.none = append(m.none, b)
		}
		expanded = append(expanded, instances...)
	}
	m.blocks = expanded
}

// instances makes the instances of a block. It reports false if the block
// stands for itself.
func (m *module) instances(b *terraform.Block) (instances terraform.Blocks, ok bool) {
	switch b.Type() {
	case "resource", "data", "module":
	default:
		return nil, false
	}
	if b.IsExpanded() {
		return nil, false
	}
	if attr := b.GetAttribute("count"); attr != nil {
		v := attr.Value()
		if v == cty.NilVal || !v.IsKnown() || v.IsNull() || v.Type() != cty.Number {
			return nil, false
		}
		n, _ := v.AsBigFloat().Int64()
		if n > limits.MaxTerraformInstances {
			m.tooMany(b)
			return nil, false
		}
		for i := range n {
			instances = append(instances, b.Clone(cty.NumberIntVal(i)))
		}
		return instances, true
	}
	attr := b.GetAttribute("for_each")
	if attr == nil {
		return nil, false
	}
	v := attr.Value()
	if v == cty.NilVal || !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		m.unknownEach(b)
		return nil, false
	}
	if v.LengthInt() > limits.MaxTerraformInstances {
		m.tooMany(b)
		m.unknownEach(b)
		return nil, false
	}
	list := v.Type().IsTupleType() || v.Type().IsListType() || v.Type().IsSetType()
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if list {
			key = value // the members of a set are their own keys
		}
		if !key.IsKnown() || key.IsNull() || key.Type() != cty.String {
			m.unknownEach(b)
			return nil, false
		}
		clone := b.Clone(key)
		clone.Context().Set(cty.ObjectVal(map[string]cty.Value{"key": key, "value": value}), "each")
		instances = append(instances, clone)
	}
	return instances, true
}

// unknownEach lets the block stand for all its instances.
func (m *module) unknownEach(b *terraform.Block) {
	delete(m.cache, b)
	b.Context().Set(cty.ObjectVal(map[string]cty.Value{"key": cty.UnknownVal(cty.String), "value": cty.DynamicVal}), "each")
}

func (m *module) tooMany(b *terraform.Block) {
	m.eval.problem(gatehouse.GapTooLarge, b.HCLBlock().DefRange, b.FullName(),
		"%s has more than the limit of %d instances, which were looked at as one", b.FullName(), limits.MaxTerraformInstances)
}
