package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy/pkg/iac/terraform"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/gatehouse-sec/gatehouse"
)

// reportUnknown says which input variables of a root module have no value,
// because what depends on them cannot be judged: an address range that is
// "var.ranges" may be the whole internet. Sensitive variables are left out: a
// secret is not meant to be in a file, and no check wants to see it.
func (m *module) reportUnknown() {
	var names []string
	var first hcl.Range
	used := m.used()
	for _, b := range m.blocks {
		if b.Type() != "variable" || len(b.Labels()) != 1 || b.GetAttribute("default") != nil {
			continue
		}
		if _, given := m.inputs[b.Label()]; given || !used[b.Label()] {
			continue
		}
		if attr := b.GetAttribute("sensitive"); attr != nil && attr.IsTrue() {
			continue
		}
		if names = append(names, "var."+b.Label()); len(names) == 1 {
			first = b.HCLBlock().DefRange
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	shown := strings.Join(names[:min(5, len(names))], ", ")
	if len(names) > 5 {
		shown += fmt.Sprintf(" and %d more", len(names)-5)
	}
	m.eval.problem(gatehouse.GapUnknown, first, "",
		"no value is given for %s, so what depends on it was not judged; give a default, or values in terraform.tfvars or NAME.auto.tfvars beside the file", shown)
}

var variableRef = regexp.MustCompile(`\bvar\s*\.\s*([\p{L}_][\p{L}\p{N}_-]*)`)

// used are the variables that the text of the module refers to.
func (m *module) used() map[string]bool {
	names := map[string]bool{}
	for _, name := range m.eval.tree.names[m.dir] {
		for _, ref := range variableRef.FindAllSubmatch(m.eval.tree.files[name], -1) {
			names[string(ref[1])] = true
		}
	}
	return names
}

// reportUndecided says what of a module and those below it is not known, and
// would otherwise be as if it were not there: blocks whose number is unknown,
// and files that expressions read and that are not among the given ones.
func (m *module) reportUndecided() {
	for _, b := range m.blocks {
		m.undecided(b, b.FullName())
		m.unreadJSON(b)
		if undivided(b) {
			m.failedInstances(b)
		}
	}
	for _, child := range m.children {
		if child != nil {
			child.reportUndecided()
		}
	}
}

func (m *module) undecided(b *terraform.Block, entry string) {
	if b.Type() == "dynamic" && !b.IsExpanded() {
		if v := b.GetAttribute("for_each").Value(); v == cty.NilVal || !v.IsWhollyKnown() {
			m.eval.problem(gatehouse.GapUnknown, b.HCLBlock().DefRange, entry,
				"how many blocks %q it has is not known, so they were not judged; give values to the variables that this depends on", b.TypeLabel())
		}
	}
	for _, attr := range b.GetAttributes() {
		if expr, ok := attr.HCLAttribute().Expr.(hclsyntax.Expression); ok {
			m.unread(expr, b, entry)
		}
	}
	for _, child := range b.AllBlocks() {
		m.undecided(child, entry)
	}
}

// failedInstances says that a function refuses to give the instances of a block:
// there may be too many of them.
func (m *module) failedInstances(b *terraform.Block) {
	for _, name := range []string{"count", "for_each"} {
		attr := b.GetAttribute(name)
		if attr == nil {
			continue
		}
		_, diags := attr.HCLAttribute().Expr.Value(b.Context().Inner())
		for _, d := range diags {
			if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); ok && call.FunctionCallError() != nil {
				m.eval.problem(gatehouse.GapUnresolved, b.HCLBlock().DefRange, b.FullName(),
					"%s has no value, so all instances were looked at as one: %s: %v", name, call.CalledFunctionName(), call.FunctionCallError())
				break
			}
		}
	}
}

// unread says which files an expression reads that are not among the given ones.
func (m *module) unread(expr hclsyntax.Expression, b *terraform.Block, entry string) {
	_ = hclsyntax.Walk(expr, &fileCalls{ctx: b.Context().Inner(), skip: map[hclsyntax.Expression]bool{}, report: func(call *hclsyntax.FunctionCallExpr, file, reason string) {
		m.eval.problem(gatehouse.GapUnresolved, call.Range(), entry, "%s(%q) has no value, as %s, so what depends on it was not judged", call.Name, file, reason)
	}})
}

// unreadJSON is unread for a block in JSON syntax, whose expressions are the
// templates in its strings.
func (m *module) unreadJSON(b *terraform.Block) {
	for _, attr := range b.GetAttributes() {
		rng := attr.HCLAttribute().Expr.Range()
		text := m.eval.tree.files[rng.Filename]
		if !isJSON(rng.Filename) || !rng.CanSliceBytes(text) {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(rng.SliceBytes(text)))
		for {
			tok, err := dec.Token()
			if err != nil {
				break // the end of the value
			}
			if s, ok := tok.(string); ok && strings.Contains(s, "file") {
				if expr, diags := hclsyntax.ParseTemplate([]byte(s), rng.Filename, rng.Start); !diags.HasErrors() {
					m.unread(expr, b, b.FullName())
				}
			}
		}
	}
}

// fileCalls finds the calls in an expression that read a file and fail. It
// leaves out what is not evaluated, or may fail.
type fileCalls struct {
	ctx    *hcl.EvalContext
	skip   map[hclsyntax.Expression]bool
	depth  int // in what is left out
	report func(call *hclsyntax.FunctionCallExpr, file, reason string)
}

// Enter is called before the children of a node.
func (w *fileCalls) Enter(n hclsyntax.Node) hcl.Diagnostics {
	expr, ok := n.(hclsyntax.Expression)
	if w.depth > 0 || ok && w.skip[expr] {
		w.depth++
		return nil
	}
	switch expr := expr.(type) {
	case *hclsyntax.ConditionalExpr:
		if v, known := w.value(expr.Condition); known && v.Type() == cty.Bool {
			w.skip[expr.TrueResult], w.skip[expr.FalseResult] = v.False(), v.True()
		}
	case *hclsyntax.FunctionCallExpr:
		if expr.Name == "try" || expr.Name == "can" {
			for _, arg := range expr.Args {
				w.skip[arg] = true
			}
		}
		w.call(expr)
	}
	return nil
}

// Exit is called after the children of a node.
func (w *fileCalls) Exit(hclsyntax.Node) hcl.Diagnostics {
	w.depth = max(0, w.depth-1)
	return nil
}

func (w *fileCalls) call(call *hclsyntax.FunctionCallExpr) {
	if call.Name != "templatefile" && (!strings.HasPrefix(call.Name, "file") || call.Name == "fileexists" || call.Name == "fileset") || len(call.Args) == 0 {
		return
	}
	file, known := w.value(call.Args[0])
	if !known || file.Type() != cty.String {
		return
	}
	_, diags := call.Value(w.ctx)
	if !diags.HasErrors() {
		return
	}
	reason := fmt.Sprintf("the file is not in the target, or is larger than %d bytes, or not of a kind that is read", maxFileBytes)
	exists := &hclsyntax.FunctionCallExpr{Name: "fileexists", Args: call.Args[:1], NameRange: call.NameRange, OpenParenRange: call.OpenParenRange, CloseParenRange: call.CloseParenRange}
	if v, known := w.value(exists); known && v.Type() == cty.Bool && v.True() {
		_, reason = firstError(diags)
		if _, detail, ok := strings.Cut(reason, "failed: "); ok {
			reason = detail
		}
	}
	w.report(call, file.AsString(), reason)
}

// value is the value of an expression, and whether it is known.
func (w *fileCalls) value(expr hclsyntax.Expression) (cty.Value, bool) {
	v, diags := expr.Value(w.ctx)
	if diags.HasErrors() || v == cty.NilVal {
		return cty.NilVal, false
	}
	v, _ = v.Unmark()
	return v, v.IsKnown() && !v.IsNull()
}
