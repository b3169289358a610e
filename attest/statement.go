package attest

import (
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// The types that stand in statements and envelopes.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	// StatementTypeV01 is the older version, which is read but not written.
	StatementTypeV01 = "https://in-toto.io/Statement/v0.1"
	PayloadType      = "application/vnd.in-toto+json"
	// VerdictType is the type of an envelope with the statement of a verdict that
	// is no pass. It is not [PayloadType], so that no verifier counts it as an
	// attestation: some take any in-toto statement of the right signer for a
	// signature of the artifact.
	VerdictType = "application/vnd.gatehouse.verdict.v1+json"
)

// ResourceDescriptor names an artifact; at least one of its name, URI and digest
// is set.
//
// https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md
type ResourceDescriptor struct {
	Name             string            `json:"name,omitempty"`
	URI              string            `json:"uri,omitempty"`
	Digest           map[string]string `json:"digest,omitempty"`
	Content          []byte            `json:"content,omitempty"`
	DownloadLocation string            `json:"downloadLocation,omitempty"`
	MediaType        string            `json:"mediaType,omitempty"`
	Annotations      jsontext.Value    `json:"annotations,omitempty"`
}

// SHA256 is the descriptor's digest of that algorithm, or empty.
func (r ResourceDescriptor) SHA256() Digest {
	d, err := ParseDigest("sha256:" + r.Digest["sha256"])
	if err != nil {
		return ""
	}
	return d
}

// Statement binds a predicate to artifacts.
type Statement struct {
	// Type is [StatementType], or [StatementTypeV01] in what others made.
	Type string `json:"_type"`
	// Subject are the artifacts, matched by digest alone; never empty.
	Subject []ResourceDescriptor `json:"subject"`
	// PredicateType is a URI that says how to read the predicate.
	PredicateType string `json:"predicateType"`
	// Predicate is a JSON object, as its bytes.
	Predicate jsontext.Value `json:"predicate"`
}

// NewStatement makes a statement with the predicate in JSON.
func NewStatement(subject []ResourceDescriptor, predicateType string, predicate any) (Statement, error) {
	b, err := jsonv2.Marshal(predicate, jsonv2.Deterministic(true))
	if err != nil {
		return Statement{}, fmt.Errorf("encode the predicate %s: %w", predicateType, err)
	}
	s := Statement{Type: StatementType, Subject: subject, PredicateType: predicateType, Predicate: b}
	return s, s.check()
}

// ParseStatement reads the payload of an envelope. Duplicate keys, invalid
// UTF-8, keys that a statement does not have, a subject without a digest, and a
// predicate that is no object are errors: a reader that takes the first of two
// keys and one that takes the second would verify different things.
func ParseStatement(payload []byte) (Statement, error) {
	var s Statement
	if len(payload) > limits.MaxAttestationBytes {
		return s, fmt.Errorf("the statement has %d bytes, the limit is %d", len(payload), limits.MaxAttestationBytes)
	}
	if err := jsonv2.Unmarshal(payload, &s, jsonv2.RejectUnknownMembers(true)); err != nil {
		return Statement{}, fmt.Errorf("the payload is not an in-toto statement: %w", err)
	}
	if err := s.check(); err != nil {
		return Statement{}, err
	}
	return s, nil
}

func (s Statement) check() error {
	switch {
	case s.Type != StatementType && s.Type != StatementTypeV01:
		return fmt.Errorf("the type of the statement is %.100q, want %s", s.Type, StatementType)
	case s.PredicateType == "":
		return errors.New("the statement has no predicateType")
	case len(s.Subject) == 0:
		return errors.New("the statement has no subject")
	case s.Predicate.Kind() != '{':
		return errors.New("the predicate of the statement is not a JSON object")
	}
	for i, r := range s.Subject {
		if len(r.Digest) == 0 {
			return fmt.Errorf("subject %d of the statement has no digest", i)
		}
		for algorithm, value := range r.Digest {
			// The values of some algorithms (such as a cloud image id) are
			// not in hex, so only those of known ones are looked at.
			if n := digestDigits[algorithm]; n > 0 && !isHex(value, n) {
				return fmt.Errorf("subject %d of the statement: the digest %.20s:%.150q is not %d lower-case hexadecimal digits", i, algorithm, value, n)
			}
		}
	}
	return nil
}

// digestDigits are the lengths in hex of the digests of
// https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md.
var digestDigits = map[string]int{"sha256": 64, "sha384": 96, "sha512": 128, "sha224": 56, "sha1": 40}

// Has reports whether the artifact with the digest is a subject.
func (s Statement) Has(d Digest) bool {
	return d != "" && slices.ContainsFunc(s.Subject, func(r ResourceDescriptor) bool { return r.SHA256() == d })
}

// Marshal encodes the statement. The same statement always gives the same
// bytes, in the canonical form of RFC 8785.
func (s Statement) Marshal() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	b, err := jsonv2.Marshal(s, jsonv2.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode the statement: %w", err)
	}
	v := jsontext.Value(b)
	if err := v.Canonicalize(); err != nil {
		return nil, fmt.Errorf("encode the statement: %w", err)
	}
	return v, nil
}
