package checks

import (
	"testing"
	"testing/fstest"
	"time"

	trivychecks "github.com/aquasecurity/trivy-checks"
	"github.com/aquasecurity/trivy/pkg/iac/state"
	"github.com/open-policy-agent/opa/v1/ast"
)

func embedded(t testing.TB) *Set {
	t.Helper()
	s, err := Load(trivychecks.EmbeddedPolicyFileSystem, fstest.MapFS{}, trivychecks.EmbeddedLibraryFileSystem, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// All embedded checks compile with the built-ins that there are.
func TestEmbeddedChecksCompile(t *testing.T) {
	s := embedded(t)
	if len(s.Checks) < 500 {
		t.Fatalf("there are only %d checks", len(s.Checks))
	}
	compiled := map[*Check]bool{}
	for typ, engines := range s.engines {
		for _, e := range engines {
			p, err := e.compiled()
			if err != nil {
				t.Errorf("%s %v: %v", typ, e.subtypes, err)
				continue
			}
			for _, f := range p.broken {
				t.Errorf("%s: %v", f.Check.ID, f.Err)
			}
			for _, c := range p.checks {
				compiled[c] = true
			}
		}
	}
	if len(compiled) != len(s.Checks) {
		t.Errorf("%d of %d checks were compiled", len(compiled), len(s.Checks))
	}
	t.Logf("%d checks, %d deprecated", len(s.Checks), s.Deprecated)
}

// Checks of cloud services that have no resources are not evaluated, so none may
// object to that.
func TestNothingIsWrongWithNoResources(t *testing.T) {
	input, err := ast.InterfaceToValue((&state.State{}).ToRego())
	if err != nil {
		t.Fatal(err)
	}
	engines := embedded(t).engines[Cloud]
	if len(engines) < 50 {
		t.Fatalf("there are only %d engines", len(engines))
	}
	applicable := 0
	for _, e := range engines {
		if e.applies(input) {
			applicable++
		}
		results, failures, err := e.eval(t.Context(), input)
		if err != nil || len(results)+len(failures) > 0 {
			t.Errorf("%v: %v, %v, %v", e.subtypes, results, failures, err)
		}
	}
	if applicable > len(engines)/4 {
		t.Errorf("%d of %d engines apply to nothing", applicable, len(engines))
	}
}

func TestEvalDockerfile(t *testing.T) {
	s := embedded(t)
	input := ast.MustParseTerm(`{"Stages": [{"Name": "alpine:3.20", "Commands": [
		{"Cmd": "from", "Value": ["alpine:3.20"], "Stage": 0, "Path": "Dockerfile", "StartLine": 1, "EndLine": 1},
		{"Cmd": "user", "Value": ["root"], "Stage": 0, "Path": "Dockerfile", "StartLine": 2, "EndLine": 2}]}]}`).Value
	results, failures, err := s.Eval(t.Context(), Dockerfile, input)
	if err != nil || len(failures) > 0 {
		t.Fatal(err, failures)
	}
	for _, r := range results {
		if r.Check.ID == "DS-0002" {
			if r.StartLine != 2 || r.Path != "Dockerfile" || r.Message == "" {
				t.Errorf("got %+v", r)
			}
			return
		}
	}
	t.Errorf("DS-0002 is not among %v", results)
}

func BenchmarkLoad(b *testing.B) {
	for range b.N {
		embedded(b)
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, typ := range []Type{Dockerfile, Kubernetes, Cloud} {
		b.Run(string(typ), func(b *testing.B) {
			s := embedded(b)
			b.ResetTimer()
			for range b.N {
				for _, e := range s.engines[typ] {
					if _, err := e.compile(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
