package policies

import (
	"context"
	"slices"
	"strings"
	"testing"
)

const podPolicy = `package main

deny contains "a pod" if input.kind == "Pod"

deny contains "a job" if input.kind == "Job"
`

func TestTest(t *testing.T) {
	src := files("policy", "a.rego", podPolicy, "a_test.rego", `package main_test

import data.main

test_pod if count(main.deny) == 1 with input as {"kind": "Pod"}

test_service if {
	print("so many", count(main.deny)) with input as {"kind": "Service"}
	count(main.deny) == 1 with input as {"kind": "Service"}
}

test_yaml if count(main.deny) == 1 with input as parse_config("yaml", "kind: Pod")

test_error if 1 / 0 == 1

todo_test_later if false
`, "data.json", `{"unused": 1}`)
	res, err := Test(context.Background(), []Source{src}, TestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Passed != 2 || res.Failed != 1 || res.Errored != 1 || res.Skipped != 1 || res.OK() {
		t.Errorf("%+v", res)
	}
	byName := map[string]TestCase{}
	for _, c := range res.Tests {
		byName[c.Name] = c
	}
	if c := byName["test_service"]; c.Status != TestFailed || c.File != "policy/a_test.rego" || c.Line != 7 || !strings.Contains(c.Output, "so many 0") {
		t.Errorf("%+v", c)
	}
	if c := byName["test_error"]; c.Status != TestErrored || !strings.Contains(c.Message, "divide by zero") {
		t.Errorf("%+v", c)
	}
	if len(res.Files) != 1 || res.Files[0].File != "policy/a.rego" || !slices.Equal(res.Files[0].Uncovered, []int{5}) || res.Percent <= 0 || res.Percent >= 100 {
		t.Errorf("%v %+v", res.Percent, res.Files)
	}
	if res, err = Test(context.Background(), []Source{src}, TestOptions{Run: "pod"}); err != nil || res.Passed != 1 || !res.OK() {
		t.Errorf("%v %+v", err, res)
	}
}

func TestTestReportPolicy(t *testing.T) {
	src := files("policy", "a.rego", reportRule("some f in input.findings\n\tf.severity == \"HIGH\""),
		"a_test.rego", "package gatehouse.acme_test\n\nimport data.gatehouse.acme\n\ntest_high if count(acme.deny) == 1 with input as {\"findings\": [{\"severity\": \"HIGH\"}]}\n\ntest_part if count(acme.deny) == 1 with input.findings as [{\"severity\": \"HIGH\"}]\n",
		"b.rego", "# METADATA\n# custom:\n#   input: report\npackage acme\n\nwarn contains \"x\" if input.findings[_].severity == \"LOW\"\n",
		"b_test.rego", "package acme_test\n\nimport data.acme\n\ntest_low if count(acme.warn) == 1 with input.findings as [{\"severity\": \"LOW\"}]\n")
	res, err := Test(context.Background(), []Source{src}, TestOptions{})
	if err != nil || res.Passed != 3 || !res.OK() || res.Percent != 100 {
		t.Errorf("%v %+v", err, res)
	}
}

func TestTestRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		src  Source
		opts TestOptions
		want string
	}{
		"no tests":       {files("policy", "a.rego", podPolicy), TestOptions{}, "there is no test"},
		"no test rule":   {files("policy", "a.rego", podPolicy, "a_test.rego", "package main_test\n\npod if true\n"), TestOptions{}, "no test was run"},
		"only later":     {files("policy", "a.rego", podPolicy, "a_test.rego", "package main_test\n\ntodo_test_a if true\n"), TestOptions{}, "no test was run, 1 skipped"},
		"none matches":   {files("policy", "a.rego", podPolicy, "a_test.rego", "package main_test\n\ntest_a if true\n"), TestOptions{Run: "xyz"}, `none matches "xyz"`},
		"v0":             {files("policy", "a.rego", podPolicy, "a_test.rego", "package main_test\n\ntest_a { true }\n"), TestOptions{}, "Rego v0"},
		"network":        {files("policy", "a.rego", podPolicy, "a_test.rego", "package main_test\n\ntest_a if http.send({})\n"), TestOptions{}, "may not call http.send"},
		"misspelt field": {files("policy", "a.rego", reportRule("input.findngs"), "a_test.rego", "package x_test\n\ntest_a if true\n"), TestOptions{}, `did you mean "findings"`},
		"bad pattern":    {files("policy", "a.rego", podPolicy, "a_test.rego", "package main_test\n\ntest_a if true\n"), TestOptions{Run: "("}, "missing closing"},
	} {
		if _, err := Test(context.Background(), []Source{tt.src}, tt.opts); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}
