package policies

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The examples of the guide work.
func TestGuide(t *testing.T) {
	b, err := os.ReadFile("../docs/new-policy.md")
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for i, block := range strings.Split(string(b), "```rego\n")[1:] {
		text, _, ok := strings.Cut(block, "```")
		if !ok {
			t.Fatal("a block does not end")
		}
		name := fmt.Sprintf("%d.rego", i)
		if strings.Contains(text, "_test\n") {
			name = fmt.Sprintf("%d_test.rego", i)
		}
		pairs = append(pairs, name, text)
	}
	if len(pairs) < 6 {
		t.Fatalf("found %d blocks", len(pairs)/2)
	}
	src := files("docs", pairs...)
	s := mustLoad(t, Options{Policies: []Source{src}})
	if len(s.Rules()) != 2 {
		t.Errorf("rules %+v", s.Rules())
	}
	res, err := Test(t.Context(), []Source{src}, TestOptions{})
	if err != nil || !res.OK() {
		t.Errorf("%v %+v", err, res)
	}
}
