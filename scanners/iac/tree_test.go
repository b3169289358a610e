package iac

import (
	"os"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

func TestTree(t *testing.T) {
	dir := os.Getenv("TREE")
	if dir == "" {
		t.Skip()
	}
	start := time.Now()
	r := scan(t, dir)
	codes := map[gatehouse.GapCode]int{}
	for _, g := range r.Coverage.Gaps {
		codes[g.Code]++
		if codes[g.Code] < 8 {
			t.Logf("GAP %s %s:%d %s %.300s", g.Code, g.Path, g.Line, g.Entry, g.Reason)
		}
	}
	if os.Getenv("V") != "" {
		for _, f := range r.Findings {
			t.Logf("%s %s [%s] %s", f.Location, f.Rule, f.Misconfiguration.Resource, f.Message)
		}
	}
	s := r.Coverage.Scanners[0]
	t.Logf("%s: %d findings; scanned %d skipped %d failed %d; gaps %v; %s", dir, len(r.Findings), s.Scanned, s.Skipped, s.Failed, codes, time.Since(start))
}
