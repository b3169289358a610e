package sign_test

import (
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

const (
	issuer  = "https://token.actions.githubusercontent.com"
	subject = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main"
)

func loopback(t *testing.T) *fakesigstore.Sigstore {
	t.Helper()
	s, err := fakesigstore.Start(issuer, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func about(t *testing.T, text string) attest.Statement {
	t.Helper()
	s, err := attest.NewStatement([]attest.ResourceDescriptor{{Name: "app", Digest: map[string]string{"sha256": strings.Repeat("a", 64)}}},
		"https://example.com/test/v1", jsontext.Value(`{"text": "`+text+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestServices signs with each combination of services, and verifies what comes out
// against their trusted root.
func TestServices(t *testing.T) {
	fake := loopback(t)
	services := sign.Services{Client: http.DefaultClient}
	text, err := fake.TrustedRoot()
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := sigstore.NewVerifier(text, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	stamp := []*sign.TimestampAuthority{{Services: services, URL: fake.URL + fakesigstore.PathTimestamp}}
	log := func(version int) *sign.Log { return &sign.Log{Services: services, URL: fake.URL, Version: version} }
	for _, tc := range []struct {
		name       string
		keyless    bool
		log        *sign.Log
		timestamps []*sign.TimestampAuthority
	}{
		{"identity, log 1", true, log(1), nil},
		{"identity, log 1 and timestamp", true, log(1), stamp},
		{"identity, log 2 and timestamp", true, log(2), stamp},
		{"identity, timestamp", true, nil, stamp},
		{"key, log 1", false, log(1), nil},
		{"key, log 2 and timestamp", false, log(2), stamp},
		{"key, timestamp", false, nil, stamp},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ca := &sign.CertificateAuthority{Services: services, URL: fake.URL}
			key, certificate, err := ca.NewKey(t.Context(), fakesigstore.Token(subject))
			if err != nil {
				t.Fatal(err)
			}
			s := &sign.Signer{Key: key, Certificate: certificate, Log: tc.log, Timestamps: tc.timestamps}
			var public *attest.PublicKey
			if !tc.keyless {
				s.Certificate = nil
				k := key.Public()
				public = &k
			}
			envelope, bundle, err := s.Attest(t.Context(), about(t, tc.name))
			if err != nil {
				t.Fatal(err)
			}
			logs := 0
			if tc.log != nil {
				logs = 1
			}
			signed, err := verifier.VerifyBundle(bundle, public, logs, len(tc.timestamps))
			if err != nil {
				t.Fatalf("%v\n%s", err, bundle)
			}
			if tc.keyless && (signed.Issuer != issuer || signed.Subject != subject) {
				t.Errorf("signed by %q of %q", signed.Subject, signed.Issuer)
			}
			if !s.Made(attest.Attestation{Bytes: bundle}) {
				t.Error("the signer does not know its own attestation")
			}
			other := &sign.Signer{Key: key, Certificate: certificate}
			if tc.keyless {
				other.Certificate = nil
				raw, err := envelope.Marshal()
				if err != nil {
					t.Fatal(err)
				}
				if s.Made(attest.Attestation{Bytes: raw}) {
					t.Error("an envelope without certificate counts as made by an identity")
				}
			} else if other.Made(attest.Attestation{Bytes: bundle}) {
				t.Error("an identity made what a key made")
			}
			// One byte of what is signed, and nothing of it verifies.
			changed := strings.Replace(string(bundle), `"payload":"ey`, `"payload":"eY`, 1)
			if changed == string(bundle) {
				t.Fatal("nothing was changed")
			}
			if _, err := verifier.VerifyBundle([]byte(changed), public, logs, len(tc.timestamps)); err == nil {
				t.Error("a changed statement verifies")
			}
			// A verdict that is no pass is no attestation.
			verdict, err := s.Verdict(t.Context(), about(t, "failed"))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := (attest.Attestation{Bytes: verdict}).Parse(); err == nil {
				t.Error("a verdict that is no pass reads as an attestation")
			}
		})
	}
}
