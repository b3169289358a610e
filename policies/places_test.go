package policies

import (
	"fmt"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// numbered is a document whose values stand on the lines 1, 2, 3 … in the order
// of the JSON text, in column 7.
func numbered(path, json string) gatehouse.Document {
	d := gatehouse.Document{Path: path, Line: 1, JSON: []byte(json)}
	for i := range 100 {
		d.Positions = d.Positions.Append(i+1, 7)
	}
	return d
}

// Lines of the values below:
// 1 the object, 2 kind, 3 meta, 4 labels, 5 app, 6 name, 7 n, 8 pods,
// 9 first pod, 10 image, 11 name, 12 second pod, 13 image, 14 name, 15 root,
// 16 same, 17 its first, 18 image, 19 name, 20 its second, 21 image, 22 name.
const placesDocument = `{"kind":"K","meta":{"labels":{"app":"x"},"name":"m"},"n":1,
	"pods":[{"image":"good","name":"a"},{"image":"bad","name":"b","root":true}],
	"same":[{"image":"bad","name":"a"},{"image":"bad","name":"b"}]}`

func TestPlaces(t *testing.T) {
	const helpers = `package main

pods contains p if some p in input.pods

is_k if input.kind == "K"

rootless(p) if not p.root

checked(p) if p.checks.done

all_good if {
	every p in input.pods {
		p.image == "good"
	}
}

tested if {
	count(input.meta.labels.tests) > 0
	input.meta.mode == "strict"
}

is_good(image) if {
	some good in ["best", "better"]
	startswith(image, good)
}

names := [p.name | some p in input.pods]

`
	tests := []struct {
		name, rule string
		want       []int // lines, by message
	}{
		{"a value", `deny contains "x" if { input.kind == "K"; input.n < 2 }`, []int{7}},
		{"not the message", `deny contains msg if { input.n < 2; msg := sprintf("%s", [input.meta.name]) }`, []int{7}},
		{"not what is for the message", `deny contains msg if { input.n < 2; name := input.meta.name; msg := sprintf("%s", [name]) }`, []int{7}},
		{"a variable of a condition and the message", `deny contains msg if { name := input.meta.name; name == "m"; msg := name }`, []int{6}},
		{"the message if there is nothing else", `deny contains msg if { msg := input.meta.name }`, []int{6}},
		{"a message in the head", `deny contains {"msg": input.meta.name} if input.n == 1`, []int{7}},
		{"what is missing", `deny contains "x" if { input.kind == "K"; not input.meta.labels.team }`, []int{4}},
		{"what is missing at the top", `deny contains "x" if not input.spec.x`, []int{1}},
		{"an element", `deny contains p.name if { some p in input.pods; p.image != "good" }`, []int{13}},
		{"an index", `deny contains "x" if { input.pods[i].image == "bad" }`, []int{13}},
		{"each element", `deny contains p.name if { p := input.pods[_]; p.image }`, []int{10, 13}},
		{"a set of a rule", `deny contains p.name if { some p in pods; p.root == true }`, []int{15}},
		{"a function", `deny contains p.name if { some p in input.pods; rootless(p) }`, []int{9}},
		{"not a function", `deny contains p.name if { some p in input.pods; not checked(p) }`, []int{9, 12}},
		{"a rule that holds", `deny contains "x" if is_k`, []int{2}},
		{"not a rule that an index leaves out", `deny contains "x" if { input.kind == "K"; not tested }`, []int{4}},
		{"a function of equal values", `deny contains p.name if { some p in input.same; not is_good(p.image) }`, []int{18, 21}},
		{"every", `deny contains "x" if { input.n; not all_good }`, []int{8}},
		{"a list of a rule", `deny contains "x" if { count(names) > 1 }`, []int{11}},
		{"a comprehension", `deny contains "x" if { bad := [p | some p in input.pods; p.root]; count(bad) > 0 }`, []int{12}},
		{"a built-in that looks", `deny contains "x" if object.get(input, ["meta", "name"], "") == "m"`, []int{6}},
		{"a default of it", `deny contains "x" if object.get(input.meta, "no", 3) == 3`, []int{3}},
		{"walk", `deny contains "x" if { walk(input, [path, v]); path[count(path) - 1] == "root"; v == true }`, []int{15}},
		{"a key", `deny contains k if { some k in object.keys(input); k == "n" }`, []int{7}},
		{"a key and its value", `deny contains k if { some k, v in input.meta; v == "m" }`, []int{6}},
		{"the rule says so", `deny contains {"msg": "x", "_loc": {"file": "other", "line": 40}} if input.n`, []int{40}},
		{"the rule says the line", `deny contains {"msg": "x", "line": 41} if input.n`, []int{41}},
		{"nothing of the document", `deny contains "x" if 1 == 1`, []int{1}},
	}
	for _, tt := range tests {
		r := goodReport()
		r.Documents = []gatehouse.Document{numbered("a.yaml", placesDocument)}
		v := mustDecide(t, mustLoad(t, policy(helpers+tt.rule+"\n")), r)
		var got []int
		for _, x := range v.Violations {
			got = append(got, x.Location.Line)
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: lines %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestPlacesOfSeveral has elements of a list, and documents that are judged
// together.
func TestPlacesOfSeveral(t *testing.T) {
	r := goodReport()
	r.Documents = []gatehouse.Document{numbered("a.json", `[{"n":1},{"n":2}]`), numbered("b.json", `{"n":3}`)}
	v := mustDecide(t, mustLoad(t, policy("package main\n\ndeny contains sprintf(\"%d\", [input.n]) if input.n > 1\n")), r)
	if len(v.Violations) != 2 || v.Violations[0].Location.String() != "a.json:5:7" || v.Violations[1].Location.String() != "b.json:2:7" {
		t.Errorf("elements: got %+v", v.Violations)
	}
	opts := policy("package main\n\ndeny contains sprintf(\"%d\", [f.contents.n]) if { some f in input; f.contents.n > 1 }\n")
	opts.Combine = true
	v = mustDecide(t, mustLoad(t, opts), r)
	if len(v.Violations) != 2 || v.Violations[0].Location.String() != "a.json:5:7" || v.Violations[1].Location.String() != "b.json:2:7" {
		t.Errorf("combined: got %+v", v.Violations)
	}
}
