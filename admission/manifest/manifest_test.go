package manifest_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/admission/manifest"
)

func TestParse(t *testing.T) {
	got, err := manifest.Parse("a.yaml", []byte("# nothing\n---\napiVersion: v1\nkind: Pod\nmetadata: {generateName: x-, namespace: ns}\n--- # the next\n"+
		`{"apiVersion":"v1","kind":"PodList","items":[{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"}},{"metadata":{"name":"p"}}]}`+"\n---\n\n---\r\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {x: \"a\\n---\\nb\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range got {
		names = append(names, o.String()+" at "+o.Place)
	}
	want := "v1 Pod ns/x-* at a.yaml, document 2|apps/v1 Deployment d at a.yaml, document 3, item 1|v1 Pod p at a.yaml, document 3, item 2|v1 ConfigMap c at a.yaml, document 5"
	if strings.Join(names, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(names, "|"), want)
	}
	for name, text := range map[string]string{
		"no YAML": "a: [", "key twice": "apiVersion: v1\nkind: Pod\nkind: Pod\n", "text": "hello", "list": "[1]", "no kind": "apiVersion: v1\n",
		"kind is a number": "apiVersion: v1\nkind: 1\n", "item of no kind": "apiVersion: v1\nkind: List\nitems: [{metadata: {name: x}}]\n", "item is none": "apiVersion: v1\nkind: List\nitems: [1]\n",
	} {
		if got, err := manifest.Parse("a.yaml", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), "a.yaml, document 1") {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
	if got, err := manifest.Parse("a.yaml", nil); err != nil || len(got) != 0 {
		t.Errorf("empty: %v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n---\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = manifest.Parse("f", data) })
}
