package render

import (
	"fmt"
	"io"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// BenchmarkRender shows that the cost of each format is linear in the findings.
func BenchmarkRender(b *testing.B) {
	for _, n := range []int{2_000, 8_000, 32_000} {
		var findings []gatehouse.Finding
		for i := range n {
			f := vuln(fmt.Sprintf("CVE-2026-%05d", i), "high", "Something", "package", "1.0.0", "a/package-lock.json", i+1, "1.0.1")
			if i%2 == 0 {
				f = misconfig("KSV-0017", "high", "Open", "Close it.", fmt.Sprintf("deploy/%d.yaml", i%100), i+1)
			}
			findings = append(findings, f)
		}
		r := baseReport(findings...)
		v := baseVerdict(r, gatehouse.OutcomeFail, "Many violations.")
		for _, f := range findings {
			v.Violations = append(v.Violations, objection(vulnRule, f))
		}
		in := Input{Report: r, Verdict: v, Verbose: true}
		for _, name := range Formats() {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				run, err := ByName(name)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := run(io.Discard, in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
