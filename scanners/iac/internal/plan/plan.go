// Package plan reads the JSON form of a plan of Terraform or OpenTofu ("terraform
// show -json"), as https://developer.hashicorp.com/terraform/internals/json-format
// describes it, and writes the resources as they will be after the apply as
// configuration, which the engine for Terraform understands.
//
// What is known only after the apply becomes a reference to the resource that
// it comes from, so that checks still see what belongs together, or an unknown
// value.
package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// Plan is a plan as configuration.
type Plan struct {
	// Resources are those that will exist after the apply.
	Resources []Resource
	// Deleted counts the resources that will not.
	Deleted int
	// Undecided are arguments that decide what is configured and are known only
	// after the apply.
	Undecided []Undecided
	// Sensitive are the texts that the plan marks as sensitive.
	Sensitive []string
	// Incomplete is a sentence if the plan says of itself that it is not whole;
	// may be empty.
	Incomplete string
}

// Resource is one instance of a resource.
type Resource struct {
	// Address is that of the plan, such as "module.a.aws_s3_bucket.b[0]".
	Address string
	// Line is where it stands in the plan.
	Line int
	// Type and Name are those in the configuration. The name is unique for the
	// type and made from the address.
	Type, Name string
	// Config is the resource as a file of configuration in JSON syntax.
	Config []byte
}

// Undecided is an argument whose value is not known.
type Undecided struct {
	Address, Argument string
	Line              int
}

// Unknown is the name of the variable that stands for values that are not
// known. It has no value.
const Unknown = "unknown"

// Is reports whether a document is a plan.
func Is(doc *yaml.Node) bool {
	return document.String(doc, "format_version") != "" &&
		(document.Get(doc, "planned_values") != nil || document.Get(doc, "resource_changes") != nil)
}

// Read reads a plan, which must have passed [document.Parse].
func Read(doc *yaml.Node) (*Plan, error) {
	version := document.String(doc, "format_version")
	if major, _, _ := strings.Cut(version, "."); major != "0" && major != "1" {
		return nil, fmt.Errorf("the plan has the format %s, and only 0 and 1 are known; use a newer gatehouse", version)
	}
	r := &reader{
		plan: &Plan{}, planned: map[string]*instance{}, secrets: map[string]bool{},
		config: document.Get(doc, "configuration"),
	}
	if r.config != nil {
		r.config = document.Get(r.config, "root_module")
	}
	if document.String(doc, "errored") == "true" {
		r.plan.Incomplete = "the planning ended with an error, so resources may be missing"
	}
	if document.String(doc, "complete") == "false" {
		r.plan.Incomplete = "the plan is not complete, as it says itself; resources may be missing"
	}
	planned := document.Get(doc, "planned_values")
	if planned == nil {
		return nil, errors.New(`there is no "planned_values"; write the plan with "terraform show -json PLANFILE"`)
	}
	if root := document.Get(planned, "root_module"); root != nil {
		if err := r.module(root, 0); err != nil {
			return nil, err
		}
	}
	if err := r.changes(document.Get(doc, "resource_changes")); err != nil {
		return nil, err
	}
	for _, inst := range r.order {
		if err := r.write(inst); err != nil {
			return nil, err
		}
	}
	r.plan.Sensitive = slices.SortedFunc(maps.Keys(r.secrets), func(a, b string) int { return len(b) - len(a) })
	return r.plan, nil
}

type reader struct {
	plan    *Plan
	config  *yaml.Node // the root module; may be nil
	planned map[string]*instance
	order   []*instance
	secrets map[string]bool
}

// instance is a resource of planned_values.
type instance struct {
	address        string
	steps          []step // modules above it
	mode, typ      string
	name           string
	key            string // as it stands in the address: "", "[0]", `["a"]`
	label          string // unique name in the configuration
	line           int
	values         *yaml.Node
	unknown, masks *yaml.Node // may be nil
}

// step is one module of an address.
type step struct{ name, key string }

func (r *reader) module(n *yaml.Node, level int) error {
	if level > limits.MaxNesting {
		return fmt.Errorf("line %d: modules nest deeper than the limit of %d", n.Line, limits.MaxNesting)
	}
	for _, res := range items(document.Get(n, "resources")) {
		address := document.String(res, "address")
		inst := &instance{
			address: address, mode: document.String(res, "mode"), typ: document.String(res, "type"), name: document.String(res, "name"),
			line: max(res.Line, 1), values: document.Get(res, "values"), masks: document.Get(res, "sensitive_values"),
		}
		if address == "" || inst.typ == "" || inst.name == "" || inst.mode != "managed" && inst.mode != "data" {
			return fmt.Errorf("line %d: a resource of planned_values lacks its address, mode, type or name", res.Line)
		}
		if r.planned[address] != nil {
			return fmt.Errorf("line %d: the resource %s is planned twice", res.Line, address)
		}
		steps, rest := splitModules(address)
		inst.steps = steps
		rest = strings.TrimPrefix(rest, "data.")
		inst.key = strings.TrimPrefix(rest, inst.typ+"."+inst.name)
		inst.label = fmt.Sprintf("r%d", len(r.order))
		r.planned[address] = inst
		r.order = append(r.order, inst)
	}
	for _, child := range items(document.Get(n, "child_modules")) {
		if err := r.module(child, level+1); err != nil {
			return err
		}
	}
	return nil
}

// changes notes what of each resource is unknown or sensitive. Each planned
// resource must have a change, as only that says what is unknown.
func (r *reader) changes(n *yaml.Node) error {
	seen := map[string]bool{}
	for _, c := range items(n) {
		address, change := document.String(c, "address"), document.Get(c, "change")
		if address == "" || change == nil {
			return fmt.Errorf("line %d: a resource change lacks its address or what changes", c.Line)
		}
		if document.String(c, "deposed") != "" {
			continue // the old object of a replacement
		}
		inst := r.planned[address]
		if inst == nil {
			if after := document.Get(change, "after"); after != nil && after.Kind == yaml.MappingNode && document.String(c, "mode") != "data" {
				return fmt.Errorf("line %d: %s is changed but not among planned_values", c.Line, address)
			}
			r.plan.Deleted++
			continue
		}
		seen[address] = true
		inst.unknown = document.Get(change, "after_unknown")
		if masks := document.Get(change, "after_sensitive"); masks != nil {
			inst.masks = masks
		}
	}
	for _, inst := range r.order {
		if !seen[inst.address] && inst.mode == "managed" {
			return fmt.Errorf("line %d: %s is among planned_values, but there is no change that says what of it is unknown", inst.line, inst.address)
		}
	}
	return nil
}

func (r *reader) write(inst *instance) error {
	var expressions *yaml.Node
	module, conf := r.configOf(inst)
	if conf != nil {
		expressions = document.Get(conf, "expressions")
	}
	w := writer{reader: r, inst: inst, module: module, conf: conf}
	body := w.object(inst.values, inst.unknown, inst.masks, expressions, "")
	kind := "resource"
	if inst.mode == "data" {
		kind = "data"
	}
	text, err := json.Marshal(map[string]any{kind: map[string]any{inst.typ: map[string]any{inst.label: body}}})
	if err != nil {
		return fmt.Errorf("line %d: %s: %w", inst.line, inst.address, err)
	}
	r.plan.Resources = append(r.plan.Resources, Resource{Address: inst.address, Line: inst.line, Type: inst.typ, Name: inst.label, Config: text})
	return nil
}

// configOf finds the module and the resource in the configuration; nil if they
// are not there, as for resources that were taken out of it.
func (r *reader) configOf(inst *instance) (module, conf *yaml.Node) {
	module = r.moduleAt(inst.steps)
	if module == nil {
		return nil, nil
	}
	for _, c := range items(document.Get(module, "resources")) {
		if document.String(c, "mode") == inst.mode && document.String(c, "type") == inst.typ && document.String(c, "name") == inst.name {
			return module, c
		}
	}
	return module, nil
}

func (r *reader) moduleAt(steps []step) *yaml.Node {
	m := r.config
	for _, s := range steps {
		call := call(m, s.name)
		if call == nil {
			return nil
		}
		m = document.Get(call, "module")
	}
	return m
}

func call(module *yaml.Node, name string) *yaml.Node {
	if module == nil {
		return nil
	}
	calls := document.Get(module, "module_calls")
	if calls == nil {
		return nil
	}
	return document.Get(calls, name)
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	all := make([]*yaml.Node, len(n.Content))
	for i, c := range n.Content {
		all[i] = document.Resolve(c)
	}
	return all
}

// splitModules takes the modules from the front of an address.
func splitModules(address string) (steps []step, rest string) {
	rest = address
	for strings.HasPrefix(rest, "module.") {
		tail := rest[len("module."):]
		end := strings.IndexAny(tail, ".[")
		if end < 0 {
			return steps, rest
		}
		s := step{name: tail[:end]}
		tail = tail[end:]
		if tail[0] == '[' {
			close := endOfKey(tail)
			s.key, tail = tail[:close], tail[close:]
		}
		steps = append(steps, s)
		rest = strings.TrimPrefix(tail, ".")
	}
	return steps, rest
}

// endOfKey is the length of the index at the start, such as ["a.b"].
func endOfKey(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ']' && !quoted:
			return i + 1
		}
	}
	return len(s)
}

func join(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString("module." + s.name + s.key + ".")
	}
	return b.String()
}
