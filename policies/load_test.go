package policies

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"
)

// files makes a source from pairs of name and content.
func files(name string, pairs ...string) Source {
	m := fstest.MapFS{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return Source{Name: name, FS: m}
}

const denyAll = "package main\n\ndeny contains \"no\"\n"

// reportRule is a report policy with the given body.
func reportRule(body string) string {
	return "package gatehouse.acme\n\ndeny contains \"x\" if {\n\t" + body + "\n}\n"
}

func docRule(body string) string {
	return "package main\n\ndeny contains \"x\" if {\n\t" + body + "\n}\n"
}

// What could silently not be evaluated is an error by name.
func TestLoadRefuses(t *testing.T) {
	one := func(src string) Options { return Options{Policies: []Source{files("policy", "a.rego", src)}} }
	tests := []struct {
		name string
		opts Options
		want []string
	}{
		{"nothing", Options{}, []string{"there are none"}},
		{"source without policy", Options{Policies: []Source{files("policy", "README.md", "x")}}, []string{`"policy" has no .rego file`}},
		{"source with tests only", Options{Policies: []Source{files("policy", "a_test.rego", denyAll)}}, []string{`"policy" has tests and no policy`}},
		{"a policy that is called like a test", Options{Policies: []Source{files("policy", "a.rego", denyAll, "unit_test.rego", denyAll)}}, []string{"policy/unit_test.rego: the name ends in _test.rego", "call it differently"}},
		{"empty source beside baseline", Options{Baseline: true, Policies: []Source{files("policy")}}, []string{`"policy" has no .rego file`}},
		{"data source without data", Options{Baseline: true, Data: []Source{files("data", "a.txt", "")}}, []string{`"data" has no .json`}},
		{"empty file", one(""), []string{"policy/a.rego", "empty"}},
		{"comment only", one("# hello\n"), []string{"policy/a.rego", "empty"}},
		{"syntax", one("package main\ndeny contains"), []string{"policy/a.rego:2"}},
		{"v0", one("package main\n\ndeny[msg] {\n  msg := \"x\"\n}\n"), []string{"policy/a.rego:3", "Rego v0", "opa fmt --write --v0-v1 policy/a.rego"}},
		{"unselected", one("package other\n\ndeny contains \"x\"\n"), []string{"other", "--namespace other", "--all-namespaces"}},
		{"unselected and wrong", Options{Policies: []Source{files("policy", "a.rego", denyAll, "b.rego", "package other\n\ndeny if input.x\n")}}, []string{"other", "--namespace other"}},
		{"unknown namespace", Options{Namespaces: []string{"mian"}, Policies: []Source{files("policy", "a.rego", denyAll)}},
			[]string{`"mian" is not the package of any policy`, `did you mean "main"?`}},
		{"unknown glob", Options{Namespaces: []string{"main", "k8s.*"}, Policies: []Source{files("policy", "a.rego", denyAll)}}, []string{`"k8s.*"`}},
		{"namespace without policies", Options{Baseline: true, Namespaces: []string{"main"}}, []string{`"main"`}},
		{"no rule", one("package main\n\nallow := true\n"), []string{`"main"`, "no rule called deny, violation or warn"}},
		{"library only", one("package lib\n\nallow := true\n"), []string{"no rule called deny"}},
		{"all namespaces, library only", Options{AllNamespaces: true, Policies: []Source{files("policy", "a.rego", "package lib\n\nallow := true\n")}}, []string{"no rule called deny"}},
		{"report package without rule", one("package gatehouse.acme\n\nallow := true\n"), []string{`"gatehouse.acme"`, "no rule called deny"}},
		{"boolean deny", one("package main\n\ndeny if input.x\n"), []string{"policy/a.rego:3", "gives no set of messages", "deny contains msg if"}},
		{"complete deny", one("package main\n\ndefault deny := false\n"), []string{"policy/a.rego:3", "gives no set"}},
		{"object deny", one("package main\n\ndeny[msg] := 1 if msg := \"x\"\n"), []string{"gives no set"}},
		{"nested deny", one("package main\n\ndeny.x contains \"x\"\n"), []string{"gives no set"}},
		{"misspelt rule", one("package main\n\ndney contains \"x\"\n"), []string{`rule "dney"`, `did you mean "deny"?`}},
		{"undefined rule", one(docRule("data.lib.helpers.foo")), []string{"policy/a.rego:4", "data.lib.helpers.foo is not defined"}},
		{"undefined import", one("package main\n\nimport data.lib\n\ndeny contains \"x\" if lib.foo\n"), []string{"data.lib.foo is not defined"}},
		{"undefined rule of a package", Options{Policies: []Source{files("policy", "a.rego", docRule("data.lib.foo"), "b.rego", "package lib\n\nbar := 1\n")}}, []string{"data.lib.foo is not defined"}},
		{"undefined function", one(docRule("data.lib.f(1)")), []string{"no policy defines the function data.lib.f"}},
		{"unknown builtin", one(docRule("sprintff(\"%v\", [1])")), []string{"there is no function sprintff", `did you mean "sprintf"?`}},
		{"recursion", one("package main\n\ndeny contains \"x\" if p\n\np if q\n\nq if p\n"), []string{"recursive", "Rego has no recursion"}},
		{"recursive function", one("package main\n\ndeny contains \"x\" if f(1)\n\nf(x) := f(x + 1)\n"), []string{"recursive"}},
		{"data over a rule", Options{Policies: []Source{files("policy", "a.rego", denyAll, "main/data.json", `{"deny": []}`)}}, []string{"main"}},
		{"same source twice", Options{Policies: []Source{files("policy", "a.rego", denyAll), files("policy", "a.rego", denyAll)}}, []string{"given twice"}},
		{"reserved package", one("package gatehouse.baseline.secrets\n\ndeny contains \"x\"\n"), []string{"belongs to the baseline pack"}},
		{"reserved data", Options{Policies: []Source{files("policy", "a.rego", denyAll, "gatehouse/data.json", `{"settings": {}}`)}}, []string{`"gatehouse" is reserved`}},
		{"bad input kind", one("# METADATA\n# custom:\n#   input: reports\npackage main\n\ndeny contains \"x\"\n"), []string{`custom.input is reports`}},
		{"bad severity", one("package main\n\n# METADATA\n# custom:\n#   severity: DIRE\ndeny contains \"x\"\n"), []string{"custom.severity is DIRE"}},
		{"bad controls", one("package main\n\n# METADATA\n# custom:\n#   controls: CC1\ndeny contains \"x\"\n"), []string{"custom.controls is CC1"}},
		{"bad effective_on", one("package main\n\n# METADATA\n# custom:\n#   effective_on: soon\ndeny contains \"x\"\n"), []string{"custom.effective_on is soon"}},
		{"bad id", one("package main\n\n# METADATA\n# custom:\n#   id: 7\ndeny contains \"x\"\n"), []string{"custom.id is 7"}},
		{"report fields in a document policy", one(docRule("input.findings[_]")), []string{"policy/a.rego:4", "input.findings is a field of the report", "input: report"}},
		{"components in a document policy", one(docRule("some c in input.components")), []string{"input.components is a field of the report"}},

		{"misspelt field", one(reportRule("input.findngs[_]")), []string{"policy/a.rego:4", `"findngs"`, `did you mean "findings"?`}},
		{"misspelt field of a variable", one(reportRule("some f in input.findings\n\tf.severty == \"HIGH\"")), []string{"policy/a.rego:5", `did you mean "severity"?`}},
		{"misspelt nested field", one(reportRule("input.findings[_].vulnerability.package.nme")), []string{`did you mean "name"?`}},
		{"misspelt coverage field", one(reportRule("some s in input.coverage.scanners\n\ts.staus == \"failed\"")), []string{`did you mean "status"?`}},
		{"misspelt database field", one(reportRule("some d in input.databases\n\td.age_hour > 3")), []string{`did you mean "age_hours"?`}},
		{"misspelt field in every", one(reportRule("every f in input.findings { f.severty == \"HIGH\" }")), []string{"policy/a.rego:4", `did you mean "severity"?`}},
		{"misspelt field in a function", one(reportRule("some f in input.findings\n\tbad(f)") + "\nbad(f) if f.severty == \"HIGH\"\n"), []string{"policy/a.rego:8", `did you mean "severity"?`}},
		{"misspelt field in a report policy by metadata", one("# METADATA\n# custom:\n#   input: report\npackage main\n\ndeny contains \"x\" if input.findngs\n"), []string{`did you mean "findings"?`}},
		{"wrong type", one(reportRule("input.findings.id")), []string{"policy/a.rego:4"}},

		{"network", one(docRule("http.send({\"url\": \"http://x\", \"method\": \"GET\"})")), []string{"may not call http.send", "data file"}},
		{"clock", one(docRule("time.now_ns() > 0")), []string{"may not call time.now_ns", "input.time", "data.gatehouse.time"}},
		{"environment", one(docRule("opa.runtime().env")), []string{"may not call opa.runtime"}},
		{"randomness", one(docRule("rand.intn(\"x\", 3) == 1")), []string{"may not call rand.intn"}},
		{"name lookup", one(docRule("net.lookup_ip_addr(\"x\")")), []string{"may not call net.lookup_ip_addr"}},
		{"deprecated", one(docRule("any([true])")), []string{"may not call any", "use some"}},
		{"network by with", one(docRule("x := count([1]) with count as http.send\n\tx == 1")), []string{"var http is unsafe"}},
		{"remote schema", one("package gatehouse.acme\n\n# METADATA\n# schemas:\n#   - input: {\"$ref\": \"http://127.0.0.1:1/x.json\"}\ndeny contains \"x\" if input.findings\n"), []string{"remote reference"}},

		{"invalid UTF-8", one("package main\n\ndeny contains \"\xff\"\n"), []string{"policy/a.rego", "not valid UTF-8 at line 3"}},
		{"broken JSON", Options{Policies: []Source{files("policy", "a.rego", denyAll, "d.json", "{")}}, []string{`"policy/d.json"`, "not JSON"}},
		{"more JSON", Options{Policies: []Source{files("policy", "a.rego", denyAll, "d.json", "{} {}")}}, []string{`"policy/d.json"`, "more after"}},
		{"broken YAML", Options{Policies: []Source{files("policy", "a.rego", denyAll, "d.yaml", "a: [")}}, []string{`"policy/d.yaml"`, "not YAML"}},
		{"two YAML documents", Options{Policies: []Source{files("policy", "a.rego", denyAll, "d.yaml", "a: 1\n---\nb: 2\n")}}, []string{`"policy/d.yaml"`, "more than one"}},
		{"data without name", Options{Policies: []Source{files("policy", "a.rego", denyAll, "d.json", "[1]")}}, []string{`"policy/d.json"`, "a list"}},
		{"data twice", Options{Policies: []Source{files("policy", "a.rego", denyAll, "d.json", `{"x": 1}`, "e.yaml", "x: 2")}}, []string{`"policy/e.yaml"`, `"policy/d.json"`, `"data.x"`}},
		{"data that looks like a manifest", Options{Policies: []Source{files("policy", "a.rego", docRule("data.kind == input.kind"), "x.yaml", "apiVersion: v1\nkind: Pod\n")}}, []string{"data.kind is not defined"}},
		{"huge file", Options{Policies: []Source{files("policy", "a.rego", denyAll, "d.json", `{"x": "`+strings.Repeat("x", 17<<20)+`"}`)}}, []string{`"policy/d.json"`, "larger than the limit of 16 MiB"}},
		{"billion laughs", Options{Policies: []Source{files("policy", "a.rego", denyAll, "d.yaml", laughs())}}, []string{`"policy/d.yaml"`}},
		{"deep expression", one("package main\n\ndeny contains \"x\" if " + strings.Repeat("[", 200_000) + "\n"), []string{"policy/a.rego"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(context.Background(), tt.opts)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in %.2000v", w, err)
				}
			}
		})
	}
}

func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		p := "*a" + string(rune('0'+i-1))
		b.WriteString("a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.Repeat(p+", ", 9) + p + "]\n")
	}
	return b.String()
}

func TestLoadAccepts(t *testing.T) {
	tests := []struct {
		name string
		opts Options
		want []string // paths of rules
	}{
		{"suffixes", Options{Policies: []Source{files("policy", "a.rego", "package main\n\ndeny_a contains \"x\"\n\nviolation_b_c contains \"x\"\n\nwarn contains \"x\"\n")}},
			[]string{"main.deny_a", "main.violation_b_c", "main.warn"}},
		{"library beside it", Options{Policies: []Source{files("policy", "a.rego", docRule("data.lib.bad"), "lib/b.rego", "package lib\n\nbad if input.x\n")}}, []string{"main.deny"}},
		{"data beside it", Options{Policies: []Source{files("policy", "a.rego", docRule("data.services[input.x]"), "data.yaml", "services: [1]\n")}}, []string{"main.deny"}},
		{"data in a directory", Options{Policies: []Source{files("policy", "a.rego", docRule("data.services.web[input.x]"), "services/web/x.json", "[1]")}}, []string{"main.deny"}},
		{"examples beside it", Options{Policies: []Source{files("policy", "a.rego", docRule("input.kind"),
			"one.yaml", "apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Service\n", "two.yaml", "apiVersion: v1\nkind: Secret\n", "three.json", `{"apiVersion": "v1", "kind": "List"}`)}}, []string{"main.deny"}},
		{"data source", Options{Policies: []Source{files("policy", "a.rego", docRule("data.services[input.x]"))}, Data: []Source{files("d", "x.yml", "services: [1]\n")}}, []string{"main.deny"}},
		{"namespaces", Options{Namespaces: []string{"a", "k8s.*"}, Policies: []Source{files("policy", "a.rego", "package a\n\ndeny contains 1\n", "b.rego", "package k8s.pods\n\nwarn contains 1\n", "c.rego", "package k8s.lib\n\nx := 1\n")}},
			[]string{"a.deny", "k8s.pods.warn"}},
		{"all namespaces", Options{AllNamespaces: true, Policies: []Source{files("policy", "a.rego", "package a\n\ndeny contains 1\n", "b.rego", "package b\n\nwarn contains 1\n")}}, []string{"a.deny", "b.warn"}},
		{"report policy needs no namespace", Options{Policies: []Source{files("policy", "a.rego", reportRule("input.findings[_].severity == \"HIGH\""))}}, []string{"gatehouse.acme.deny"}},
		{"report library", Options{Policies: []Source{files("policy", "a.rego", reportRule("data.gatehouse.lib.bad"), "b.rego", "package gatehouse.lib\n\nbad if input.findings\n")}}, []string{"gatehouse.acme.deny"}},
		{"baseline library", Options{Baseline: true, Policies: []Source{files("policy", "a.rego", reportRule("data.gatehouse.baseline.lib.at_least(\"HIGH\", \"LOW\")"))}}, nil},
		{"user function with the name of a built-in", Options{Policies: []Source{files("policy", "a.rego", "package main\n\nimport data.lib.http\n\ndeny contains \"x\" if http.send(1)\n", "b.rego", "package lib.http\n\nsend(x) if x == 1\n")}}, []string{"main.deny"}},
		{"components of a document", Options{Policies: []Source{files("policy", "a.rego", docRule("input.components.schemas"))}}, []string{"main.deny"}},
		{"document by metadata", Options{Policies: []Source{files("policy", "a.rego", "# METADATA\n# custom:\n#   input: document\npackage main\n\ndeny contains \"x\" if input.findings\n")}}, []string{"main.deny"}},
		{"schema that is not here", Options{Policies: []Source{files("policy", "a.rego", "package main\n\n# METADATA\n# schemas:\n#   - input: schema.kubernetes\ndeny contains \"x\" if input.kind\n")}}, []string{"main.deny"}},
		{"import rego.v1", Options{Policies: []Source{files("policy", "a.rego", "package main\n\nimport rego.v1\n\ndeny contains \"x\" if input.kind\n")}}, []string{"main.deny"}},
		{"tests and testdata are left out", Options{Policies: []Source{files("policy", "a.rego", denyAll, "a_test.rego", "package broken {", "testdata/x.rego", "package broken {", "testdata/y.json", "{")}}, []string{"main.deny"}},
		{"conftest data", Options{Policies: []Source{files("policy", "a.rego", docRule("startswith(data.conftest.file.name, \"a\")"))}}, []string{"main.deny"}},
		{"object fields in functions", Options{Policies: []Source{files("policy", "a.rego", reportRule("f({\"nmae\": 1})")+"\nf(x) if x.nmae == 1\n")}}, []string{"gatehouse.acme.deny"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Load(context.Background(), tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range s.Rules() {
				got = append(got, r.Path)
			}
			if tt.want != nil && !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if s.Ref().Rules != len(got) {
				t.Errorf("the reference counts %d rules", s.Ref().Rules)
			}
		})
	}
}

func TestSourcesOnDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	load := func(name string) error {
		src, err := OpenSource(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		_, err = Load(context.Background(), Options{Policies: []Source{src}})
		return err
	}
	write("good/a.rego", denyAll)
	write("good/..2026/a.rego", denyAll)
	link("../nowhere", "good/README")
	write("inside/..data/a.rego", denyAll)
	link("..data/a.rego", "inside/a.rego")
	write("loop/a.rego", denyAll)
	link(".", "loop/again")
	write("self/b.rego", denyAll)
	link("a.rego", "self/a.rego")
	write("outside/b.rego", denyAll)
	link("../good/a.rego", "outside/a.rego")
	write("dirs.rego/a.rego", denyAll)

	for name, want := range map[string]string{
		"good": "", "good/a.rego": "", "inside": "", "dirs.rego": "",
		"loop":        "is a symbolic link to a directory",
		"self":        "cannot be followed",
		"outside":     "cannot be followed",
		"missing":     "no such file",
		"good/README": "no such file",
	} {
		err := load(name)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	src, err := OpenSource(filepath.Join(dir, "good/a.rego"))
	if err != nil {
		t.Fatal(err)
	}
	s := mustLoad(t, Options{Policies: []Source{src}})
	if got := s.Rules()[0].File; got != src.Name {
		t.Errorf("the file is called %q, want %q", got, src.Name)
	}
	if _, err := fs.ReadFile(src.FS, "../good/a.rego"); err == nil {
		t.Error("read outside of the file")
	}
}

func TestDigest(t *testing.T) {
	base := Options{Policies: []Source{files("policy", "a.rego", denyAll, "d.json", `{"x": 1}`)}}
	digest := func(change func(*Options)) string {
		o := base
		change(&o)
		return mustLoad(t, o).Ref().Digest
	}
	same := digest(func(*Options) {})
	if !strings.HasPrefix(same, "sha256:") || len(same) != len("sha256:")+64 {
		t.Fatalf("digest %q", same)
	}
	if got := digest(func(o *Options) {
		o.Policies = []Source{files("elsewhere/policy", "a.rego", denyAll, "d.json", `{"x": 1}`, "a_test.rego", "x")}
	}); got != same {
		t.Error("the digest depends on the name of the source or on tests")
	}
	seen := map[string]string{same: "base"}
	for name, change := range map[string]func(*Options){
		"module":     func(o *Options) { o.Policies = []Source{files("policy", "a.rego", denyAll+"\n", "d.json", `{"x": 1}`)} },
		"path":       func(o *Options) { o.Policies = []Source{files("policy", "b.rego", denyAll, "d.json", `{"x": 1}`)} },
		"data":       func(o *Options) { o.Policies = []Source{files("policy", "a.rego", denyAll, "d.json", `{"x": 2}`)} },
		"settings":   func(o *Options) { o.Settings = map[string]any{"database_age.max_days": 3} },
		"baseline":   func(o *Options) { o.Baseline = true },
		"combine":    func(o *Options) { o.Combine = true },
		"namespaces": func(o *Options) { o.AllNamespaces = true },
	} {
		got := digest(change)
		if other, twice := seen[got]; twice {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[got] = name
	}
}

// Each function of OPA is a decision: it is allowed or refused.
func TestBuiltinsAreDecided(t *testing.T) {
	allowed := map[string]bool{}
	for _, name := range allowedBuiltins {
		if allowed[name] {
			t.Errorf("%s is listed twice", name)
		}
		allowed[name] = true
		if _, refused := refusedBuiltins[name]; refused {
			t.Errorf("%s is allowed and refused", name)
		}
	}
	all := map[string]bool{}
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		all[b.Name] = true
		_, refused := refusedBuiltins[b.Name]
		if !allowed[b.Name] && !refused {
			t.Errorf("%s is neither allowed nor refused", b.Name)
		}
		if allowed[b.Name] && (b.Nondeterministic || b.IsDeprecated()) {
			t.Errorf("%s is allowed, but is nondeterministic or deprecated", b.Name)
		}
	}
	for name := range allowed {
		if !all[name] {
			t.Errorf("%s is allowed, but OPA has no such function", name)
		}
	}
	for name, why := range refusedBuiltins {
		if why == "" {
			t.Errorf("%s is refused without a reason", name)
		}
	}
	if len(capabilities().Builtins) != len(allowedBuiltins) || capabilities().AllowNet == nil {
		t.Error("the capabilities are not those of the list")
	}
}

func TestExplain(t *testing.T) {
	s := mustLoad(t, Options{Baseline: true})
	for _, name := range []string{"GH-VULN-001", "gh-vuln-001", "gatehouse.baseline.vulnerabilities.deny", "data.gatehouse.baseline.vulnerabilities.deny", "vulnerabilities.deny"} {
		got, err := s.Explain(name)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		text := got[0].String()
		for _, want := range []string{"GH-VULN-001", "vulnerabilities.severity = HIGH", "deny contains violation(f) if", "# METADATA", "kind: policy", "Upgrade the package"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in\n%s", name, want, text)
			}
		}
	}
	if got, err := s.Explain("vulnerabilities"); err != nil || len(got) != 7 {
		t.Errorf("the rules of a package: %d, %v", len(got), err)
	}
	if _, err := s.Explain("secrets.dney"); err == nil || !strings.Contains(err.Error(), "secrets.deny") {
		t.Errorf("got %v", err)
	}
}
