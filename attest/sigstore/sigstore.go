// Package sigstore verifies sigstore bundles against a trusted root: the
// certificate authorities, transparency logs and timestamp authorities that are
// believed. It makes no network connection.
//
// It stands apart from package attest because the libraries that it needs are
// large, and who verifies with keys alone needs none of them.
package sigstore

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Verifier verifies bundles against one trusted root. It is safe for concurrent
// use.
type Verifier struct {
	material root.TrustedMaterial
	now      func() time.Time
}

// NewVerifier reads a trusted root in JSON
// (application/vnd.dev.sigstore.trustedroot+json), such as the file that
// cosign trusted-root create writes.
func NewVerifier(trustedRoot []byte, now func() time.Time) (*Verifier, error) {
	if len(trustedRoot) > limits.MaxTrustedRootBytes {
		return nil, fmt.Errorf("the trusted root has %d bytes, the limit is %d", len(trustedRoot), limits.MaxTrustedRootBytes)
	}
	r, err := root.NewTrustedRootFromJSON(trustedRoot)
	if err != nil {
		return nil, fmt.Errorf("this is not a trusted root of sigstore: %w", err)
	}
	if len(r.FulcioCertificateAuthorities())+len(r.RekorLogs())+len(r.TimestampingAuthorities()) == 0 {
		return nil, errors.New("the trusted root is empty: it names no certificate authority, log or timestamp authority")
	}
	return &Verifier{r, now}, nil
}

// VerifyBundle verifies a bundle over a statement; see [attest.BundleVerifier]. It
// checks neither who the signer is nor what the statement is about.
func (v *Verifier) VerifyBundle(b []byte, key *attest.PublicKey, logEntries, timestamps int) (attest.Signed, error) {
	return v.verify(b, key, logEntries, timestamps, verify.WithoutArtifactUnsafe())
}

// VerifyBlob verifies a bundle that signs the artifact with the digest itself, or a
// statement that has it as a subject.
func (v *Verifier) VerifyBlob(b []byte, key *attest.PublicKey, logEntries, timestamps int, artifact attest.Digest) (attest.Signed, error) {
	sum, err := hex.DecodeString(artifact.Hex())
	if err != nil || len(sum) == 0 {
		return attest.Signed{}, fmt.Errorf("%q is not a digest", artifact)
	}
	return v.verify(b, key, logEntries, timestamps, verify.WithArtifactDigest("sha256", sum))
}

func (v *Verifier) verify(b []byte, key *attest.PublicKey, logEntries, timestamps int, artifact verify.ArtifactPolicyOption) (attest.Signed, error) {
	parsed, err := attest.ParseBundle(b)
	if err != nil {
		return attest.Signed{}, err
	}
	if parsed.Certificate != (key == nil) {
		if parsed.Certificate {
			return attest.Signed{}, errors.New("the bundle is signed with a certificate, and a key is expected")
		}
		return attest.Signed{}, errors.New("the bundle is signed with a key, and a certificate is expected")
	}
	var entity bundle.Bundle
	if err := entity.UnmarshalJSON(b); err != nil {
		return attest.Signed{}, fmt.Errorf("the bundle cannot be read: %w", err)
	}
	material, signer, options := v.material, verify.WithoutIdentitiesUnsafe(), []verify.VerifierOption{}
	if key != nil {
		loaded, err := signature.LoadVerifier(key.Crypto(), crypto.SHA256)
		if err != nil {
			return attest.Signed{}, fmt.Errorf("the key cannot be used: %w", err)
		}
		material = root.TrustedMaterialCollection{v.material, root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
			return root.NewExpiringKey(loaded, time.Time{}, time.Time{}), nil
		})}
		signer = verify.WithKey()
	}
	if logEntries > 0 {
		options = append(options, verify.WithTransparencyLog(logEntries))
	}
	if timestamps > 0 {
		options = append(options, verify.WithSignedTimestamps(timestamps))
	}
	if key == nil || logEntries > 0 {
		// An entry of a log says when it was made, or there is a timestamp: one
		// of them must, for the certificate to be valid at that time.
		options = append(options, verify.WithObserverTimestamps(1))
	}
	if key == nil && len(v.material.CTLogs()) > 0 {
		options = append(options, verify.WithSignedCertificateTimestamps(1))
	}
	if logEntries+timestamps == 0 {
		return attest.Signed{}, errors.New("neither a log entry nor a timestamp is asked for")
	}
	verifier, err := verify.NewVerifier(material, options...)
	if err != nil {
		return attest.Signed{}, fmt.Errorf("make a verifier: %w", err)
	}
	result, err := verifier.Verify(&entity, verify.NewPolicy(artifact, signer))
	if err != nil {
		return attest.Signed{}, err
	}
	// What was verified must be what the caller read: the parser of the library
	// is another one.
	if parsed.Envelope != nil {
		content, err := entity.SignatureContent()
		if err != nil {
			return attest.Signed{}, err
		}
		e := content.EnvelopeContent()
		if e == nil || e.RawEnvelope().PayloadType != parsed.Envelope.PayloadType {
			return attest.Signed{}, errors.New("the bundle has two readings")
		}
		payload, err := e.RawEnvelope().DecodeB64Payload()
		if err != nil || !bytes.Equal(payload, parsed.Envelope.Payload) {
			return attest.Signed{}, errors.New("the bundle has two readings")
		}
	}
	var signed attest.Signed
	if c := result.Signature.Certificate; c != nil {
		signed.Issuer, signed.Subject = c.Issuer, c.SubjectAlternativeName
	}
	for _, t := range result.VerifiedTimestamps {
		if t.Timestamp.After(v.now().Add(futureSkew)) {
			return attest.Signed{}, fmt.Errorf("it was signed at %s, which is in the future", t.Timestamp.UTC().Format(time.RFC3339))
		}
		signed.Times = append(signed.Times, t.Timestamp)
	}
	return signed, nil
}

// futureSkew is how far ahead of ours the clock of a log may be.
const futureSkew = 5 * time.Minute
