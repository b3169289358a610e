package iac

import (
	"os"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

func TestSmoke(t *testing.T) {
	dir := os.Getenv("SMOKE")
	if dir == "" {
		t.Skip()
	}
	sc, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	target, err := gatehouse.OpenTarget(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	r, err := gatehouse.Scan(t.Context(), target, []*gatehouse.Scanner{sc}, gatehouse.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Logf("%s %s %s [%s] %s", f.Location, f.Rule, f.Severity, f.Misconfiguration.Resource, f.Message)
	}
	for _, g := range r.Coverage.Gaps {
		t.Logf("GAP %s %s:%d %s %s", g.Code, g.Path, g.Line, g.Entry, g.Reason)
	}
	t.Logf("%d findings; %+v", len(r.Findings), r.Coverage.Scanners)
}
