package attest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Attestation is one attestation as it was found. Nothing about it is verified.
type Attestation struct {
	// Bytes are an envelope or a bundle, in JSON.
	Bytes []byte
	// Origin says for people where it was found.
	Origin string
}

// Digest is the SHA-256 of the bytes.
func (a Attestation) Digest() Digest {
	sum := sha256.Sum256(a.Bytes)
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// isBundle tells a bundle from an envelope by its keys.
func (a Attestation) isBundle() bool {
	dec := jsontext.NewDecoder(bytes.NewReader(a.Bytes))
	if t, err := dec.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	for {
		key, err := dec.ReadToken()
		if err != nil || key.Kind() != '"' {
			return false
		}
		switch key.String() {
		case "mediaType", "verificationMaterial", "dsseEnvelope", "messageSignature":
			return true
		case "payload", "payloadType", "signatures":
			return false
		}
		if err := dec.SkipValue(); err != nil {
			return false
		}
	}
}

// ParseFile reads the attestations in a file: one envelope or bundle, or JSON
// Lines of them. An empty file is an error.
func ParseFile(name string, b []byte) ([]Attestation, error) {
	if len(b) > limits.MaxAttestationBytes {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", name, len(b), limits.MaxAttestationBytes)
	}
	var out []Attestation
	dec := jsontext.NewDecoder(bytes.NewReader(b))
	for {
		value, err := dec.ReadValue()
		if err != nil {
			rest := bytes.TrimSpace(b[dec.InputOffset():])
			if len(rest) == 0 {
				break
			}
			line := 1 + bytes.Count(b[:bytes.LastIndex(b, rest)], []byte("\n"))
			return nil, fmt.Errorf("%s:%d: this is not JSON: %w", name, line, plain(err))
		}
		if value.Kind() != '{' {
			return nil, fmt.Errorf("%s: value %d is not a JSON object", name, len(out)+1)
		}
		out = append(out, Attestation{Bytes: bytes.Clone(value), Origin: name})
		if len(out) > limits.MaxAttestations {
			return nil, fmt.Errorf("%s has more than %d attestations, the limit", name, limits.MaxAttestations)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no attestation: it is empty", name)
	}
	if len(out) > 1 {
		for i := range out {
			out[i].Origin = fmt.Sprintf("%s, number %d", name, i+1)
		}
	}
	return out, nil
}

// plain is an error of the JSON library without its prefix.
func plain(err error) error {
	return errors.New(strings.TrimPrefix(strings.TrimPrefix(err.Error(), "jsontext: "), "json: "))
}
