package layout

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
)

// NewStep is a step that those with the keys may do. It begins with what the step
// before ended with, and nothing else; the first one, for which before is empty, may
// begin with anything.
type NewStep struct {
	Name      string
	Keys      []attest.PublicKey
	Threshold int
}

// New makes a layout in which each step begins with what the one before ended with.
// It is not signed.
func New(steps []NewStep, expires time.Time) (Layout, error) {
	l := Layout{Type: typeLayout, Expires: expires.UTC().Truncate(time.Second), Keys: map[string]Key{}, Inspect: []Inspection{}}
	for i, s := range steps {
		step := Step{
			Type: typeStep, Name: s.Name, Threshold: s.Threshold, ExpectedCommand: []string{}, PubKeys: []string{},
			ExpectedMaterials: [][]string{{"ALLOW", "*"}}, ExpectedProducts: [][]string{{"ALLOW", "*"}},
		}
		if i > 0 {
			step.ExpectedMaterials = [][]string{{"MATCH", "*", "WITH", "PRODUCTS", "FROM", steps[i-1].Name}, {"DISALLOW", "*"}}
		}
		for _, public := range s.Keys {
			key, err := NewKey(public)
			if err != nil {
				return Layout{}, err
			}
			l.Keys[key.KeyID] = key
			step.PubKeys = append(step.PubKeys, key.KeyID)
		}
		l.Steps = append(l.Steps, step)
	}
	payload, err := l.payload()
	if err != nil {
		return Layout{}, err
	}
	_, err = parseLayout(metadata{payload: payload})
	return l, err
}

func (l Layout) payload() ([]byte, error) { return jsonv2.Marshal(l, jsonv2.Deterministic(true)) }

// Marshal encodes the layout for people to edit, in the form in which it is signed.
func (l Layout) Marshal() ([]byte, error) { return indented(l) }

// NewLink says what a step began and ended with.
func NewLink(step string, command []string, materials, products map[string]Digests) Link {
	return Link{Type: typeLink, Name: step, Command: append([]string{}, command...), Materials: materials, Products: products,
		ByProducts: map[string]any{}, Environment: map[string]any{}}
}

// Signer has a private key.
type Signer interface {
	Public() attest.PublicKey
	SignMessage(ctx context.Context, message []byte) ([]byte, error)
}

// SignLink signs a link, as a DSSE envelope.
func SignLink(ctx context.Context, l Link, key Signer) ([]byte, error) {
	payload, err := jsonv2.Marshal(l, jsonv2.Deterministic(true))
	if err != nil {
		return nil, err
	}
	return sign(ctx, attest.Envelope{PayloadType: attest.PayloadType, Payload: payload}, key)
}

// Sign signs a layout or link: one in JSON that is not signed yet, or an envelope, to
// which the signature is added. The older form is not signed again.
func Sign(ctx context.Context, file File, key Signer) ([]byte, error) {
	if kind := (metadata{payload: file.Data}).kind(); kind == typeLayout || kind == typeLink {
		m := metadata{payload: bytes.TrimSpace(file.Data)}
		if kind == typeLayout {
			if _, err := parseLayout(m); err != nil {
				return nil, fmt.Errorf("%s: %w", file.Name, err)
			}
		}
		return sign(ctx, attest.Envelope{PayloadType: attest.PayloadType, Payload: m.payload}, key)
	}
	e, err := attest.ParseEnvelope(file.Data)
	if err != nil {
		return nil, fmt.Errorf("%s: it is neither a layout or link, nor an envelope with one: %w", file.Name, err)
	}
	if kind := (metadata{payload: e.Payload}).kind(); kind != typeLayout && kind != typeLink {
		return nil, fmt.Errorf("%s: it is no envelope with a layout or link", file.Name)
	}
	return sign(ctx, e, key)
}

func sign(ctx context.Context, e attest.Envelope, key Signer) ([]byte, error) {
	if _, isRSA := key.Public().Crypto().(*rsa.PublicKey); isRSA {
		return nil, errors.New("in-toto signs with RSA in another way (PSS) than attestations do: take an ECDSA or Ed25519 key")
	}
	named, err := NewKey(key.Public())
	if err != nil {
		return nil, err
	}
	sig, err := key.SignMessage(ctx, attest.PAE(e.PayloadType, e.Payload))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	for _, s := range e.Signatures {
		if s.KeyID == named.KeyID {
			return nil, errors.New("it is signed with this key already")
		}
	}
	e.Signatures = append(e.Signatures, attest.Signature{KeyID: named.KeyID, Sig: sig})
	return e.Marshal()
}

// FileName is what a link is called: the name of the step and the start of the id of
// the key.
func FileName(step string, key attest.PublicKey) (string, error) {
	named, err := NewKey(key)
	if err != nil {
		return "", err
	}
	return step + "." + named.KeyID[:8] + ".link", nil
}

func indented(v any) ([]byte, error) {
	b, err := jsonv2.Marshal(v, jsonv2.Deterministic(true), withIndent)
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// withIndent makes JSON for people.
var withIndent = jsontext.WithIndent("  ")
