package attest_test

import (
	"io"
	"log"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// BenchmarkProcesses attests and verifies an image in a registry on the loopback
// interface, each as a whole process.
func BenchmarkProcesses(b *testing.B) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	defer server.Close()
	image := strings.TrimPrefix(server.URL, "http://") + "/team/app:1"
	ref, err := name.ParseReference(image)
	if err != nil {
		b.Fatal(err)
	}
	img, err := random.Image(100, 1)
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	run := func(b *testing.B, name string, args ...string) {
		b.Helper()
		cmd := exec.CommandContext(b.Context(), programs[name], args...)
		cmd.Dir = dir
		cmd.Env = []string{"HOME=" + dir, "GATEHOUSE_PASSWORD=pw", "COSIGN_PASSWORD=pw"}
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	write := func(name, text string) { shell{b, dir}.write(name, text) }
	run(b, "gatehouse", "key", "generate", "--output-prefix", "release")
	write("bom.json", `{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}`)
	write("signing.json", noServices)
	write("verify.yaml", "authorities:\n  - name: release\n    keys: [{file: release.pub}]\nrequire:\n  - predicate_type: cyclonedx\n    authorities: [release]\n")
	for _, tc := range []struct {
		name, program string
		args          []string
	}{
		{"attest/gatehouse", "gatehouse", []string{"attest", image, "--key", "release.key", "--predicate", "bom.json", "--type", "cyclonedx"}},
		{"verify/gatehouse", "gatehouse", []string{"verify", image, "--policy", "verify.yaml"}},
		{"attest/cosign", "cosign", []string{"attest", "--key", "release.key", "--signing-config", "signing.json", "--allow-http-registry", "--type", "cyclonedx", "--predicate", "bom.json", "--yes", image}},
		{"verify/cosign", "cosign", []string{"verify-attestation", "--key", "release.pub", "--insecure-ignore-tlog", "--allow-http-registry", "--type", "cyclonedx", image}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			if strings.HasPrefix(tc.name, "attest/") {
				if err := remote.Write(ref, img); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				run(b, tc.program, tc.args...)
			}
		})
	}
}
