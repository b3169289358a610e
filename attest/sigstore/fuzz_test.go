package sigstore_test

import (
	"bytes"
	"encoding/json/jsontext"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/attest/sign/fakesigstore"
	"github.com/gatehouse-sec/gatehouse/attest/sigstore"
)

// FuzzVerifyBundle changes bundles that verify: whatever still does must say the
// same thing.
func FuzzVerifyBundle(f *testing.F) {
	fake, err := fakesigstore.Start("https://issuer.example", time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(fake.Close)
	root, err := fake.TrustedRoot()
	if err != nil {
		f.Fatal(err)
	}
	verifier, err := sigstore.NewVerifier(root, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	services := sign.Services{Client: http.DefaultClient}
	key, certificate, err := (&sign.CertificateAuthority{Services: services, URL: fake.URL}).NewKey(f.Context(), fakesigstore.Token("https://subject.example"))
	if err != nil {
		f.Fatal(err)
	}
	s, err := attest.NewStatement([]attest.ResourceDescriptor{{Digest: map[string]string{"sha256": strings.Repeat("a", 64)}}}, "https://example.com/test/v1", jsontext.Value(`{}`))
	if err != nil {
		f.Fatal(err)
	}
	want, err := s.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	stamp := []*sign.TimestampAuthority{{Services: services, URL: fake.URL + fakesigstore.PathTimestamp}}
	for _, signer := range []*sign.Signer{
		{Key: key, Certificate: certificate, Log: &sign.Log{Services: services, URL: fake.URL, Version: 1}, Timestamps: stamp},
		{Key: key, Certificate: certificate, Log: &sign.Log{Services: services, URL: fake.URL, Version: 2}, Timestamps: stamp},
	} {
		_, b, err := signer.Attest(f.Context(), s)
		if err != nil {
			f.Fatal(err)
		}
		if _, err := verifier.VerifyBundle(b, nil, 1, 1); err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		for i := 0; i < len(b); i += 97 { // some of what a mutation may do
			f.Add(append(bytes.Clone(b[:i]), b[i+1:]...))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		signed, err := verifier.VerifyBundle(b, nil, 1, 1)
		if err != nil {
			if signed.Subject != "" || signed.Issuer != "" || len(signed.Times) > 0 {
				t.Fatalf("refused, but there is %+v", signed)
			}
			return
		}
		parsed, err := attest.ParseBundle(b)
		if err != nil || !bytes.Equal(parsed.Envelope.Payload, want) || signed.Subject != "https://subject.example" {
			t.Fatalf("%q of %q verifies, %v", parsed.Envelope.Payload, signed.Subject, err)
		}
	})
}
