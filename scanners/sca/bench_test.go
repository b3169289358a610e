package sca

import (
	"fmt"
	"iter"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

// everyFourth has two advisories about each fourth package.
type everyFourth struct{}

func (everyFourth) Advisories(_, name string) ([]vulndb.Advisory, error) {
	var n int
	if _, err := fmt.Sscanf(name, "p%d", &n); err != nil || n%4 != 0 {
		return nil, err
	}
	return []vulndb.Advisory{{ID: "CVE-1-" + name, VulnerableVersions: []string{">=1.0.0, <1.5.0", ">=2.0.0, <2.3.1"}},
		{ID: "CVE-2-" + name, VulnerableVersions: []string{"<0.9.0 || ^1.2.0"}}}, nil
}

func (everyFourth) Details(string) (vulndb.Detail, bool, error) {
	return vulndb.Detail{Severity: gatehouse.SeverityHigh}, true, nil
}

func (everyFourth) All(string) iter.Seq2[vulndb.PackageAdvisory, error] {
	return func(func(vulndb.PackageAdvisory, error) bool) {}
}

func (everyFourth) Systems() []string { return nil }

func (everyFourth) Info() gatehouse.Database { return gatehouse.Database{} }

// BenchmarkMatch matches 50,000 different packages, of which 6,250 have
// findings, and writes the findings.
func BenchmarkMatch(b *testing.B) {
	for _, eco := range []*inventory.Ecosystem{inventory.NPM, inventory.PyPI, inventory.Maven, inventory.Composer} {
		b.Run(eco.Label, func(b *testing.B) {
			packages := make([]inventory.Package, 50_000)
			for i := range packages {
				packages[i] = inventory.Package{ID: fmt.Sprint(i), Eco: eco, Name: fmt.Sprintf("p%d", i), Version: fmt.Sprintf("%d.%d.%d", i%3, i%7, i%11)}
				if i > 0 {
					packages[i].DependsOn = []string{fmt.Sprint(i / 2), fmt.Sprint(i / 3)}
				}
			}
			packages[len(packages)-1].Direct = true
			for b.Loop() {
				m := newMatcher(everyFourth{})
				in := &place{"package-lock.json", inventory.NewGraph(packages), managerOf("package-lock.json", nil)}
				found := 0
				for i := range packages {
					hits, problems, err := m.match(&packages[i])
					if err != nil || len(problems) > 0 {
						b.Fatal(err, problems)
					}
					for _, group := range fold(hits) {
						if _, err := m.finding(in, &packages[i], group); err != nil {
							b.Fatal(err)
						}
						found++
					}
				}
				if found < 5000 {
					b.Fatalf("only %d findings", found)
				}
				b.ReportMetric(float64(found), "findings")
			}
		})
	}
}
