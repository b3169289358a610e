package terraform

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// evaluate returns the resources by root directory and address with the value
// of their attribute "v", and the problems.
func evaluate(t *testing.T, files map[string]string) (map[string]string, []Problem) {
	t.Helper()
	contents := map[string][]byte{}
	for name, text := range files {
		contents[name] = []byte(text)
	}
	got := map[string]string{}
	var mu sync.Mutex
	problems, err := Evaluate(t.Context(), contents, nil, func(c *Configuration) error {
		mu.Lock()
		defer mu.Unlock()
		for _, b := range c.Modules.GetBlocks() {
			if b.Type() != "resource" {
				continue
			}
			v := "-"
			if attr := b.GetAttribute("v"); attr != nil {
				v = show(attr.Value())
			}
			for _, sub := range b.GetBlocks("sub") {
				v += "+" + show(sub.GetAttribute("w").Value())
			}
			got[c.Dir+" "+b.FullName()] = v
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, problems
}

func show(v cty.Value) string {
	switch {
	case v == cty.NilVal || !v.IsKnown():
		return "unknown"
	case v.IsNull():
		return "null"
	case v.Type() == cty.String:
		return v.AsString()
	}
	return fmt.Sprintf("%#v", v)
}

func TestEvaluate(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  map[string]string
		codes []gatehouse.GapCode
	}{
		{
			"variables and locals",
			map[string]string{
				"main.tf": `
variable "a" { default = "x" }
variable "b" {}
locals {
  c = "${local.d}!"
  d = upper(var.a)
}
resource "r" "known" { v = local.c }
resource "r" "unknown" { v = var.b }
`,
			},
			map[string]string{". r.known": "X!", ". r.unknown": "unknown"}, []gatehouse.GapCode{gatehouse.GapUnknown},
		},
		{
			"variables whose value does not matter, or is a secret, or comes from the caller",
			map[string]string{
				"main.tf":   "variable \"unused\" {}\nvariable \"password\" { sensitive = true }\nresource \"r\" \"x\" { v = var.password }\nmodule \"m\" {\n  source = \"./m\"\n  a = \"1\"\n}\n",
				"m/main.tf": "variable \"a\" {}\nresource \"r\" \"y\" { v = var.a }\n",
			},
			map[string]string{". r.x": "unknown", ". module.m.r.y": "1"}, nil,
		},
		{
			"values from files that Terraform reads by itself, in order",
			map[string]string{
				"main.tf":                "variable \"a\" {}\nvariable \"b\" {}\nresource \"r\" \"x\" { v = \"${var.a}${var.b}\" }\n",
				"terraform.tfvars":       `a = "1"`,
				"z.auto.tfvars":          `a = "2"`,
				"terraform.tfvars.json":  `{"b": "3"}`,
				"prod.tfvars":            `a = "not read"`,
				"other/terraform.tfvars": `a = "elsewhere"`,
			},
			map[string]string{". r.x": "23"}, nil,
		},
		{
			"references to what has no instances, or has them only after a while",
			map[string]string{
				"main.tf": `
resource "r" "none" {
  count = 0
  v     = "x"
}
resource "r" "noneeach" {
  for_each = {}
  v        = each.key
}
data "d" "none" { count = length(r.none) }
module "none" {
  source = "./m"
  count  = length(keys(r.noneeach))
}
resource "r" "fallback" { v = try(r.none[0].v, "gone") }
resource "r" "number" { v = "${length(r.none)}${length(r.noneeach)}${length(data.d.none)}${length(module.none)}" }
resource "r" "many" {
  count = local.n
  v     = "m${count.index}"
}
locals { n = length(r.three) }
resource "r" "three" { count = 3 }
resource "r" "last" { v = r.many[2].v }
`,
				"m/main.tf": `resource "r" "in" {}`,
			},
			map[string]string{
				". r.fallback": "gone", ". r.number": "0000", ". r.three[0]": "-", ". r.three[1]": "-", ". r.three[2]": "-",
				". r.many[0]": "m0", ". r.many[1]": "m1", ". r.many[2]": "m2", ". r.last": "m2", "m r.in": "-",
			}, nil,
		},
		{
			"chance is decided once",
			map[string]string{"main.tf": `
resource "random_password" "p" {}
resource "r" "same" { v = random_password.p.result == random_password.p.result ? local.c : "no" }
locals {
  a = random_password.p.result
  b = local.a
  c = local.a == local.b ? "yes" : "no"
}
`},
			map[string]string{". r.same": "yes", ". random_password.p": "-"}, nil,
		},
		{
			"count and for_each",
			map[string]string{"main.tf": `
variable "unknown" {}
resource "r" "two" {
  count = 2
  v     = "n${count.index}"
}
resource "r" "none" { count = 0 }
resource "r" "perhaps" { count = var.unknown ? 1 : 0 }
resource "r" "each" {
  for_each = { k = "a", l = "b" }
  v        = "${each.key}${each.value}"
}
resource "r" "eachunknown" {
  for_each = var.unknown
  v        = each.value
}
resource "r" "second" { v = r.two[1].v }
resource "r" "keyed" { v = r.each["l"].v }
resource "r" "splat" { v = join(",", r.two[*].v) }
`},
			map[string]string{
				". r.two[0]": "n0", ". r.two[1]": "n1", ". r.perhaps": "-", `. r.each["k"]`: "ka", `. r.each["l"]`: "lb",
				". r.eachunknown": "unknown", ". r.second": "n1", ". r.keyed": "lb", ". r.splat": "n0,n1",
			}, []gatehouse.GapCode{gatehouse.GapUnknown},
		},
		{
			"dynamic blocks",
			map[string]string{"main.tf": `
locals { list = ["a", "b"] }
resource "r" "x" {
  dynamic "sub" {
    for_each = local.list
    content { w = sub.value }
  }
}
`},
			map[string]string{". r.x": "-+a+b"}, nil,
		},
		{
			"modules with outputs that feed other modules",
			map[string]string{
				"main.tf": `
module "second" {
  source = "./m"
  in     = module.first.out
}
module "first" {
  source = "./m"
  in     = "x"
}
resource "r" "top" { v = module.second.out }
`,
				"m/main.tf": "variable \"in\" {}\nresource \"r\" \"inner\" { v = var.in }\noutput \"out\" { value = \"${var.in}x\" }\n",
			},
			map[string]string{". r.top": "xxx", ". module.first.r.inner": "x", ". module.second.r.inner": "xx"}, nil,
		},
		{
			"a module for each, by a local value that a module gives",
			map[string]string{
				"main.tf":      "module \"names\" { source = \"./names\" }\nmodule \"each\" {\n  source = \"./m\"\n  for_each = module.names.out\n  in = each.value\n}\n",
				"names/a.tf":   `output "out" { value = { a = "1", b = "2" } }`,
				"m/main.tf":    `resource "r" "x" { v = var.in }`,
				"m/vars.tf":    `variable "in" {}`,
				"m/other.json": `{}`,
			},
			map[string]string{`. module.each["a"].r.x`: "1", `. module.each["b"].r.x`: "2"}, nil,
		},
		{
			"files",
			map[string]string{
				"m/main.tf":  "resource \"r\" \"f\" { v = trimspace(file(\"${path.module}/a.txt\")) }\nresource \"r\" \"t\" { v = templatefile(\"t.tftpl\", { x = \"y\" }) }\nresource \"r\" \"gone\" { v = file(\"/etc/hostname\") }\n",
				"m/a.txt":    "text\n",
				"m/t.tftpl":  "<${x}>",
				"etc/passwd": "no",
			},
			map[string]string{"m r.f": "text", "m r.t": "<y>", "m r.gone": "unknown"}, []gatehouse.GapCode{gatehouse.GapUnresolved},
		},
		{
			"files that are not needed",
			map[string]string{"main.tf": `
locals { none = fileexists("none") ? file("none") : "no" }
resource "r" "cond" { v = local.none }
resource "r" "try" { v = try(file("none"), "default") }
resource "r" "chosen" { v = false ? "${file("none")}" : "other" }
`},
			map[string]string{". r.cond": "no", ". r.try": "default", ". r.chosen": "other"}, nil,
		},
		{
			"a missing file in a nested block",
			map[string]string{"main.tf": `
resource "r" "x" {
  sub { w = "a${templatefile("../../out/none.tpl", {})}" }
}
`},
			map[string]string{". r.x": "-+unknown"}, []gatehouse.GapCode{gatehouse.GapUnresolved},
		},
		{
			"dynamic blocks of an unknown number",
			map[string]string{"main.tf": `
data "d" "x" {}
resource "r" "x" {
  dynamic "sub" {
    for_each = data.d.x.list
    content { w = "a" }
  }
}
`},
			map[string]string{". r.x": "-"}, []gatehouse.GapCode{gatehouse.GapUnknown},
		},
		{
			"the workspace may be any",
			map[string]string{"main.tf": `resource "r" "x" { v = terraform.workspace == "prod" ? "a" : "b" }`},
			map[string]string{". r.x": "unknown"}, nil,
		},
		{
			"JSON syntax",
			map[string]string{"main.tf.json": `{"locals": {"a": "b"}, "resource": {"r": {"x": {"v": "${local.a}c"}}}}`},
			map[string]string{". r.x": "bc"}, nil,
		},
		{
			"JSON syntax with objects",
			map[string]string{"main.tf.json": `{"resource": {"r": {"x": {"v": "1", "tags": {"k": "t"}, "sub": [{"w": "a"}, {"w": "b"}]}, "y": [{"v": "${r.x.tags.k}", "sub": {"w": "c"}}]}}}`},
			map[string]string{". r.x": "1+a+b", ". r.y": "t+c"}, nil,
		},
		{
			"a file that does not parse leaves the others",
			map[string]string{"bad.tf": "resource \"r\" {", "good.tf": `resource "r" "x" { v = "1" }`, "binary.tf": "\x00\xff", "utf8.tf": "# \xff\n"},
			map[string]string{". r.x": "1"}, []gatehouse.GapCode{gatehouse.GapParse, gatehouse.GapParse, gatehouse.GapParse},
		},
		{
			"a block that is not known leaves the others of its file",
			map[string]string{"main.tf": "frobnicate \"x\" {}\nresource \"r\" \"x\" { v = \"1\" }\n"},
			map[string]string{". r.x": "1"}, []gatehouse.GapCode{gatehouse.GapParse},
		},
		{
			"modules that are not there",
			map[string]string{"main.tf": `
module "remote" { source = "hashicorp/consul/aws" }
module "gone" { source = "./gone" }
module "none" {}
resource "r" "x" { v = module.remote.id }
`},
			map[string]string{". r.x": "unknown"},
			[]gatehouse.GapCode{gatehouse.GapUnresolved, gatehouse.GapUnresolved, gatehouse.GapUnresolved},
		},
		{
			"modules that terraform init fetched",
			map[string]string{
				"app/main.tf":                         `module "remote" { source = "hashicorp/consul/aws" }`,
				"app/.terraform/modules/modules.json": `{"Modules": [{"Key": "", "Dir": "."}, {"Key": "remote", "Dir": ".terraform/modules/remote"}]}`,
				"app/.terraform/modules/remote/a.tf":  `resource "r" "x" { v = "1" }`,
			},
			map[string]string{"app module.remote.r.x": "1"}, nil,
		},
		{
			"modules that call each other",
			map[string]string{
				"a/main.tf": "module \"b\" { source = \"../b\" }\nresource \"r\" \"x\" {}\n",
				"b/main.tf": "module \"a\" { source = \"../a\" }\nresource \"r\" \"x\" {}\n",
			},
			map[string]string{"a r.x": "-", "a module.b.r.x": "-"}, []gatehouse.GapCode{gatehouse.GapUnresolved},
		},
		{
			"a module that is never called is looked at by itself",
			map[string]string{
				"main.tf":   "module \"m\" {\n  source = \"./m\"\n  count = 0\n}\n",
				"m/main.tf": `resource "r" "x" { v = "1" }`,
			},
			map[string]string{"m r.x": "1"}, nil,
		},
		{
			"values that double themselves",
			map[string]string{"main.tf": doubling(64) + "resource \"r\" \"x\" { v = local.a0 }\n"},
			map[string]string{". r.x": "xxxxxxxx"}, []gatehouse.GapCode{gatehouse.GapTooLarge},
		},
		{
			"too many instances",
			map[string]string{"main.tf": "resource \"r\" \"x\" { count = 1000000000 }\n"},
			map[string]string{". r.x": "-"}, []gatehouse.GapCode{gatehouse.GapTooLarge},
		},
		{
			"deep nesting",
			map[string]string{"main.tf": "locals { a = " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + " }", "json.tf.json": strings.Repeat("[", 100_000)},
			map[string]string{}, []gatehouse.GapCode{gatehouse.GapTooLarge, gatehouse.GapTooLarge},
		},
		{
			"long chains of operators",
			map[string]string{
				"plus/main.tf":        "locals { a = 1" + strings.Repeat("+1", 100_000) + " }",
				"index/main.tf":       "locals { a = [1]" + strings.Repeat("[0]", 2_000) + " }",
				"not/main.tf":         "locals { a = " + strings.Repeat("!", 100_000) + "true }",
				"choice/main.tf":      "locals { a = " + strings.Repeat("true?1:", 50_000) + "1 }",
				"directive/main.tf":   "locals { a = \"" + strings.Repeat("%{if true}", 20_000) + strings.Repeat("%{endif}", 20_000) + "\" }",
				"plus/x.tf.json":      `{"locals": {"b": "${1` + strings.Repeat("+1", 100_000) + `}"}}`,
				"index/x.tf.json":     `{"locals": {"b": "${x` + strings.Repeat("[0]", 20_000) + `}"}}`,
				"large/main.tf":       strings.Repeat("#", limits.MaxTerraformBytes+1),
				"template/plus.tf":    "resource \"r\" \"y\" { v = templatefile(\"plus.tftpl\", {}) }\n",
				"template/plus.tftpl": "${1" + strings.Repeat("+1", 120_000) + "}",
				"template/main.tf":    "resource \"r\" \"x\" { v = length(templatefile(\"a.tftpl\", {})) }\n",
				"template/a.tftpl":    strings.Repeat("%{if true}", 12_000) + strings.Repeat("%{endif}", 12_000),
				"template/b.tf.json":  `{"locals": {"b": "` + strings.Repeat("%{if true}", 40_000) + `"}}`,
			},
			map[string]string{"template r.x": "unknown", "template r.y": "unknown"}, []gatehouse.GapCode{gatehouse.GapTooLarge, gatehouse.GapUnresolved},
		},
		{
			"functions that could fill the memory",
			map[string]string{"main.tf": `
resource "r" "a" { v = format("%999999999d", 1) }
resource "r" "b" { v = indent(999999999, "a\nb") }
resource "r" "c" { v = length(setproduct(range(1000), range(1000), range(1000))) }
resource "r" "d" { v = uuid() }
resource "r" "e" { v = timestamp() }
resource "r" "f" { v = bcrypt("x", 31) }
`},
			map[string]string{". r.a": "unknown", ". r.b": "unknown", ". r.c": "unknown", ". r.d": "unknown", ". r.e": "unknown", ". r.f": "unknown"}, nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := evaluate(t, tt.files)
			for k, v := range tt.want {
				if got[k] != v {
					t.Errorf("%s: got %q, want %q", k, got[k], v)
				}
			}
			for k := range got {
				if _, ok := tt.want[k]; !ok {
					t.Errorf("%s is not expected", k)
				}
			}
			var codes []gatehouse.GapCode
			for _, p := range problems {
				codes = append(codes, p.Code)
			}
			if codes = slices.Compact(codes); !slices.Equal(codes, slices.Compact(slices.Clone(tt.codes))) {
				t.Errorf("got problems %v, want %v", problems, tt.codes)
			}
		})
	}
}

func doubling(n int) string {
	var b strings.Builder
	b.WriteString("locals {\n  a0 = \"xxxxxxxx\"\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "  a%d = \"${local.a%d}${local.a%d}\"\n", i, i-1, i-1)
	}
	return b.String() + "}\n"
}

// Values that are given win over those in files, for each root module.
func TestGivenVars(t *testing.T) {
	vars, err := ParseVars("prod.tfvars", []byte("in = \"given\"\nundeclared = 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("variable \"in\" {}\nresource \"r\" \"x\" { v = var.in }\n")
	files := map[string][]byte{"a/main.tf": text, "b/main.tf": text, "a/x.auto.tfvars": []byte("in = \"file\"\n")}
	var mu sync.Mutex
	roots := 0
	problems, err := Evaluate(t.Context(), files, []Vars{{"in": cty.StringVal("earlier")}, vars}, func(c *Configuration) error {
		mu.Lock()
		defer mu.Unlock()
		roots++
		for _, b := range c.Modules.GetResourcesByType("r") {
			if v := show(b.GetAttribute("v").Value()); v != "given" {
				t.Errorf("%s: got %s", c.Dir, v)
			}
		}
		return nil
	})
	if err != nil || len(problems) > 0 || roots != 2 {
		t.Errorf("got %d roots, %v, %v", roots, problems, err)
	}
	for name, text := range map[string]string{"bad.tfvars": "in = ", "ref.tfvars": "in = var.x", "bad.tfvars.json": "{"} {
		if _, err := ParseVars(name, []byte(text)); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

// Each of many modules is evaluated.
func TestManyModules(t *testing.T) {
	const n = 100
	files := map[string]string{"m/main.tf": "variable \"in\" {}\nresource \"r\" \"x\" { v = var.in }\n"}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "module \"m%d\" {\n  source = \"./m\"\n  in = \"%d\"\n}\n", i, i)
	}
	files["main.tf"] = b.String()
	got, problems := evaluate(t, files)
	for i := range n {
		if v := got[fmt.Sprintf(". module.m%d.r.x", i)]; v != fmt.Sprint(i) {
			t.Errorf("module %d: got %q", i, v)
		}
	}
	if len(problems) > 0 {
		t.Error(problems)
	}
}

// What is more than can be looked at ends soon, with a gap that names it.
func TestTooMuch(t *testing.T) {
	var calls strings.Builder
	for i := range limits.MaxTerraformModules + 500 {
		fmt.Fprintf(&calls, "module \"m%d\" {\n  source = \"./m\"\n  in = \"%d\"\n}\n", i, i)
	}
	chain := map[string]string{}
	for i := range 3 * limits.MaxTerraformDepth {
		chain[fmt.Sprintf("m%d/main.tf", i)] = fmt.Sprintf("module \"next\" { source = \"../m%d\" }\nresource \"r\" \"x\" {}\n", i+1)
	}
	chain[fmt.Sprintf("m%d/main.tf", 3*limits.MaxTerraformDepth)] = "resource \"r\" \"x\" {}\n"
	tests := map[string]struct {
		files  map[string]string
		code   gatehouse.GapCode
		reason string
	}{
		"module calls":                {map[string]string{"main.tf": calls.String(), "m/main.tf": "variable \"in\" {}\nresource \"r\" \"x\" { v = var.in }\n"}, gatehouse.GapTooLarge, "more than the limit of 2000 modules"},
		"a chain of modules":          {chain, gatehouse.GapTooLarge, "more than the limit of 50 others"},
		"for_each over a million":     {map[string]string{"main.tf": "resource \"r\" \"x\" { for_each = toset([for i in range(1000000) : \"b${i}\"]) }\n"}, gatehouse.GapUnresolved, "for_each has no value"},
		"for_each over many":          {map[string]string{"main.tf": "resource \"r\" \"x\" { for_each = toset([for i in range(1001) : \"b${i}\"]) }\n"}, gatehouse.GapTooLarge, "more than the limit of 1000 instances"},
		"count of a million":          {map[string]string{"main.tf": "resource \"r\" \"x\" { count = 1000000 }\n"}, gatehouse.GapTooLarge, "more than the limit of 1000 instances"},
		"a file that JSON reads":      {map[string]string{"main.tf.json": `{"locals": {"a": "${file(\"gone.txt\")}"}}`}, gatehouse.GapUnresolved, `file("gone.txt") has no value`},
		"a template that JSON reads":  {map[string]string{"main.tf.json": `{"resource": {"r": {"x": {"tags": [{"a": "${templatefile(\"gone.tftpl\", {})}"}]}}}}`}, gatehouse.GapUnresolved, `templatefile("gone.tftpl") has no value`},
		"a module that reads no file": {map[string]string{"main.tf": "module \"m\" { source = \"./m\" }\n", "m/main.tf.json": `{"locals": {"a": "${file(\"gone.txt\")}"}}`}, gatehouse.GapUnresolved, `file("gone.txt") has no value`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, problems := evaluate(t, tt.files)
			n := 0
			for _, p := range problems {
				if p.Code == tt.code && strings.Contains(p.Reason, tt.reason) {
					n++
				}
			}
			if n == 0 || len(problems) != n || n > 10 {
				t.Errorf("got %d of %d problems with %s and %q: %v", n, len(problems), tt.code, tt.reason, problems[:min(3, len(problems))])
			}
			if len(got) == 0 && !strings.Contains(name, "JSON") && !strings.Contains(name, "no file") {
				t.Error("no resource was looked at")
			}
		})
	}
}

// A file that is there is no problem in JSON either.
func TestFilesInJSON(t *testing.T) {
	got, problems := evaluate(t, map[string]string{
		"main.tf.json": `{"resource": {"r": {"x": {"v": "${jsondecode(file(\"${path.module}/a.json\")).b}", "w": "${try(file(\"gone\"), \"\")}"}}}}`,
		"a.json":       `{"b": "c"}`,
	})
	if got[". r.x"] != "c" || len(problems) > 0 {
		t.Errorf("got %v, %v", got, problems)
	}
}

// Modules that each call the next one twice are bounded.
func TestExponentialModules(t *testing.T) {
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("m%d/main.tf", i)] = fmt.Sprintf("module \"a\" { source = \"../m%d\" }\nmodule \"b\" { source = \"../m%d\" }\n", i+1, i+1)
	}
	files["m20/main.tf"] = `resource "r" "x" {}`
	_, problems := evaluate(t, files)
	if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == gatehouse.GapTooLarge }) {
		t.Errorf("more than %d modules are no problem: %v", limits.MaxTerraformModules, problems)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Evaluate(ctx, map[string][]byte{"main.tf": []byte(`resource "r" "x" {}`)}, nil, func(*Configuration) error { return nil })
	if err == nil {
		t.Error("a cancelled evaluation gave no error")
	}
}

// Root modules are evaluated concurrently and share the files of modules.
func TestManyRoots(t *testing.T) {
	const n = 30
	files := map[string]string{"m/main.tf": "variable \"in\" { type = object({ a = optional(string, \"d\"), b = string }) }\nlocals { l = \"${var.in.a}${var.in.b}\" }\nresource \"r\" \"x\" {\n  v = upper(local.l)\n  dynamic \"sub\" {\n    for_each = [1, 2]\n    content { w = \"n${sub.value}\" }\n  }\n}\n"}
	for i := range n {
		files[fmt.Sprintf("r%d/main.tf", i)] = fmt.Sprintf("module \"m\" {\n  source = \"../m\"\n  in = { b = \"%d\" }\n}\nmodule \"gone\" { source = \"./gone\" }\n", i)
	}
	got, problems := evaluate(t, files)
	for i := range n {
		if v := got[fmt.Sprintf("r%d module.m.r.x", i)]; v != fmt.Sprintf("D%d+n1+n2", i) {
			t.Errorf("root %d: got %q", i, v)
		}
	}
	if len(problems) != n || len(got) != n {
		t.Errorf("got %d problems and %d resources", len(problems), len(got))
	}
}
