package cli

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	own "github.com/gatehouse-sec/gatehouse/internal/registry"
)

// TestVerifyImage verifies an image in a registry by its tag, before and after it is
// attested.
func TestVerifyImage(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	image := strings.TrimPrefix(server.URL, "http://") + "/team/app:1"
	ref, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	img, err := random.Image(100, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	text, public, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := sign.ParseKey(text, func() ([]byte, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	pub := filepath.Join(t.TempDir(), "release.pub")
	if err := os.WriteFile(pub, public.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := Run(t.Context(), args, nil, nil, &out, &out)
		return code, out.String()
	}
	verify := []string{"verify", image, "--key", pub, "--time", "2026-11-03T12:00:00Z", "-v"}

	if code, out := run(verify...); code != exitFail || !strings.Contains(out, "there is no attestation") {
		t.Errorf("before: exit %d\n%s", code, out)
	}
	attached, digest, err := store.Open(t.Context(), own.New(own.Options{}), image)
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	report := &gatehouse.Report{Tool: gatehouse.Tool{Name: "gatehouse", Version: "1"}}
	coverage, err := report.Coverage.Digest()
	if err != nil {
		t.Fatal(err)
	}
	some := "sha256:" + strings.Repeat("0", 64)
	s, err := attest.NewVSA(report, &gatehouse.Verdict{Outcome: gatehouse.OutcomePass, Time: noon, CoverageDigest: coverage, Policy: gatehouse.PolicyRef{Digest: some}},
		attest.VSAOptions{
			Subject:     []attest.ResourceDescriptor{{Digest: map[string]string{"sha256": digest.Hex()}}},
			ResourceURI: attached.ResourceURI(), VerifierID: defaultVerifierID, PolicyURI: "urn:policy", ReportDigest: attest.Digest(some),
		})
	if err != nil {
		t.Fatal(err)
	}
	e, err := key.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := attest.KeyBundle(e, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := attached.Put(t.Context(), digest, bundle, noon, nil); err != nil {
		t.Fatal(err)
	}
	if code, out := run(verify...); code != exitPass || !strings.Contains(out, string(digest)) {
		t.Errorf("after: exit %d\n%s", code, out)
	}
	// A copy elsewhere is the same artifact from another place.
	if code, out := run(append(verify, "--resource-uri", "pkg:oci/app?repository_url=other.example/app")...); code != exitFail || !strings.Contains(out, "step resource-uri") {
		t.Errorf("elsewhere: exit %d\n%s", code, out)
	}
	if code, out := run("verify", strings.Replace(image, "app:1", "app:2", 1), "--key", pub); code != exitUsage || !strings.Contains(out, "check repository and tag") {
		t.Errorf("no such image: exit %d\n%s", code, out)
	}
}
