package terraform

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/gatehouse-sec/gatehouse"
)

// reportUnknown says which input variables of a root module have no value,
// because what depends on them cannot be judged: an address range that is
// "var.ranges" may be the whole internet. Sensitive variables are left out: a
// secret is not meant to be in a file, and no check wants to see it.
func (m *module) reportUnknown() {
	var names []string
	var first hcl.Range
	for _, b := range m.blocks {
		if b.Type() != "variable" || len(b.Labels()) != 1 || b.GetAttribute("default") != nil {
			continue
		}
		if _, given := m.inputs[b.Label()]; given || !m.uses(b.Label()) {
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

// uses reports whether the text of the module refers to the variable.
func (m *module) uses(name string) bool {
	ref := regexp.MustCompile(`\bvar\s*\.\s*` + regexp.QuoteMeta(name) + `\b`)
	for file, data := range m.eval.tree.files {
		if inDir(file, m.dir) && ref.Match(data) {
			return true
		}
	}
	return false
}

func inDir(file, dir string) bool {
	i := strings.LastIndexByte(file, '/')
	if i < 0 {
		return dir == "." || dir == ""
	}
	return file[:i] == dir
}
