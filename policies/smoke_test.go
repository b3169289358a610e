package policies

import (
	"context"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

func load1(t *testing.T, src string) {
	_, err := Load(context.Background(), Options{Policies: []Source{{Name: "p", FS: fstest.MapFS{"a.rego": {Data: []byte(src)}}}}})
	t.Log(err)
}
func TestSmoke(t *testing.T) {
	s, err := Load(context.Background(), Options{Baseline: true})
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Explain("GH-VULN-001")
	t.Log(e[0].String(), err)
	_, err = s.Explain("GH-VULN-01")
	t.Log(err)
	load1(t, "package gatehouse.x\ndeny contains msg if {\n input.findngs\n msg := \"x\"\n}\n")
	load1(t, "package gatehouse.x\ndeny contains msg if {\n some f in input.findings\n f.severty == \"HIGH\"\n msg := \"x\"\n}\n")
	load1(t, "package gatehouse.x\ndeny contains msg if {\n some f in input.findings\n f.vulnerability.package.nme == \"HIGH\"\n msg := \"x\"\n}\n")
	load1(t, "package gatehouse.x\ndeny contains msg if {\n every f in input.findings { g(f) }\n msg := \"x\"\n}\n g(f) if f.foo\n h if input.fndings[_].x")
	load1(t, "package gatehouse.x\ndeny contains msg if {\n every f in input.findings { f.foo }\n msg := \"x\"\n}\n")
	load1(t, "package main\ndeny[msg] {\n msg := \"x\"\n}\n")
	load1(t, "package main\ndeny contains msg if {\n http.send({}); time.now_ns() ; foo(1); msg := \"x\"\n}\n")
	load1(t, "package main\ndeny contains msg if {\n input.findings[_];  msg := \"x\"; data.lib.foo\n}\n")
	load1(t, "package main\nimport data.lib.foo\ndeny contains msg if {\n any([true]);  msg := \"x\"; foo.bar(3)\n}\n")
	load1(t, "package main\ndeny contains msg if {\n p;  msg := \"x\"\n}\np if q\nq if p")
	load1(t, "package main\ndeny if {\n p\n}\np if q\nq := 1")
	load1(t, "package main\ndney contains 1 if {\n p\n}\np if q\nq := 1")
	load1(t, "package other\ndeny contains 1 if {\n p\n}\np if q\nq := 1")
	load1(t, "package main\ndeny contains 1 if {\n ")
	rep := &gatehouse.Report{Documents: []gatehouse.Document{{Path: "a/b.yaml", Line: 3, JSON: []byte(`{"kind":"Pod"}`)}}}
	in, _ := NewInput(rep, time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
	s, err = Load(context.Background(), Options{Policies: []Source{{Name: "p", FS: fstest.MapFS{"a.rego": {Data: []byte("package main\ndeny contains sprintf(\"%v %v %v\", [input.kind, data.conftest.file.name, data.gatehouse.time])\nwarn contains 1/(count(input)-1)")}}}}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Decide(context.Background(), in, nil)
	t.Logf("%+v %v", v, err)
}
