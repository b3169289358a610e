package store_test

import (
	"io"
	"log"
	"net/http/httptest"
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

// BenchmarkSignAndStore signs a statement with a key and attaches it to an image in a
// registry on the loopback interface, in the place of the one before.
func BenchmarkSignAndStore(b *testing.B) {
	for _, api := range []bool{true, false} {
		b.Run(map[bool]string{true: "api", false: "tag"}[api], func(b *testing.B) {
			server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(api)))
			defer server.Close()
			repo, err := name.NewRepository(strings.TrimPrefix(server.URL, "http://") + "/team/app")
			if err != nil {
				b.Fatal(err)
			}
			img, err := random.Image(100, 1)
			if err != nil {
				b.Fatal(err)
			}
			if err := remote.Write(repo.Tag("1"), img); err != nil {
				b.Fatal(err)
			}
			h, err := img.Digest()
			if err != nil {
				b.Fatal(err)
			}
			text, _, err := sign.GenerateKey(nil)
			if err != nil {
				b.Fatal(err)
			}
			k, err := sign.ParseKey(text, func() ([]byte, error) { return nil, nil })
			if err != nil {
				b.Fatal(err)
			}
			signer := &sign.Signer{Key: k}
			r := store.NewRegistry(repo, own.New(own.Options{}))
			s, err := attest.NewStatement([]attest.ResourceDescriptor{{Digest: map[string]string{"sha256": h.Hex}}}, "https://example.com/test/v1", map[string]string{"a": "b"})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				_, bundle, err := signer.Attest(b.Context(), s)
				if err != nil {
					b.Fatal(err)
				}
				if err := r.Put(b.Context(), attest.Digest(h.String()), bundle, noon, signer.Made); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify verifies a summary whose bundle was already read from a registry.
func BenchmarkVerify(b *testing.B) {
	text, public, err := sign.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	k, err := sign.ParseKey(text, func() ([]byte, error) { return nil, nil })
	if err != nil {
		b.Fatal(err)
	}
	report := &gatehouse.Report{Tool: gatehouse.Tool{Name: "gatehouse", Version: "1.0.0"}}
	coverage, err := report.Coverage.Digest()
	if err != nil {
		b.Fatal(err)
	}
	subject := strings.Repeat("a", 64)
	s, err := attest.NewVSA(report, &gatehouse.Verdict{Outcome: gatehouse.OutcomePass, Time: noon, CoverageDigest: coverage, Policy: gatehouse.PolicyRef{Digest: "sha256:" + subject}}, attest.VSAOptions{
		Subject: []attest.ResourceDescriptor{{Digest: map[string]string{"sha256": subject}}}, ResourceURI: "pkg:oci/app", VerifierID: "https://ci.example/gate", PolicyURI: "urn:p",
	})
	if err != nil {
		b.Fatal(err)
	}
	_, bundle, err := (&sign.Signer{Key: k}).Attest(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	verifier, err := attest.NewVerifier(attest.Policy{
		Authorities: []attest.Authority{{Name: "release", Keys: []attest.Key{{PublicKey: public}}, Verifiers: []string{"https://ci.example/gate"}}},
		Require: []attest.Requirement{{PredicateType: attest.PredicateVSA, Authorities: []string{"release"}, MaxAge: time.Hour,
			Summary: &attest.SummaryRequirement{Levels: []string{attest.LevelPassed}}}},
	}, nil, func() time.Time { return noon })
	if err != nil {
		b.Fatal(err)
	}
	artifact := attest.Artifact{Digest: attest.Digest("sha256:" + subject), ResourceURIs: []string{"pkg:oci/app"}}
	for b.Loop() {
		summary, err := verifier.Verify(b.Context(), artifact, []attest.Attestation{{Bytes: bundle}})
		if err != nil || !summary.Passed() {
			b.Fatalf("%+v, %v", summary, err)
		}
	}
}
