package checks

import (
	"testing"
	"testing/fstest"
	"time"

	trivychecks "github.com/aquasecurity/trivy-checks"
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
	for key, e := range s.engines {
		p, err := e.compiled()
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		for _, f := range p.broken {
			t.Errorf("%s: %s: %v", key, f.Check.ID, f.Err)
		}
		if len(p.byID) == 0 {
			t.Errorf("%s: there is no check", key)
		}
	}
	t.Logf("%d checks, %d deprecated", len(s.Checks), s.Deprecated)
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
	for _, key := range []string{"dockerfile", "kubernetes", "cloud/aws", "cloud/azure", "cloud/google"} {
		b.Run(key, func(b *testing.B) {
			s := embedded(b)
			b.ResetTimer()
			for range b.N {
				if _, err := s.engines[key].compile(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
