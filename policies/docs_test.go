package policies

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The examples of the guides work.
func TestGuides(t *testing.T) {
	for page, rules := range map[string]int{"new-policy.md": 2, "evidence.md": 3, "layouts.md": 2} {
		t.Run(page, func(t *testing.T) { testGuide(t, "../docs/"+page, rules) })
	}
}

func testGuide(t *testing.T, page string, rules int) {
	b, err := os.ReadFile(page)
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
	if len(pairs) < 4 {
		t.Fatalf("found %d blocks", len(pairs)/2)
	}
	src := files("docs", pairs...)
	s := mustLoad(t, Options{Policies: []Source{src}})
	if len(s.Rules()) != rules {
		t.Errorf("rules %+v", s.Rules())
	}
	res, err := Test(t.Context(), []Source{src}, TestOptions{})
	if err != nil || !res.OK() {
		t.Errorf("%v %+v", err, res)
	}
}
