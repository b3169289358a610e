package attest

import (
	"encoding/base64"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"strconv"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Envelope holds what was signed, and the signatures (DSSE).
type Envelope struct {
	// PayloadType says what the payload is; it is signed too.
	PayloadType string
	// Payload are the bytes as they were signed.
	Payload    []byte
	Signatures []Signature
}

// Signature is a signature over [PAE] of type and payload.
type Signature struct {
	// KeyID is a hint that decides nothing; may be empty, as in what is made
	// here: verifiers skip a signature whose hint is not theirs.
	KeyID string
	Sig   []byte
}

// wire is an envelope in JSON.
type wireEnvelope struct {
	Payload     string          `json:"payload"`
	PayloadType string          `json:"payloadType"`
	Signatures  []wireSignature `json:"signatures"`
}

type wireSignature struct {
	KeyID string `json:"keyid,omitempty"`
	Sig   string `json:"sig"`
}

// ParseEnvelope reads a DSSE envelope in JSON. Keys that DSSE does not have are
// allowed, as it asks for; duplicate ones are not. An envelope without a payload,
// its type or a signature is an error.
func ParseEnvelope(b []byte) (Envelope, error) {
	if len(b) > limits.MaxAttestationBytes {
		return Envelope{}, fmt.Errorf("the envelope has %d bytes, the limit is %d", len(b), limits.MaxAttestationBytes)
	}
	var w wireEnvelope
	if err := jsonv2.Unmarshal(b, &w); err != nil {
		return Envelope{}, fmt.Errorf("this is not a DSSE envelope: %w", err)
	}
	payload, err := decodeBase64(w.Payload)
	if err != nil {
		return Envelope{}, fmt.Errorf("the payload of the envelope is not base64: %w", err)
	}
	switch {
	case len(payload) == 0:
		return Envelope{}, errors.New("the envelope has no payload")
	case w.PayloadType == "":
		return Envelope{}, errors.New("the envelope has no payloadType")
	case len(w.Signatures) == 0:
		return Envelope{}, errors.New("the envelope has no signature")
	case len(w.Signatures) > limits.MaxSignatures:
		return Envelope{}, fmt.Errorf("the envelope has %d signatures, the limit is %d", len(w.Signatures), limits.MaxSignatures)
	}
	e := Envelope{PayloadType: w.PayloadType, Payload: payload}
	for i, s := range w.Signatures {
		sig, err := decodeBase64(s.Sig)
		if err != nil || len(sig) == 0 {
			return Envelope{}, fmt.Errorf("signature %d of the envelope is empty or not base64", i)
		}
		e.Signatures = append(e.Signatures, Signature{KeyID: s.KeyID, Sig: sig})
	}
	return e, nil
}

// decodeBase64 takes both alphabets, as DSSE asks of who reads.
func decodeBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err == nil {
		return b, nil
	}
	if b, urlErr := base64.URLEncoding.Strict().DecodeString(s); urlErr == nil {
		return b, nil
	}
	return nil, err
}

// Marshal encodes the envelope in one line of JSON without a line end.
func (e Envelope) Marshal() ([]byte, error) {
	w := wireEnvelope{PayloadType: e.PayloadType, Payload: base64.StdEncoding.EncodeToString(e.Payload)}
	for _, s := range e.Signatures {
		w.Signatures = append(w.Signatures, wireSignature{KeyID: s.KeyID, Sig: base64.StdEncoding.EncodeToString(s.Sig)})
	}
	b, err := jsonv2.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode the envelope: %w", err)
	}
	return b, nil
}

// Statement reads the payload; an envelope of anything but an in-toto statement is an
// error.
func (e Envelope) Statement() (Statement, error) {
	if e.PayloadType != PayloadType {
		return Statement{}, fmt.Errorf("the payload is of type %.100q, want %s", e.PayloadType, PayloadType)
	}
	return ParseStatement(e.Payload)
}

// PAE is the pre-authentication encoding, over which signatures are made: type and
// payload with their lengths in bytes, so that neither can pass for the other.
func PAE(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len("DSSEv1")+len(payloadType)+len(payload)+44)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}
