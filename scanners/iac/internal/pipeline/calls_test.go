package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Calls that go in circles, to nothing, and through many files end, and say so.
func TestFollowCalls(t *testing.T) {
	action := func(to string) string {
		return "runs:\n  using: composite\n  steps:\n  - uses: " + to + "\n    with: {v: '${{ inputs.v }}'}\n  - run: echo ${{ inputs.v }}\n    shell: bash\n"
	}
	files := map[string]*Pipeline{
		".github/workflows/a.yml": read(t, ".github/workflows/a.yml", "on: issues\njobs:\n  a:\n    steps:\n    - uses: ./x0\n      with: {v: '${{ github.event.issue.body }}'}\n    - uses: ./gone\n    - uses: ./gone\n"),
	}
	const n = 10
	for i := range n {
		name := fmt.Sprintf("x%d/action.yml", i)
		files[name] = read(t, name, action(fmt.Sprintf("./x%d", (i+1)%n)))
	}
	called, gaps := FollowCalls(files)
	if len(called) != n {
		t.Fatalf("%d files are called, want %d", len(called), n)
	}
	for _, c := range called {
		in := c.Pipeline.Jobs[0].Steps[1].Injections
		if len(in) != 1 || in[0].Taint != taintOutsider || !strings.HasPrefix(in[0].Name, "github.event.issue.body (by way of inputs.v, from ") {
			t.Fatalf("%s: %+v", c.Path, in)
		}
		if !slices.ContainsFunc(c.Pipeline.Triggers, func(tr Trigger) bool { return tr.Name == "issues" && tr.Inherited }) {
			t.Fatalf("%s: triggers %+v", c.Path, c.Pipeline.Triggers)
		}
		if own := files[c.Path].Jobs[0].Steps[1].Injections[0]; own.Taint != taintInput {
			t.Fatalf("the file itself was changed: %+v", own)
		}
	}
	if g := gaps[".github/workflows/a.yml"]; len(g) != 1 || g[0].Line != 7 || !strings.Contains(g[0].Reason, `"./gone"`) {
		t.Errorf("gaps: %+v", gaps)
	}
}

// What is beyond the limits is a gap, and the time is bounded by them.
func TestBounds(t *testing.T) {
	const head = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"
	vars := "env:\n"
	for i := range 40 {
		vars += fmt.Sprintf("  V%d: '%s'\n", i+1, strings.Repeat(fmt.Sprintf("${{ env.V%d }}", i), 10))
	}
	tests := []struct{ name, text, gap string }{
		{"many expressions", head + "    - run: |\n" + strings.Repeat("        echo ${{ github.sha }}\n", 30_000), ""},
		{"many pasted", head + "    - run: |\n" + strings.Repeat("        echo ${{ inputs.a }}\n", 30_000), "pasted into scripts"},
		{"many steps", head + strings.Repeat("    - run: a\n", 30_000), "limit of 10000 steps"},
		{"long script", head + "    - run: '" + strings.Repeat("x", 2<<20) + "'\n", "limit of 1048576 bytes"},
		{"variables of variables", vars + head + "    - run: echo ${{ env.V40 }}\n", ""},
		{"a circle of variables", "env: {A: '${{ env.B }}', B: '${{ env.A }}'}\n" + head + "    - run: echo ${{ env.A }}\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := read(t, "ci.yml", tt.text)
			if p == nil {
				t.Fatal("it is taken for no pipeline")
			}
			if tt.gap == "" && len(p.Gaps) > 0 || tt.gap != "" && (len(p.Gaps) == 0 || !strings.Contains(p.Gaps[0].Reason, tt.gap)) {
				t.Errorf("gaps: %+v, want %q", p.Gaps, tt.gap)
			}
		})
	}
}
