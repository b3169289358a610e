package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// minRSABits is the smallest RSA key that is believed (NIST SP 800-131A r2,
// table 2).
const minRSABits = 2048

// PublicKey checks signatures: ECDSA on P-256 over SHA-256, RSA with PKCS #1 v1.5
// over SHA-256, and Ed25519, as cosign does. Other curves are refused: verifiers
// do not agree on their hash.
type PublicKey struct {
	key crypto.PublicKey
	der []byte
}

// ParsePublicKey reads a key in PEM ("PUBLIC KEY", PKIX), and nothing else in the
// same file.
func ParsePublicKey(text []byte) (PublicKey, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return PublicKey{}, errors.New("there is no PEM block: a public key starts with -----BEGIN PUBLIC KEY-----")
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return PublicKey{}, errors.New("this is a private key: the public one is needed, which 'gatehouse key generate' and cosign write to a file that ends in .pub")
	case block.Type != "PUBLIC KEY":
		return PublicKey{}, fmt.Errorf("the PEM block is a %.60s, want PUBLIC KEY", block.Type)
	}
	if more, _ := pem.Decode(rest); more != nil {
		return PublicKey{}, errors.New("there are several PEM blocks: give each key a file")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, fmt.Errorf("the public key cannot be read: %w", err)
	}
	return NewPublicKey(key)
}

// NewPublicKey returns a key of the standard library as one that checks
// signatures, or an error if it is of another sort.
func NewPublicKey(key crypto.PublicKey) (PublicKey, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return PublicKey{}, fmt.Errorf("the key is on the curve %s, want P-256", k.Curve.Params().Name)
		}
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return PublicKey{}, fmt.Errorf("the RSA key has %d bits, want at least %d", k.N.BitLen(), minRSABits)
		}
	case ed25519.PublicKey:
	default:
		return PublicKey{}, fmt.Errorf("the key is a %T, want ECDSA on P-256, RSA or Ed25519", key)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, fmt.Errorf("the public key cannot be encoded: %w", err)
	}
	return PublicKey{key, der}, nil
}

// ErrSignature is the error of a signature that is not that of the key over the
// message.
var ErrSignature = errors.New("the signature is not that of the key over this content")

// Verify checks the signature over the message, or returns [ErrSignature]. The
// zero key verifies nothing.
func (k PublicKey) Verify(message, sig []byte) error {
	sum := sha256.Sum256(message)
	ok := false
	switch key := k.key.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(key, sum[:], sig) || verifyPlain(key, sum[:], sig)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) == nil
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, message, sig)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// verifyPlain verifies a signature that is two numbers of 32 bytes, without ASN.1
// (IEEE P1363), as some key management services make it.
func verifyPlain(key *ecdsa.PublicKey, sum, sig []byte) bool {
	if len(sig) != 64 {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	return ecdsa.Verify(key, sum, r, s)
}

// ID identifies the key: "sha256:" and the hash of its PKIX form in hex.
func (k PublicKey) ID() string {
	sum := sha256.Sum256(k.der)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Crypto is the key as the standard library has it.
func (k PublicKey) Crypto() crypto.PublicKey { return k.key }

// Hint is the hash of the key as it stands in a sigstore bundle.
func (k PublicKey) Hint() string {
	sum := sha256.Sum256(k.der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// DER is the key in its PKIX form.
func (k PublicKey) DER() []byte { return k.der }

// PEM encodes the key as [ParsePublicKey] reads it.
func (k PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der})
}
