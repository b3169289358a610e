package policies

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// manyComponents has so many that they are made only if a rule asks.
func manyComponents(n int) *gatehouse.Report {
	r := goodReport()
	for i := range n {
		license := "MIT"
		if i == n-1 {
			license = "AGPL-3.0-only"
		}
		r.Components = append(r.Components, gatehouse.Component{Licenses: []string{license}, Dev: i%2 == 0,
			Package: gatehouse.Package{Purl: fmt.Sprintf("pkg:npm/p%d@1", i), Ecosystem: "npm", Name: fmt.Sprintf("p%d", i), Version: "1"}})
	}
	return r
}

// TestComponentsOnDemand holds that no way to look at the input can tell that
// the components were not there at first.
func TestComponentsOnDemand(t *testing.T) {
	for name, condition := range map[string]string{
		"iteration":      "some c in input.components; c.name == \"p700\"; msg := c.purl",
		"count":          "msg := sprintf(\"%d\", [count(input.components)])",
		"count of input": "msg := sprintf(\"%d\", [count(input)])",
		"keys":           "msg := concat(\" \", sort(object.keys(input)))",
		"one":            "msg := input.components[700].name",
		"negation":       "not input.components[0].deprecated; msg := \"none\"",
		"absence":        "not input.components; msg := \"wrong\"",
		"get":            "msg := sprintf(\"%d\", [count(object.get(input, [\"components\"], []))])",
		"any field":      "some k; count(input[k]) > 600; msg := k",
		"walk":           "walk(input, [path, \"p700\"]); msg := sprintf(\"%v\", [path])",
		"text":           "msg := sprintf(\"%d\", [count(json.marshal(input))])",
		"hash":           "msg := sprintf(\"%d\", [count(sprintf(\"%v\", [input]))])",
		"with":           "msg := amount with input.time as \"x\"",
		"replaced":       "msg := other with input.components as [{\"name\": \"z\"}]",
		"equal":          "input == input; msg := \"same\"",
		"set":            "s := {input}; msg := sprintf(\"%d\", [count([1 | some x in s; x.components[700]])])",
		"findings only":  "count(input.findings) == 0; msg := \"no findings\"",
		"error":          "1 / (count(input.findings)) > 1; msg := \"x\"",
	} {
		src := "package gatehouse.team\n\ndeny contains {\"msg\": msg} if {\n" + condition + "\n}\n\nother := input.components[0].name\n\namount := sprintf(\"%d\", [count(input.components)])\n"
		verdicts := make([]gatehouse.Verdict, 2)
		for i := range verdicts {
			set := mustLoad(t, policy(src))
			in := mustInput(t, manyComponents(1000))
			report, err := in.reportInput()
			if err != nil {
				t.Fatal(err)
			}
			if report.parts == nil {
				t.Fatal("the components are there at once")
			}
			if i == 1 {
				report.parts = nil
			}
			jobs := []job{}
			for k, u := range set.units {
				if u.info.Input != InputDocuments {
					jobs = append(jobs, job{units: []int{k}, report: report})
				}
			}
			var results []ruleResult
			for k := range jobs {
				results = append(results, set.run(t.Context(), &jobs[k], nil)...)
			}
			if len(results) == 0 {
				t.Fatal("no rule was evaluated")
			}
			set.judge(in, results).apply(&verdicts[i], nil)
		}
		if !reflect.DeepEqual(verdicts[0], verdicts[1]) {
			t.Errorf("%s: %+v, want %+v", name, verdicts[0], verdicts[1])
		}
		if len(verdicts[0].Violations)+len(verdicts[0].Gaps) == 0 && name != "absence" && name != "any field" {
			t.Errorf("%s: nothing was said", name)
		}
	}
}

// TestInputIsReturned: a rule that gives the input itself.
func TestInputIsReturned(t *testing.T) {
	set := mustLoad(t, policy("package gatehouse.team\n\ndeny contains {\"msg\": \"x\", \"all\": [input]}\n"))
	v := mustDecide(t, set, manyComponents(1000))
	if len(v.Violations) != 1 || len(v.Gaps) > 0 || len(v.Violations[0].Details) < 100_000 {
		t.Errorf("%d violations, gaps %v", len(v.Violations), v.Gaps)
	}
}
