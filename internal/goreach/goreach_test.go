package goreach

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/vuln/scan"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// asAnalyzer makes this test program the analyzer.
const asAnalyzer = "run-analyzer"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asAnalyzer {
		c := scan.Command(context.Background(), os.Args[2:]...)
		err := c.Start()
		if err == nil {
			err = c.Wait()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type imports map[string][]vulndb.Import

func (m imports) Imports(_, pkgName, id string) ([]vulndb.Import, error) {
	return m[pkgName+" "+id], nil
}

func finding(file, id, module string) gatehouse.Finding {
	return gatehouse.Finding{Rule: id, Location: gatehouse.Location{Path: file},
		Vulnerability: &gatehouse.Vulnerability{Aliases: []string{"ALIAS-" + id}, Package: gatehouse.Package{Ecosystem: "golang", Name: module, Version: "v1.0.0"}}}
}

// module writes a module with two dependencies in a vendor directory.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                         "module example.test/app\n\ngo 1.21\n\nrequire (\n\texample.test/idle v1.0.0\n\texample.test/fork v1.0.0\n\texample.test/lib v1.0.0\n)\n\nreplace example.test/fork => ./fork\n",
		"fork/go.mod":                    "module example.test/fork\n",
		"main.go":                        "package main\n\nimport (\n\t\"net/url\"\n\n\t\"example.test/fork\"\n\t\"example.test/lib\"\n)\n\nfunc main() {\n\tfork.F()\n\tprintln(lib.Get(3))\n\turl.Parse(\"x\")\n}\n",
		"vendor/modules.txt":             "# example.test/fork v1.0.0 => ./fork\n## explicit\nexample.test/fork\n# example.test/idle v1.0.0\n## explicit; go 1.21\n# example.test/lib v1.0.0\n## explicit; go 1.21\nexample.test/lib\n# example.test/fork => ./fork\n",
		"vendor/example.test/fork/f.go":  "package fork\n\nfunc F() {}\n",
		"vendor/example.test/lib/lib.go": "package lib\n\n//go:noinline\nfunc Get(n int) int {\n\tif n > 2 {\n\t\treturn Get(n - 1)\n\t}\n\treturn n\n}\n\nfunc Other() {}\n",
	} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func apply(t *testing.T, dir string, db imports, findings []gatehouse.Finding) (states, undecided []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	report := &gatehouse.Report{Findings: findings}
	undecided = Apply(t.Context(), report, Options{Dir: dir, Database: db, Env: os.Environ(), Analyzer: []string{self, asAnalyzer}})
	for _, f := range report.Findings {
		state := "?"
		if r := f.Vulnerability.Reachability; r != nil {
			state = r.State
			if r.Why == "" {
				t.Errorf("%s: no reason", f.Rule)
			}
		}
		states = append(states, f.Rule+" "+state)
	}
	return states, undecided
}

func TestSource(t *testing.T) {
	db := imports{
		"example.test/lib GET":         {{Path: "example.test/lib", Symbols: []string{"Get"}}},
		"example.test/lib ALIAS-ALIAS": {{Path: "example.test/lib", Symbols: []string{"Get"}}},
		"example.test/lib OTHER":       {{Path: "example.test/lib", Symbols: []string{"Other"}}},
		"example.test/lib PART":        {{Path: "example.test/lib/part", Symbols: []string{"X"}}},
		"example.test/lib PLAN9":       {{Path: "example.test/lib/part", GOOS: []string{"plan9"}}},
		"example.test/fork FORK":       {{Path: "example.test/fork/part"}},
		"stdlib URL":                   {{Path: "net/url", Symbols: []string{"Parse"}}},
		"stdlib SMTP":                  {{Path: "net/smtp", Symbols: []string{"Dial"}}},
	}
	var list []gatehouse.Finding
	for _, q := range []string{"GET example.test/lib", "ALIAS example.test/lib", "OTHER example.test/lib", "PART example.test/lib", "PLAN9 example.test/lib",
		"WHOLE example.test/lib", "WHOLE example.test/idle", "FORK example.test/fork", "URL stdlib", "SMTP stdlib"} {
		id, name, _ := strings.Cut(q, " ")
		list = append(list, finding("go.mod", id, name))
	}
	states, undecided := apply(t, module(t), db, list)
	want := []string{"GET called", "ALIAS called", "OTHER imported", "PART unreachable", "PLAN9 ?", "WHOLE called", "WHOLE unreachable", "FORK ?", "URL called", "SMTP unreachable"}
	if !slices.Equal(states, want) {
		t.Errorf("got  %v\nwant %v", states, want)
	}
	if len(undecided) != 1 || !strings.Contains(undecided[0], "PLAN9") || !strings.Contains(undecided[0], "the module is replaced") {
		t.Errorf("undecided: %q", undecided)
	}
}

// What a module runs as a tool is used, though no package imports it.
func TestTools(t *testing.T) {
	dir := module(t)
	for name, text := range map[string]string{
		"go.mod":                               "module example.test/app\n\ngo 1.24\n\nrequire example.test/idle v1.0.0\n\ntool (\n\texample.test/idle/cmd\n)\n",
		"main.go":                              "package main\n\nfunc main() {}\n",
		"vendor/modules.txt":                   "# example.test/idle v1.0.0\n## explicit; go 1.21\nexample.test/idle/cmd\n",
		"vendor/example.test/idle/cmd/main.go": "package main\n\nfunc main() {}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	db := imports{"example.test/idle PART": {{Path: "example.test/idle/part"}}}
	states, undecided := apply(t, dir, db, []gatehouse.Finding{finding("go.mod", "ALL", "example.test/idle"), finding("go.mod", "PART", "example.test/idle")})
	if !slices.Equal(states, []string{"ALL imported", "PART unreachable"}) || len(undecided) > 0 {
		t.Errorf("%v, %q", states, undecided)
	}
}

// What fails decides nothing. It guards against TM-17.
func TestFailuresDecideNothing(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"it does not compile", "x.go", "package main\n\nvar x int = \"\"\n", "analyse the calls"},
		{"it does not parse", "x.go", "package main\n\nfunc {\n", "x.go"},
		{"no such package", "x.go", "package main\n\nimport _ \"example.test/lib/none\"\n", "go mod download"},
		{"newer toolchain", "go.mod", "module example.test/app\n\ngo 1.999\n", "go >= 1.999"},
		{"bad go.mod", "go.mod", "modul\n", "go.mod"},
		{"only for another platform", "main.go", "//go:build plan9 && wasm\n\npackage main\n", "no packages"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := module(t)
			if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			states, undecided := apply(t, dir, nil, []gatehouse.Finding{finding("go.mod", "A", "example.test/idle")})
			if states[0] != "A ?" || len(undecided) != 1 || !strings.Contains(undecided[0], tt.want) {
				t.Errorf("%v, %q", states, undecided)
			}
		})
	}
}

func TestProgram(t *testing.T) {
	dir := module(t)
	build := func(name string, flags ...string) {
		cmd := exec.Command("go", slices.Concat([]string{"build", "-o", name}, flags, []string{"."})...)
		cmd.Dir, cmd.Env = dir, offline(os.Environ())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	build("app")
	build("stripped", "-ldflags=-s -w")
	if err := os.WriteFile(filepath.Join(dir, "damaged"), []byte("\x7fELF"), 0o644); err != nil {
		t.Fatal(err)
	}
	db := imports{
		"example.test/lib GET":   {{Path: "example.test/lib", Symbols: []string{"Get"}}},
		"example.test/lib OTHER": {{Path: "example.test/lib", Symbols: []string{"Other"}}},
	}
	states, undecided := apply(t, dir, db, []gatehouse.Finding{
		finding("app", "GET", "example.test/lib"), finding("app", "OTHER", "example.test/lib"), finding("app", "IDLE", "example.test/idle"),
		finding("damaged", "GET", "example.test/lib"),
	})
	if states[0] != "GET present" || states[1] != "OTHER imported" || states[2] != "IDLE ?" || states[3] != "GET ?" || len(undecided) != 2 {
		t.Errorf("%v, %q", states, undecided)
	}
	// A target is mostly given relative to the working directory.
	t.Chdir(filepath.Dir(dir))
	states, undecided = apply(t, filepath.Base(dir), db, []gatehouse.Finding{finding("app", "GET", "example.test/lib"), finding("go.mod", "OTHER", "example.test/lib")})
	if states[0] != "GET present" || states[1] != "OTHER imported" || len(undecided) > 0 {
		t.Errorf("relative: %v, %q", states, undecided)
	}
	states, undecided = apply(t, dir, db, []gatehouse.Finding{finding("stripped", "GET", "example.test/lib"), finding("stripped", "OTHER", "example.test/lib")})
	if !slices.Equal(states, []string{"GET ?", "OTHER ?"}) || len(undecided) != 1 || !strings.Contains(undecided[0], "table of symbols") {
		t.Errorf("%v, %q", states, undecided)
	}
}

func TestStreamMustBeWhole(t *testing.T) {
	for _, text := range []string{"", "{}", `{"config":{}}`, `{"config":{}}{"SBOM":{}}{"finding":`, "text"} {
		if _, err := readStream([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
	if seen, err := readStream([]byte(`{"config":{}}{"SBOM":{}}{"finding":{"osv":"Q-1","trace":[{"module":"m"}]}}`)); err != nil || seen["Q-1"].level != levelModule {
		t.Errorf("%v, %v", seen, err)
	}
}

// Nothing that the user has set lets the go command fetch or start anything.
func TestOffline(t *testing.T) {
	cmd := exec.Command("go", "env", "GOFLAGS", "GOPROXY", "GONOPROXY", "GOSUMDB", "GOTOOLCHAIN", "GOVCS")
	cmd.Env = offline(append(os.Environ(), "GOFLAGS=-mod=mod -toolexec=evil", "GOPROXY=direct", "GOPRIVATE=*", "GONOPROXY=*", "GOTOOLCHAIN=go9.9.9"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(out)); !slices.Equal(got, []string{"-buildvcs=false", "off", "none", "off", "local", "*:off"}) {
		t.Errorf("got %q", got)
	}
}
