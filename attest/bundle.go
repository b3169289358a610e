package attest

import (
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// BundleMediaType is the type of the bundles that are made here; see
// https://docs.sigstore.dev/about/bundle/.
const BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Bundle is what a sigstore bundle says before anything in it is verified.
type Bundle struct {
	MediaType string
	// Envelope is what was signed; a bundle over a blob has none.
	Envelope *Envelope
	// Hint names the key; empty if the signer has a certificate.
	Hint string
	// Certificate is true if the signer has one, and Leaf is it in DER; nil if it
	// is not where a bundle has it.
	Certificate bool
	Leaf        []byte
	// LogEntries and Timestamps count what says when it was signed.
	LogEntries, Timestamps int
}

type wireBundle struct {
	MediaType            string         `json:"mediaType"`
	VerificationMaterial wireMaterial   `json:"verificationMaterial"`
	DSSEEnvelope         jsontext.Value `json:"dsseEnvelope,omitzero"`
	MessageSignature     jsontext.Value `json:"messageSignature,omitzero"`
}

type wireMaterial struct {
	PublicKey   *wirePublicKey   `json:"publicKey,omitempty"`
	Certificate jsontext.Value   `json:"certificate,omitzero"`
	Chain       jsontext.Value   `json:"x509CertificateChain,omitzero"`
	LogEntries  []jsontext.Value `json:"tlogEntries,omitempty"`
	Timestamps  struct {
		RFC3161 []jsontext.Value `json:"rfc3161Timestamps,omitempty"`
	} `json:"timestampVerificationData,omitzero"`
}

type wirePublicKey struct {
	Hint string `json:"hint"`
}

type wireCertificate struct {
	RawBytes []byte `json:"rawBytes"`
}

type wireTimestamp struct {
	SignedTimestamp []byte `json:"signedTimestamp"`
}

// Material is what a signature is verified with, besides the trusted root.
type Material struct {
	// Key is who signed, unless there is a Certificate, in DER.
	Key         PublicKey
	Certificate []byte
	// LogEntries are entries of transparency logs
	// (dev.sigstore.rekor.v1.TransparencyLogEntry) in JSON; may be empty.
	LogEntries []jsontext.Value
	// Timestamps are responses of timestamp authorities (RFC 3161) in DER; may be
	// empty.
	Timestamps [][]byte
}

// KeyBundle puts an envelope with one signature of the key into a bundle.
func KeyBundle(e Envelope, key PublicKey) ([]byte, error) {
	return NewBundle(e, Material{Key: key})
}

// NewBundle puts an envelope with one signature into a bundle.
func NewBundle(e Envelope, m Material) ([]byte, error) {
	if len(e.Signatures) != 1 {
		return nil, fmt.Errorf("a bundle has one signature, the envelope has %d", len(e.Signatures))
	}
	w := wireBundle{MediaType: BundleMediaType, VerificationMaterial: wireMaterial{LogEntries: m.LogEntries}}
	var err error
	if w.DSSEEnvelope, err = e.Marshal(); err != nil {
		return nil, err
	}
	material := &w.VerificationMaterial
	if m.Certificate == nil {
		material.PublicKey = &wirePublicKey{m.Key.Hint()}
	} else if material.Certificate, err = jsonv2.Marshal(wireCertificate{m.Certificate}); err != nil {
		return nil, fmt.Errorf("encode the certificate: %w", err)
	}
	for _, t := range m.Timestamps {
		v, err := jsonv2.Marshal(wireTimestamp{t})
		if err != nil {
			return nil, fmt.Errorf("encode the timestamp: %w", err)
		}
		material.Timestamps.RFC3161 = append(material.Timestamps.RFC3161, v)
	}
	b, err := jsonv2.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode the bundle: %w", err)
	}
	return b, nil
}

// ParseBundle reads a sigstore bundle of any version. It verifies nothing.
func ParseBundle(b []byte) (Bundle, error) {
	if len(b) > limits.MaxAttestationBytes {
		return Bundle{}, fmt.Errorf("the bundle has %d bytes, the limit is %d", len(b), limits.MaxAttestationBytes)
	}
	var w wireBundle
	if err := jsonv2.Unmarshal(b, &w); err != nil {
		return Bundle{}, fmt.Errorf("this is not a sigstore bundle: %w", err)
	}
	if !strings.HasPrefix(w.MediaType, "application/vnd.dev.sigstore.bundle") {
		return Bundle{}, fmt.Errorf("the media type of the bundle is %.100q, want %s", w.MediaType, BundleMediaType)
	}
	m := w.VerificationMaterial
	out := Bundle{
		MediaType: w.MediaType, Certificate: len(m.Certificate) > 0 || len(m.Chain) > 0,
		LogEntries: len(m.LogEntries), Timestamps: len(m.Timestamps.RFC3161),
	}
	switch {
	case out.LogEntries > limits.MaxSignatures || out.Timestamps > limits.MaxSignatures:
		return Bundle{}, fmt.Errorf("the bundle has %d log entries and %d timestamps, the limit is %d", out.LogEntries, out.Timestamps, limits.MaxSignatures)
	case m.PublicKey != nil && out.Certificate:
		return Bundle{}, errors.New("the bundle has both a key and a certificate")
	case m.PublicKey == nil && !out.Certificate:
		return Bundle{}, errors.New("the bundle has neither a key nor a certificate")
	case len(w.DSSEEnvelope) > 0 && len(w.MessageSignature) > 0:
		return Bundle{}, errors.New("the bundle has both an envelope and the signature of a blob")
	case len(w.DSSEEnvelope) == 0 && len(w.MessageSignature) == 0:
		return Bundle{}, errors.New("the bundle has no signature")
	}
	if m.PublicKey != nil {
		out.Hint = m.PublicKey.Hint
	}
	if len(m.Certificate) > 0 {
		var c wireCertificate
		if err := jsonv2.Unmarshal(m.Certificate, &c); err == nil {
			out.Leaf = c.RawBytes
		}
	}
	if len(w.DSSEEnvelope) > 0 {
		e, err := ParseEnvelope(w.DSSEEnvelope)
		if err != nil {
			return Bundle{}, err
		}
		if len(e.Signatures) != 1 {
			return Bundle{}, fmt.Errorf("the envelope of the bundle has %d signatures, want 1", len(e.Signatures))
		}
		out.Envelope = &e
	}
	return out, nil
}
