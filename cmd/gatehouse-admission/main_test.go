package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// TestSmall: what stands in the way of a cluster links no scanner, no engine of policies
// and no client library, and does not grow unnoticed.
func TestSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if n := len(packages); n < 100 || n > maxPackages {
		t.Errorf("it has %d packages, at most %d are agreed", n, maxPackages)
	}
	for _, p := range packages {
		for _, banned := range []string{"github.com/gatehouse-sec/gatehouse/scanners", "github.com/gatehouse-sec/gatehouse/policies", "github.com/open-policy-agent", "k8s.io/client-go", "k8s.io/api", "github.com/aquasecurity"} {
			if strings.HasPrefix(p, banned) {
				t.Errorf("it links %s", p)
			}
		}
	}
}

// maxPackages has room for a few more than there are; most belong to sigstore.
const maxPackages = 640

func TestRun(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"nothing":          {nil, "are needed"},
		"an argument":      {[]string{"--config", "a", "--tls-cert", "b", "--tls-key", "c", "d"}, "unexpected argument"},
		"an unknown flag":  {[]string{"--policy", "a"}, "policy"},
		"no interval":      {[]string{"--config", "a", "--tls-cert", "b", "--tls-key", "c", "--reload-every", "0s"}, "must be positive"},
		"no files":         {[]string{"--config", "a", "--tls-cert", "b", "--tls-key", "c"}, "read the certificate"},
		"not in a cluster": {[]string{"--config", "a", "--tls-cert", "b", "--tls-key", "c", "--pull-secrets"}, "--pull-secrets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			var out bytes.Buffer
			if err := run(t.Context(), tc.args, &out, &out); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--version"}, &out, &out); err != nil || !strings.HasPrefix(out.String(), "gatehouse-admission ") {
		t.Errorf("got %q, %v", out.String(), err)
	}
}
