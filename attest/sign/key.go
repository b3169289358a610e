package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/gatehouse-sec/gatehouse/attest"
)

// The types of PEM blocks with an encrypted key: those of cosign, and of cosign
// before version 2.
const (
	pemEncrypted    = "ENCRYPTED SIGSTORE PRIVATE KEY"
	pemEncryptedOld = "ENCRYPTED COSIGN PRIVATE KEY"
)

// Key is a private key in memory.
type Key struct {
	private crypto.Signer
	public  attest.PublicKey
}

// ErrPassword is the error of a key that does not open.
var ErrPassword = errors.New("the password does not open the private key")

// GenerateKey makes a new ECDSA key on P-256, and returns its private part in PEM,
// encrypted with the password (scrypt and NaCl secretbox).
func GenerateKey(password []byte) (private []byte, public attest.PublicKey, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, public, fmt.Errorf("generate a key: %w", err)
	}
	if public, err = attest.NewPublicKey(key.Public()); err != nil {
		return nil, public, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, public, fmt.Errorf("encode the new key: %w", err)
	}
	box, err := encrypted.Encrypt(der, password)
	if err != nil {
		return nil, public, fmt.Errorf("encrypt the new key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemEncrypted, Bytes: box}), public, nil
}

// ParseKey reads a private key in PEM: one that [GenerateKey] or cosign made, PKCS
// #8 ("PRIVATE KEY"), or an EC or RSA key of openssl. The password is asked for
// only if the key is encrypted.
func ParseKey(text []byte, password func() ([]byte, error)) (*Key, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("there is no PEM block: a private key starts with -----BEGIN")
	}
	der := block.Bytes
	if block.Type == pemEncrypted || block.Type == pemEncryptedOld {
		secret, err := password()
		if err != nil {
			return nil, err
		}
		if der, err = encrypted.Decrypt(der, secret); err != nil {
			return nil, ErrPassword
		}
	}
	var key any
	var err error
	switch block.Type {
	case pemEncrypted, pemEncryptedOld, "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(der)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(der)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(der)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the key is encrypted with PKCS #8, which is not read: decrypt it with openssl pkcs8, or make one with gatehouse key generate")
	case "PUBLIC KEY":
		return nil, errors.New("this is a public key: to sign, the private one is needed")
	default:
		return nil, fmt.Errorf("the PEM block is a %.60s, which is no private key", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the private key cannot be read: %w", err)
	}
	private, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the private key is a %T, which does not sign", key)
	}
	public, err := attest.NewPublicKey(private.Public())
	if err != nil {
		return nil, err
	}
	return &Key{private, public}, nil
}

// Public is the other half of the key.
func (k *Key) Public() attest.PublicKey { return k.public }

// Sign makes the envelope of a statement; see [Signer].
func (k *Key) Sign(s attest.Statement) (attest.Envelope, error) {
	return envelope(context.Background(), k, attest.PayloadType, s)
}

// SignVerdict makes an envelope that no verifier of attestations accepts; see
// [attest.VerdictType].
func (k *Key) SignVerdict(s attest.Statement) (attest.Envelope, error) {
	return envelope(context.Background(), k, attest.VerdictType, s)
}

// SignMessage signs the message, or the SHA-256 of it unless the key is an Ed25519
// one.
func (k *Key) SignMessage(_ context.Context, message []byte) ([]byte, error) {
	if _, ok := k.private.(ed25519.PrivateKey); ok {
		return k.private.Sign(rand.Reader, message, crypto.Hash(0))
	}
	sum := sha256.Sum256(message)
	return k.private.Sign(rand.Reader, sum[:], crypto.SHA256)
}
