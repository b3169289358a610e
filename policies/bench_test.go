package policies

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// bigReport has n findings, half of them violations, and as many components.
func bigReport(n int) *gatehouse.Report {
	r := badReport()
	kinds := []gatehouse.Finding{r.Findings[0], r.Findings[1], r.Findings[3], r.Findings[4]}
	for i := range n - len(r.Findings) {
		f := kinds[i%len(kinds)]
		f.ID = fmt.Sprintf("f%d", i)
		f.Location.Line = i
		r.Findings = append(r.Findings, f)
	}
	for i := range n {
		c := r.Components[0]
		c.Purl = fmt.Sprintf("pkg:npm/p%d@1", i)
		c.Licenses = []string{"MIT OR Apache-2.0"}
		r.Components = append(r.Components, c)
	}
	return r
}

// Four times the findings take about four times the work: a rule of the pack
// that searches all findings for each finding would take sixteen times.
func TestDecideIsLinear(t *testing.T) {
	s := mustLoad(t, Options{Baseline: true})
	work := func(n int) float64 {
		in := mustInput(t, bigReport(n))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := s.Decide(t.Context(), in, nil); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return float64(after.Mallocs - before.Mallocs)
	}
	work(100)
	if small, big := work(500), work(2000); big > 6*small {
		t.Errorf("500 findings need %.0f allocations, 2000 need %.0f", small, big)
	}
}

func BenchmarkLoadBaseline(b *testing.B) {
	for b.Loop() {
		if _, err := Load(context.Background(), Options{Baseline: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	s := mustLoad(b, Options{Baseline: true})
	for _, n := range []int{100, 1_000, 10_000, 40_000} {
		r := bigReport(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustDecide(b, s, r)
			}
		})
	}
}

func BenchmarkDecideDocuments(b *testing.B) {
	s := mustLoad(b, Options{Policies: []Source{files("policy", "a.rego", "package main\n\ndeny contains \"x\" if input.spec.containers[_].privileged\n\ndeny_b contains \"y\" if not input.kind\n")}})
	r := docs()
	for i := range 1000 {
		r.Documents = append(r.Documents, gatehouse.Document{Path: fmt.Sprintf("d%d.yaml", i), JSON: []byte(`{"kind": "Pod", "spec": {"containers": [{"image": "a", "privileged": false}]}}`)})
	}
	for b.Loop() {
		mustDecide(b, s, r)
	}
}
