// Package layout verifies in-toto layouts: who must have done which step of the way
// from source to artifact, and that each step began with what the one before ended
// with.
//
// It runs no command and opens no file. Inspections, which are commands that a
// layout asks the verifier to run, are run by a function of the caller, or not at
// all; see [Options].
//
// Sources:
//   - https://github.com/in-toto/specification/blob/v1.0/in-toto-spec.md
//   - DSSE for layouts and links: ITE-5, https://github.com/in-toto/ITE/blob/master/ITE/5/README.adoc
package layout

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/cjson"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Layout says which steps there are, and who may do each.
type Layout struct {
	Type string `json:"_type"`
	// Expires is in RFC 3339, UTC.
	Expires time.Time `json:"expires"`
	Readme  string    `json:"readme"`
	// Keys are those of the functionaries, by id.
	Keys  map[string]Key `json:"keys"`
	Steps []Step         `json:"steps"`
	// Inspect are commands for the verifier.
	Inspect []Inspection `json:"inspect"`
}

// Step is something that somebody does.
type Step struct {
	Type string `json:"_type"`
	Name string `json:"name"`
	// ExpectedCommand is what they are expected to run; a difference is a warning.
	ExpectedCommand   []string   `json:"expected_command"`
	ExpectedMaterials [][]string `json:"expected_materials"`
	ExpectedProducts  [][]string `json:"expected_products"`
	// PubKeys are ids of those who may do it.
	PubKeys []string `json:"pubkeys"`
	// Threshold is how many of them must have.
	Threshold int `json:"threshold"`
}

// Inspection is a command that the verifier is asked to run.
type Inspection struct {
	Type              string     `json:"_type"`
	Name              string     `json:"name"`
	Run               []string   `json:"run"`
	ExpectedMaterials [][]string `json:"expected_materials"`
	ExpectedProducts  [][]string `json:"expected_products"`
}

// Link is what somebody did: what was there before, and after.
type Link struct {
	Type    string   `json:"_type"`
	Name    string   `json:"name"`
	Command []string `json:"command"`
	// Materials and Products are digests by algorithm, by path.
	Materials   map[string]Digests `json:"materials"`
	Products    map[string]Digests `json:"products"`
	ByProducts  map[string]any     `json:"byproducts"`
	Environment map[string]any     `json:"environment"`
}

// Digests are those of a file, in hex, by algorithm.
type Digests map[string]string

// Key is a public key in the form of in-toto.
type Key struct {
	KeyID               string   `json:"keyid"`
	KeyIDHashAlgorithms []string `json:"keyid_hash_algorithms"`
	KeyType             string   `json:"keytype"`
	KeyVal              KeyVal   `json:"keyval"`
	Scheme              string   `json:"scheme"`
}

// KeyVal is PEM, or hex for Ed25519.
type KeyVal struct {
	Public string `json:"public"`
}

// The types in metadata, and of keys and schemes that are known.
const (
	typeLayout     = "layout"
	typeLink       = "link"
	typeStep       = "step"
	typeInspection = "inspection"

	schemeECDSA   = "ecdsa-sha2-nistp256"
	schemeRSA     = "rsassa-pss-sha256"
	schemeEd25519 = "ed25519"
)

// metadata is signed JSON.
type metadata struct {
	// message is what signatures are over.
	message []byte
	// payload is the JSON that was signed.
	payload    []byte
	signatures []signature
}

type signature struct {
	keyID string
	sig   []byte
}

// parse reads a DSSE envelope, or the older form in which the signature is over the
// canonical JSON of one field.
func parse(b []byte) (metadata, error) {
	if len(b) > limits.MaxLayoutBytes {
		return metadata{}, fmt.Errorf("it has %d bytes, the limit is %d", len(b), limits.MaxLayoutBytes)
	}
	var fields map[string]jsontext.Value
	if err := jsonv2.Unmarshal(b, &fields); err != nil {
		return metadata{}, fmt.Errorf("it is no JSON object: %w", err)
	}
	if fields["payload"] != nil {
		e, err := attest.ParseEnvelope(b)
		if err != nil {
			return metadata{}, err
		}
		if e.PayloadType != attest.PayloadType {
			return metadata{}, fmt.Errorf("the payload is of type %.100q, want %s", e.PayloadType, attest.PayloadType)
		}
		m := metadata{message: attest.PAE(e.PayloadType, e.Payload), payload: e.Payload}
		for _, s := range e.Signatures {
			m.signatures = append(m.signatures, signature{s.KeyID, s.Sig})
		}
		return m, nil
	}
	return parseOld(fields)
}

func parseOld(fields map[string]jsontext.Value) (metadata, error) {
	if fields["signed"] == nil || fields["signatures"] == nil || len(fields) != 2 {
		return metadata{}, errors.New("it is neither an envelope nor an object of signed and signatures")
	}
	message, err := cjson.EncodeCanonical(json.RawMessage(fields["signed"]))
	if err != nil {
		return metadata{}, fmt.Errorf("what is signed has no canonical form: %w", err)
	}
	var signatures []struct {
		KeyID string `json:"keyid"`
		Sig   string `json:"sig"`
		Cert  string `json:"cert"`
	}
	if err := jsonv2.Unmarshal(fields["signatures"], &signatures); err != nil {
		return metadata{}, fmt.Errorf("the signatures: %w", err)
	}
	m := metadata{message: message, payload: fields["signed"]}
	for i, s := range signatures {
		sig, err := hex.DecodeString(s.Sig)
		if err != nil || len(sig) == 0 {
			return metadata{}, fmt.Errorf("signature %d is empty, or not in hex", i+1)
		}
		m.signatures = append(m.signatures, signature{s.KeyID, sig})
	}
	if len(m.signatures) > limits.MaxSignatures {
		return metadata{}, fmt.Errorf("it has %d signatures, the limit is %d", len(m.signatures), limits.MaxSignatures)
	}
	return m, nil
}

// kind is the type of what was signed.
func (m metadata) kind() string {
	var t struct {
		Type string `json:"_type"`
	}
	if jsonv2.Unmarshal(m.payload, &t) != nil {
		return ""
	}
	return t.Type
}

// by reports whether the key made one of the signatures.
func (m metadata) by(k publicKey) bool {
	for _, s := range m.signatures {
		if k.verify(m.message, s.sig) {
			return true
		}
	}
	return false
}

// publicKey verifies by the scheme of an in-toto key.
type publicKey struct {
	key any
	// id identifies the key by what it is, whatever it is called.
	id string
}

func newPublicKey(key any) (publicKey, error) {
	if k, ok := key.(*rsa.PublicKey); ok && k.N.BitLen() < 2048 {
		return publicKey{}, fmt.Errorf("the RSA key has %d bits, want at least 2048", k.N.BitLen())
	}
	checked, err := attest.NewPublicKey(key)
	if err != nil {
		return publicKey{}, err
	}
	return publicKey{checked.Crypto(), checked.ID()}, nil
}

func (k publicKey) verify(message, sig []byte) bool {
	sum := sha256.Sum256(message)
	switch key := k.key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum[:], sig)
	case *rsa.PublicKey:
		return verifyPSS(key, sum[:], sig)
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, sig)
	}
	return false
}

// public reads the key. Its id is not believed.
func (k Key) public() (publicKey, error) {
	var key any
	switch {
	case k.KeyType == "ed25519" && k.Scheme == schemeEd25519:
		raw, err := hex.DecodeString(k.KeyVal.Public)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return publicKey{}, errors.New("it is not 64 hexadecimal digits")
		}
		key = ed25519.PublicKey(raw)
	case k.KeyType == "ecdsa" && k.Scheme == schemeECDSA, k.KeyType == "rsa" && k.Scheme == schemeRSA:
		block, _ := pem.Decode([]byte(k.KeyVal.Public))
		if block == nil {
			return publicKey{}, errors.New("it is not in PEM")
		}
		var err error
		if key, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			return publicKey{}, fmt.Errorf("it cannot be read: %w", err)
		}
		if _, isRSA := key.(*rsa.PublicKey); isRSA != (k.KeyType == "rsa") {
			return publicKey{}, fmt.Errorf("it is a %T and not of type %s", key, k.KeyType)
		}
	default:
		return publicKey{}, fmt.Errorf("type %.40q with scheme %.40q is not known: want ecdsa with %s, rsa with %s, or ed25519", k.KeyType, k.Scheme, schemeECDSA, schemeRSA)
	}
	return newPublicKey(key)
}

// NewKey is a public key in the form of in-toto.
func NewKey(key attest.PublicKey) (Key, error) {
	k := Key{KeyIDHashAlgorithms: []string{"sha256", "sha512"}}
	switch public := key.Crypto().(type) {
	case *ecdsa.PublicKey:
		k.KeyType, k.Scheme, k.KeyVal.Public = "ecdsa", schemeECDSA, strings.TrimSpace(string(key.PEM()))
	case *rsa.PublicKey:
		k.KeyType, k.Scheme, k.KeyVal.Public = "rsa", schemeRSA, strings.TrimSpace(string(key.PEM()))
	case ed25519.PublicKey:
		k.KeyType, k.Scheme, k.KeyVal.Public = "ed25519", schemeEd25519, hex.EncodeToString(public)
	default:
		return Key{}, fmt.Errorf("the key is a %T, which in-toto does not know", public)
	}
	named, err := cjson.EncodeCanonical(map[string]any{
		"keytype": k.KeyType, "scheme": k.Scheme, "keyid_hash_algorithms": k.KeyIDHashAlgorithms, "keyval": map[string]string{"public": k.KeyVal.Public},
	})
	if err != nil {
		return Key{}, fmt.Errorf("the id of the key: %w", err)
	}
	sum := sha256.Sum256(named)
	k.KeyID = hex.EncodeToString(sum[:])
	return k, nil
}
