package sign

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	jsonv2 "encoding/json/v2"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse/attest"
)

// CertificateAuthority gives out certificates that are valid for minutes: Fulcio.
type CertificateAuthority struct {
	Services
	// URL is the address without a path.
	URL string
}

// The request and answer of Fulcio:
// https://github.com/sigstore/fulcio/blob/main/fulcio.proto
type (
	certificateRequest struct {
		PublicKeyRequest struct {
			PublicKey struct {
				Algorithm string `json:"algorithm"`
				Content   string `json:"content"`
			} `json:"publicKey"`
			ProofOfPossession []byte `json:"proofOfPossession"`
		} `json:"publicKeyRequest"`
	}
	certificateChain struct {
		Chain struct {
			Certificates []string `json:"certificates"`
		} `json:"chain"`
	}
	certificateAnswer struct {
		Embedded certificateChain `json:"signedCertificateEmbeddedSct"`
		Detached certificateChain `json:"signedCertificateDetachedSct"`
	}
)

const theAuthority = "the certificate authority"

// NewKey makes a key that is kept nowhere, and gets a certificate in DER that says
// that it is the key of who has the token.
func (ca *CertificateAuthority) NewKey(ctx context.Context, token string) (*Key, []byte, error) {
	subject, err := tokenSubject(token)
	if err != nil {
		return nil, nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generate a key: %w", err)
	}
	public, err := attest.NewPublicKey(private.Public())
	if err != nil {
		return nil, nil, err
	}
	key := &Key{private, public}
	certificate, err := ca.certificate(ctx, token, subject, key)
	if err != nil {
		return nil, nil, err
	}
	return key, certificate, nil
}

func (ca *CertificateAuthority) certificate(ctx context.Context, token, subject string, key *Key) ([]byte, error) {
	address, err := endpoint(theAuthority, ca.URL, "api/v2/signingCert")
	if err != nil {
		return nil, err
	}
	var r certificateRequest
	p := &r.PublicKeyRequest
	p.PublicKey.Algorithm, p.PublicKey.Content = "ECDSA", string(key.public.PEM())
	if p.ProofOfPossession, err = key.SignMessage(ctx, []byte(subject)); err != nil {
		return nil, err
	}
	body, err := jsonv2.Marshal(r)
	if err != nil {
		return nil, err
	}
	b, err := ca.post(ctx, theAuthority, address, "application/json", token, body)
	if err != nil {
		return nil, err
	}
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%s at %s: %w", theAuthority, address, fmt.Errorf(format, args...))
	}
	var answer certificateAnswer
	if err := jsonv2.Unmarshal(b, &answer); err != nil {
		return nil, bad("the answer cannot be read: %w", err)
	}
	chain := answer.Embedded.Chain.Certificates
	if len(chain) == 0 {
		// The proof that a certificate is in a log has no place in a bundle
		// unless it is in the certificate.
		if len(answer.Detached.Chain.Certificates) > 0 {
			return nil, bad("the proof that the certificate is in a log is not in the certificate, where a bundle needs it")
		}
		return nil, bad("the answer has no certificate")
	}
	block, _ := pem.Decode([]byte(chain[0]))
	if block == nil {
		return nil, bad("the certificate is not in PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, bad("the certificate cannot be read: %w", err)
	}
	if der, err := x509.MarshalPKIXPublicKey(c.PublicKey); err != nil || !bytes.Equal(der, key.public.DER()) {
		return nil, bad("the certificate is for another key")
	}
	return block.Bytes, nil
}

// tokenSubject is the text that a certificate authority wants signed, as a proof that
// one has the key: the address, or else the subject, in a token (RFC 7519). The
// authority verifies the token.
func tokenSubject(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the identity token is not a JSON web token: it needs three parts with points between them")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", errors.New("the identity token is not a JSON web token: its second part is not base64")
	}
	var claims struct {
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // some write it as a string
		Subject  string `json:"sub"`
	}
	switch err := jsonv2.Unmarshal(payload, &claims); {
	case err != nil:
		return "", errors.New("the identity token is not a JSON web token: its second part is not JSON")
	case claims.Email != "" && claims.Verified != true && claims.Verified != "true":
		return "", errors.New("the identity token is for an address that its issuer did not verify")
	case claims.Email != "":
		return claims.Email, nil
	case claims.Subject == "":
		return "", errors.New("the identity token has no subject")
	}
	return claims.Subject, nil
}
