// Package sign makes attestations of statements: with a key in a file, with one in a
// key management service, or with a certificate for the identity of a CI job.
//
// Keys in files are those of cosign: what either makes, the other reads.
package sign

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json/jsontext"
	"fmt"

	"github.com/gatehouse-sec/gatehouse/attest"
)

// MessageSigner has a private key, here or elsewhere.
type MessageSigner interface {
	// Public is the other half of the key.
	Public() attest.PublicKey
	// SignMessage makes a signature that [attest.PublicKey.Verify] accepts.
	SignMessage(ctx context.Context, message []byte) ([]byte, error)
}

// Signer makes attestations. Only Key must be set.
type Signer struct {
	Key MessageSigner
	// Certificate says in DER who has the key; nil if verifiers know the key.
	Certificate []byte
	// Log is the transparency log that is to have the signature; nil for none.
	Log *Log
	// Timestamps say when it was signed; may be empty.
	Timestamps []*TimestampAuthority
}

// Attest signs a statement. The envelope is the one in the bundle. Its hint for the
// key is empty: verifiers skip a signature whose hint is not the name that they have
// for the key.
func (s *Signer) Attest(ctx context.Context, statement attest.Statement) (e attest.Envelope, bundle []byte, err error) {
	return s.attest(ctx, attest.PayloadType, statement)
}

// Verdict signs the statement of a verdict that is no pass, so that no verifier of
// attestations accepts it; see [attest.VerdictType]. It is an envelope, or with a
// certificate, which an envelope has no place for, a bundle. No log hears of it.
func (s *Signer) Verdict(ctx context.Context, statement attest.Statement) ([]byte, error) {
	quiet := *s
	quiet.Log = nil
	e, bundle, err := quiet.attest(ctx, attest.VerdictType, statement)
	if err != nil || s.Certificate != nil {
		return bundle, err
	}
	return e.Marshal()
}

func (s *Signer) attest(ctx context.Context, payloadType string, statement attest.Statement) (attest.Envelope, []byte, error) {
	e, err := envelope(ctx, s.Key, payloadType, statement)
	if err != nil {
		return attest.Envelope{}, nil, err
	}
	m := attest.Material{Key: s.Key.Public(), Certificate: s.Certificate}
	for _, authority := range s.Timestamps {
		t, err := authority.Timestamp(ctx, e.Signatures[0].Sig)
		if err != nil {
			return attest.Envelope{}, nil, err
		}
		m.Timestamps = append(m.Timestamps, t)
	}
	if s.Log != nil {
		entry, err := s.Log.Add(ctx, e, m)
		if err != nil {
			return attest.Envelope{}, nil, err
		}
		m.LogEntries = []jsontext.Value{entry}
	}
	bundle, err := attest.NewBundle(e, m)
	if err != nil {
		return attest.Envelope{}, nil, err
	}
	return e, bundle, nil
}

// Made reports whether the signer made an attestation: the key did, or a certificate
// for the same identity by the same authority says so. It is for who replaces own
// attestations, and no verification.
func (s *Signer) Made(a attest.Attestation) bool {
	e, _, err := a.Parse()
	if err != nil {
		return false
	}
	if s.Certificate != nil {
		return s.sameIdentity(a)
	}
	message := attest.PAE(e.PayloadType, e.Payload)
	for _, sig := range e.Signatures {
		if s.Key.Public().Verify(message, sig.Sig) == nil {
			return true
		}
	}
	return false
}

func (s *Signer) sameIdentity(a attest.Attestation) bool {
	b, err := attest.ParseBundle(a.Bytes)
	if err != nil || b.Leaf == nil {
		return false
	}
	theirs, err := x509.ParseCertificate(b.Leaf)
	if err != nil {
		return false
	}
	ours, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return false
	}
	names, issuer := identity(ours)
	otherNames, otherIssuer := identity(theirs)
	return len(names) > 0 && bytes.Equal(names, otherNames) && bytes.Equal(issuer, otherIssuer)
}

// identity returns the extensions that say who has a certificate of Fulcio, and who
// vouches for it.
//
// https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md
func identity(c *x509.Certificate) (names, issuer []byte) {
	for _, x := range c.Extensions {
		switch x.Id.String() {
		case "2.5.29.17": // subject alternative name
			names = x.Value
		case "1.3.6.1.4.1.57264.1.8":
			issuer = x.Value
		}
	}
	return names, issuer
}

func envelope(ctx context.Context, key MessageSigner, payloadType string, s attest.Statement) (attest.Envelope, error) {
	payload, err := s.Marshal()
	if err != nil {
		return attest.Envelope{}, err
	}
	sig, err := key.SignMessage(ctx, attest.PAE(payloadType, payload))
	if err != nil {
		return attest.Envelope{}, fmt.Errorf("sign the statement: %w", err)
	}
	return attest.Envelope{PayloadType: payloadType, Payload: payload, Signatures: []attest.Signature{{Sig: sig}}}, nil
}
