package terraform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/aquasecurity/trivy/pkg/iac/terraform"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// tree is all files, parsed once.
type tree struct {
	files map[string][]byte
	// blocks are the blocks of the configuration by directory, in the order of
	// the files.
	blocks map[string]hcl.Blocks
	// names are the files of the configuration by directory.
	names map[string][]string
	// vars are the values that Terraform reads by itself, by directory.
	vars map[string]Vars
	// installed are the directories of modules that "terraform init" fetched,
	// by directory of the root module and address of the call.
	installed map[string]map[string]string
	problems  []Problem
}

func newTree(files map[string][]byte) *tree {
	t := &tree{
		files: files, blocks: map[string]hcl.Blocks{}, names: map[string][]string{},
		vars: map[string]Vars{}, installed: map[string]map[string]string{},
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	// Terraform reads terraform.tfvars, then terraform.tfvars.json, then the
	// automatic files in the order of their names; later ones win.
	sort.Slice(names, func(i, j int) bool {
		a, b := strings.HasPrefix(path.Base(names[i]), "terraform.tfvars"), strings.HasPrefix(path.Base(names[j]), "terraform.tfvars")
		if a != b {
			return a
		}
		return names[i] < names[j]
	})
	for _, name := range names {
		switch {
		case IsConfig(name):
			t.addConfig(name)
		case IsVars(name):
			t.addVars(name)
		case strings.HasSuffix(name, modulesFile):
			t.addInstalled(name)
		}
	}
	return t
}

// modulesFile is where "terraform init" notes what modules it fetched, below
// the directory of the root module.
const modulesFile = ".terraform/modules/modules.json"

func (t *tree) fail(name string, code gatehouse.GapCode, line int, reason string) {
	t.problems = append(t.problems, Problem{Code: code, Path: name, Line: line, Reason: reason, Failed: true})
}

func (t *tree) parse(name string) *hcl.File {
	data := t.files[name]
	if len(data) > limits.MaxTerraformBytes {
		t.fail(name, gatehouse.GapTooLarge, 0, fmt.Sprintf("%d bytes of Terraform are more than the limit of %d; split the file", len(data), limits.MaxTerraformBytes))
		return nil
	}
	if line, deep := tooDeep(data); deep {
		t.fail(name, gatehouse.GapTooLarge, line, fmt.Sprintf("it nests deeper than the limit of %d levels", limits.MaxNesting))
		return nil
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		t.fail(name, gatehouse.GapParse, 0, "it is named like Terraform, but is no text")
		return nil
	}
	var file *hcl.File
	var diags hcl.Diagnostics
	if strings.HasSuffix(name, ".json") {
		if deepJSON(data) {
			t.fail(name, gatehouse.GapTooLarge, 0, fmt.Sprintf("an expression nests deeper than the limit of %d levels", maxExpression))
			return nil
		}
		file, diags = hcljson.Parse(data, name)
	} else {
		file, diags = hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	}
	if diags.HasErrors() {
		line, reason := firstError(diags)
		t.fail(name, gatehouse.GapParse, line, reason)
		return nil
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok && deepTree(body) {
		t.fail(name, gatehouse.GapTooLarge, 0, fmt.Sprintf("an expression nests deeper than the limit of %d levels", maxExpression))
		return nil
	}
	return file
}

// maxExpression bounds the depth of the tree of one file or template. Long
// chains of operators make deep trees without nesting in the text, and the
// evaluation needs more than a kilobyte of stack for each level.
const maxExpression = 10 * limits.MaxNesting

// deepJSON reports whether a string of Terraform in JSON, which is a template
// that is parsed when it is evaluated, is deeper than the bound.
func deepJSON(data []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		tok, err := dec.Token()
		if err != nil {
			return false // the end, or an error for the real parser
		}
		if text, ok := tok.(string); ok && deepTemplate(text) {
			return true
		}
	}
}

// deepTemplate reports whether a template is deeper than the bound, which a
// short one cannot be.
func deepTemplate(text string) bool {
	if len(text) < maxExpression {
		return false
	}
	if _, deep := tooDeep([]byte(text)); deep {
		return true
	}
	expr, _ := hclsyntax.ParseTemplate([]byte(text), "", hcl.InitialPos)
	return expr != nil && deepTree(expr)
}

// deepTree reports whether the tree is deeper than the bound.
func deepTree(root hclsyntax.Node) (deep bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(tooDeepTree); !ok {
				panic(p)
			}
			deep = true
		}
	}()
	_ = hclsyntax.Walk(root, &depthWalker{})
	return false
}

// depthWalker leaves the walk by a panic, as there is no other way, before the
// walk is too deep itself.
type depthWalker struct{ depth int }

type tooDeepTree struct{}

func (w *depthWalker) Enter(hclsyntax.Node) hcl.Diagnostics {
	if w.depth++; w.depth > maxExpression {
		panic(tooDeepTree{})
	}
	return nil
}

func (w *depthWalker) Exit(hclsyntax.Node) hcl.Diagnostics {
	w.depth--
	return nil
}

func firstError(diags hcl.Diagnostics) (line int, reason string) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		if d.Subject != nil {
			line = d.Subject.Start.Line
		}
		return line, strings.TrimSuffix(fmt.Sprintf("line %d: %s: %s", line, d.Summary, strings.Join(strings.Fields(d.Detail), " ")), ".")
	}
	return 0, diags.Error()
}

func (t *tree) addConfig(name string) {
	dir := path.Dir(name)
	t.names[dir] = append(t.names[dir], name)
	if t.blocks[dir] == nil {
		t.blocks[dir] = hcl.Blocks{}
	}
	file := t.parse(name)
	if file == nil {
		return
	}
	content, diags := file.Body.Content(terraform.Schema)
	if diags.HasErrors() {
		// Something is not known here. Use the rest, and say so.
		line, reason := firstError(diags)
		t.fail(name, gatehouse.GapParse, line, reason)
		content, _, _ = file.Body.PartialContent(terraform.Schema)
	}
	if content != nil {
		blocks := content.Blocks
		if isJSON(name) {
			blocks = withNestedBlocks(blocks)
		}
		t.blocks[dir] = append(t.blocks[dir], blocks...)
	}
}

// Vars are values of input variables by name.
type Vars map[string]cty.Value

// ParseVars reads a file of values, in JSON if its name ends in ".json".
func ParseVars(name string, data []byte) (Vars, error) {
	t := &tree{files: map[string][]byte{name: data}, vars: map[string]Vars{}}
	t.addVars(name)
	if len(t.problems) > 0 {
		return nil, fmt.Errorf("read %q: %s", name, t.problems[0].Reason)
	}
	return t.vars[path.Dir(name)], nil
}

func (t *tree) addVars(name string) {
	file := t.parse(name)
	if file == nil {
		return
	}
	attrs, diags := file.Body.JustAttributes()
	if diags.HasErrors() {
		line, reason := firstError(diags)
		t.fail(name, gatehouse.GapParse, line, reason)
	}
	dir := path.Dir(name)
	if t.vars[dir] == nil {
		t.vars[dir] = Vars{}
	}
	for _, attr := range attrs {
		v, diags := attr.Expr.Value(nil)
		if diags.HasErrors() {
			line, reason := firstError(diags)
			t.fail(name, gatehouse.GapParse, line, reason)
			continue
		}
		t.vars[dir][attr.Name] = v
	}
}

func (t *tree) addInstalled(name string) {
	var list struct {
		Modules []struct{ Key, Dir string }
	}
	if json.Unmarshal(t.files[name], &list) != nil {
		return // the calls that need it are problems
	}
	root := path.Clean(strings.TrimSuffix(name, modulesFile))
	t.installed[root] = map[string]string{}
	for _, m := range list.Modules {
		t.installed[root][m.Key] = path.Join(root, m.Dir)
	}
}

// dirs are the directories with configuration, sorted.
func (t *tree) dirs() []string {
	var dirs []string
	for dir := range t.blocks {
		dirs = append(dirs, dir)
	}
	sort.Strings(dirs)
	return dirs
}

// main is the file that stands for a directory.
func (t *tree) main(dir string) string {
	for _, name := range t.names[dir] {
		if path.Base(name) == "main.tf" {
			return name
		}
	}
	return t.names[dir][0]
}

// called are the directories that others call as modules by a path that is
// written out.
func (t *tree) called() map[string]bool {
	called := map[string]bool{}
	for dir, blocks := range t.blocks {
		for _, b := range blocks {
			if b.Type != "module" {
				continue
			}
			attrs, _, _ := b.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "source"}}})
			if attrs == nil || attrs.Attributes["source"] == nil {
				continue
			}
			if v, diags := attrs.Attributes["source"].Expr.Value(nil); !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
				if target, ok := localDir(dir, v.AsString()); ok && target != dir {
					called[target] = true
				}
			}
		}
	}
	return called
}

// localDir resolves a module source that is a path.
func localDir(from, source string) (string, bool) {
	if source == "." || source == ".." || strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") {
		return path.Join(from, source), true
	}
	return "", false
}

// tooDeep reports whether text may nest deeper than the limit, and where. It
// counts brackets and operators that a parser recurses on, wherever they stand.
func tooDeep(data []byte) (line int, deep bool) {
	line = 1
	depth, run, choices := 0, 0, 0
	for i, c := range data {
		switch c {
		case '\n':
			line++
		case '%':
			if i+1 < len(data) && data[i+1] == '{' {
				choices++ // a directive in a template
			}
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(0, depth-1)
		case '?':
			choices++
		}
		switch c {
		case '!', '-':
			run++
		case ' ', '\t', '\n', '\r':
		default:
			run = 0
		}
		if depth > limits.MaxNesting || run > 10*limits.MaxNesting || choices > 10*limits.MaxNesting {
			return line, true
		}
	}
	return 0, false
}
