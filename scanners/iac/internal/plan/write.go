package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// maxHops bounds how far a reference is followed through inputs and outputs of
// modules: more than modules nest.
const maxHops = 32

// writer writes one resource.
type writer struct {
	*reader
	inst         *instance
	module, conf *yaml.Node // in the configuration; may be nil
}

// object writes an object. unknown, masks and expressions say of its members
// what is unknown, what is sensitive and how it was written; each may be nil.
func (w *writer) object(values, unknown, masks, expressions *yaml.Node, path string) map[string]any {
	out := map[string]any{}
	each(values, func(name string, v *yaml.Node) {
		if v.ShortTag() == "!!null" {
			return
		}
		out[name] = w.value(v, member(unknown, name), member(masks, name), member(expressions, name), join2(path, name))
	})
	each(unknown, func(name string, u *yaml.Node) {
		if _, known := out[name]; known {
			return
		}
		expr := member(expressions, name)
		if path == "" && expr == nil || !holdsTrue(u) {
			return // the provider fills it in
		}
		out[name] = w.unknownValue(expr, join2(path, name))
	})
	return out
}

func (w *writer) value(v, unknown, masks, expr *yaml.Node, path string) any {
	if isTrue(unknown) {
		return w.unknownValue(expr, path)
	}
	switch v.Kind {
	case yaml.MappingNode:
		return w.object(v, unknown, masks, expr, path)
	case yaml.SequenceNode:
		list := make([]any, 0, len(v.Content))
		for i, item := range items(v) {
			list = append(list, w.value(item, element(unknown, i), element(masks, i), element(expr, i), path))
		}
		return list
	}
	if v.ShortTag() == "!!str" {
		if isTrue(masks) && len(v.Value) > 3 {
			w.secrets[v.Value] = true
		}
		if ref := w.sameValue(expr, v.Value); ref != "" {
			return ref
		}
		return escape(v.Value)
	}
	switch v.ShortTag() {
	case "!!int", "!!float":
		return json.Number(v.Value)
	case "!!bool":
		return v.Value == "true"
	}
	return nil
}

// unknownValue is a reference to where the value comes from, or an unknown
// value.
func (w *writer) unknownValue(expr *yaml.Node, path string) any {
	to, rest := w.reference(expr)
	// The engine reads a policy out of its data source.
	policy := to != nil && to.mode == "data" && to.typ == "aws_iam_policy_document"
	if u := (Undecided{Address: w.inst.address, Argument: path, Line: w.inst.line}); decides(path) && !policy && !slices.Contains(w.plan.Undecided, u) {
		w.plan.Undecided = append(w.plan.Undecided, u)
	}
	if to != nil {
		return reference(to, rest)
	}
	return "${var." + Unknown + "}"
}

// decides reports whether an argument holds a document that checks look into,
// or addresses, or is a whole block: what it says may be anything. Names and identifiers are
// mostly unknown, and no check asks more of them than that they are there.
func decides(path string) bool {
	name := path[strings.LastIndexByte(path, '.')+1:]
	switch name {
	case "policy", "assume_role_policy", "inline_policy", "access_policy", "access_policies", "policy_document", "policy_json",
		"container_definitions", "template_body", "cidr_blocks", "cidr_block", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6",
		"source_ranges", "source_address_prefix", "source_address_prefixes", "ingress", "egress", "ip_rules", "authorized_networks":
		return true
	}
	return strings.HasSuffix(name, "_policy") || strings.HasSuffix(name, "_cidrs")
}

// sameValue is a reference to the argument of another resource that has the
// same value, so that checks see that the two belong together.
func (w *writer) sameValue(expr *yaml.Node, value string) string {
	to, rest := w.reference(expr)
	if to == nil || strings.ContainsAny(rest, ".[") || to.values == nil {
		return ""
	}
	if other := document.Get(to.values, rest); other == nil || other.Kind != yaml.ScalarNode || other.ShortTag() != "!!str" || other.Value != value {
		return ""
	}
	if isTrue(member(to.unknown, rest)) {
		return ""
	}
	return reference(to, rest)
}

func reference(to *instance, rest string) string {
	prefix := ""
	if to.mode == "data" {
		prefix = "data."
	}
	if rest == "" {
		rest = "id"
	}
	return fmt.Sprintf("${%s%s.%s.%s}", prefix, to.typ, to.label, rest)
}

// reference finds the planned resource that an expression refers to, and the
// attribute of it.
func (w *writer) reference(expr *yaml.Node) (to *instance, attribute string) {
	for _, ref := range refs(expr) {
		if to, rest := w.follow(ref, w.module, w.conf, w.inst.steps, w.inst.key, maxHops); to != nil && to != w.inst {
			return to, rest
		}
	}
	return nil, ""
}

func refs(expr *yaml.Node) []string {
	if expr == nil || expr.Kind != yaml.MappingNode {
		return nil
	}
	var all []string
	for _, r := range items(document.Get(expr, "references")) {
		all = append(all, r.Value)
	}
	return all
}

// follow resolves a reference as it stands in a module.
func (r *reader) follow(ref string, module, conf *yaml.Node, steps []step, key string, hops int) (*instance, string) {
	if hops == 0 || module == nil {
		return nil, ""
	}
	first, rest, _ := strings.Cut(ref, ".")
	switch first {
	case "var":
		if len(steps) == 0 {
			return nil, ""
		}
		name, _ := name(rest)
		above := steps[:len(steps)-1]
		parent := r.moduleAt(above)
		called := call(parent, steps[len(steps)-1].name)
		if called == nil {
			return nil, ""
		}
		expressions := document.Get(called, "expressions")
		return r.first(refs(member(expressions, name)), parent, called, above, steps[len(steps)-1].key, hops)
	case "each":
		if conf == nil {
			return nil, ""
		}
		to, attribute := r.first(refs(document.Get(conf, "for_each_expression")), module, nil, steps, key, hops)
		if _, after := name(rest); to != nil && after != "" {
			attribute = after
		}
		return to, attribute
	case "module":
		child, after := name(rest)
		k := ""
		if strings.HasPrefix(after, "[") {
			k = after[:endOfKey(after)]
			after = strings.TrimPrefix(after[len(k):], ".")
		}
		output, _ := name(after)
		below := append(append([]step{}, steps...), step{child, k})
		in := r.moduleAt(below)
		if in == nil || document.Get(in, "outputs") == nil {
			return nil, ""
		}
		out := member(document.Get(in, "outputs"), output)
		return r.first(refs(member(out, "expression")), in, nil, below, key, hops)
	case "local", "path", "terraform", "self", "count":
		return nil, ""
	}
	return r.resource(ref, steps, key)
}

func (r *reader) first(all []string, module, conf *yaml.Node, steps []step, key string, hops int) (*instance, string) {
	for _, ref := range all {
		if to, rest := r.follow(ref, module, conf, steps, key, hops-1); to != nil {
			return to, rest
		}
	}
	return nil, ""
}

// resource finds the planned resource that a reference such as
// "aws_s3_bucket.b[0].id" means. One that has instances, and is referred to
// without one, is that with the same key.
func (r *reader) resource(ref string, steps []step, key string) (*instance, string) {
	base := join(steps)
	if data, ok := strings.CutPrefix(ref, "data."); ok {
		base, ref = base+"data.", data
	}
	typ, rest, ok := strings.Cut(ref, ".")
	if !ok {
		return nil, ""
	}
	label, after := name(rest)
	address := base + typ + "." + label
	if strings.HasPrefix(after, "[") {
		end := endOfKey(after)
		if inst := r.planned[address+after[:end]]; inst != nil {
			return inst, strings.TrimPrefix(after[end:], ".")
		}
		after = strings.TrimPrefix(after[end:], ".")
	}
	for _, k := range []string{"", key, "[0]"} {
		if inst := r.planned[address+k]; inst != nil {
			return inst, after
		}
	}
	return nil, ""
}

// name is the identifier at the front, and what follows its dot or begins with
// its bracket.
func name(s string) (id, rest string) {
	i := strings.IndexAny(s, ".[")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimPrefix(s[i:], ".")
}

// escape writes a text so that it is no template.
func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "${", "$${"), "%{", "%%{")
}

func join2(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func isTrue(n *yaml.Node) bool {
	return n != nil && n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" && n.Value == "true"
}

// holdsTrue reports whether something in the tree is unknown.
func holdsTrue(n *yaml.Node) bool {
	if isTrue(n) {
		return true
	}
	for _, c := range n.Content {
		if holdsTrue(document.Resolve(c)) {
			return true
		}
	}
	return false
}

// member is a member of an object, nil if there is none. A mark on the whole
// object is one on each member.
func member(n *yaml.Node, name string) *yaml.Node {
	if n == nil || isTrue(n) {
		return n
	}
	return document.Get(n, name)
}

// element is an element of a list, as member is a member. A single block is
// written without its list.
func element(n *yaml.Node, i int) *yaml.Node {
	switch {
	case n == nil || isTrue(n):
		return n
	case n.Kind == yaml.SequenceNode && i < len(n.Content):
		return document.Resolve(n.Content[i])
	case n.Kind == yaml.MappingNode && (i == 0 || document.Get(n, "references") != nil):
		return n
	}
	return nil
}

func each(n *yaml.Node, f func(name string, v *yaml.Node)) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(document.Resolve(n.Content[i]).Value, document.Resolve(n.Content[i+1]))
	}
}
