// Package fakesigstore is a certificate authority, a transparency log and a timestamp
// authority on the loopback interface, for tests.
package fakesigstore

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/json/jsontext"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// Sigstore is all three services at one address. Each log has one entry.
type Sigstore struct {
	*httptest.Server
	ca, tsa, leaf      *x509.Certificate
	caKey, logKey      *ecdsa.PrivateKey
	tsaKey             *ecdsa.PrivateKey
	issuer             string
	now                func() time.Time
	validFrom, validTo time.Time
}

// PathTimestamp is the path of the timestamp authority.
const PathTimestamp = "/api/v1/timestamp"

// Start starts the services. The subject of a certificate is that of the token, and
// issuer who vouches for it.
func Start(issuer string, now func() time.Time) (*Sigstore, error) {
	s := &Sigstore{issuer: issuer, now: now, validFrom: now().Add(-time.Hour), validTo: now().Add(24 * time.Hour)}
	var err error
	for _, k := range []**ecdsa.PrivateKey{&s.caKey, &s.logKey, &s.tsaKey} {
		if *k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "loopback"}, NotBefore: s.validFrom, NotAfter: s.validTo,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
	if s.ca, err = s.certificate(authority, authority, &s.caKey.PublicKey); err != nil {
		return nil, err
	}
	s.tsa = s.ca
	purpose, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}) // time stamping
	if err != nil {
		return nil, err
	}
	s.leaf, err = s.certificate(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "loopback timestamps"}, NotBefore: s.validFrom, NotAfter: s.validTo,
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: purpose}},
	}, s.ca, &s.tsaKey.PublicKey)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	serve := func(pattern string, f func(*http.Request, []byte) ([]byte, error)) {
		mux.HandleFunc("POST "+pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(io.LimitReader(r.Body, 10<<20))
			var answer []byte
			if err == nil {
				answer, err = f(r, body)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(answer) // who asked may be gone
		})
	}
	serve("/api/v2/signingCert", s.signingCert)
	serve(PathTimestamp, s.timestamp)
	serve("/api/v1/log/entries", s.logV1)
	serve("/api/v2/log/entries", s.logV2)
	s.Server = httptest.NewServer(mux)
	return s, nil
}

func (s *Sigstore) certificate(c, parent *x509.Certificate, key crypto.PublicKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key, s.caKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Token is an identity token with the subject. Nobody signed it.
func Token(subject string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"sub":%q}`, subject)) + "." + part("signature")
}

func (s *Sigstore) signingCert(r *http.Request, body []byte) ([]byte, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 {
		return nil, errors.New("no token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	var q struct {
		Request struct {
			Key struct {
				Algorithm string `json:"algorithm"`
				Content   string `json:"content"`
			} `json:"publicKey"`
			Proof []byte `json:"proofOfPossession"`
		} `json:"publicKeyRequest"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(q.Request.Key.Content))
	if block == nil {
		return nil, errors.New("no key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	public, ok := key.(*ecdsa.PublicKey)
	sum := sha256.Sum256([]byte(claims.Subject))
	if !ok || !ecdsa.VerifyASN1(public, sum[:], q.Request.Proof) {
		return nil, errors.New("the proof of possession does not verify")
	}
	uri, err := url.Parse(claims.Subject)
	if err != nil {
		return nil, err
	}
	issuer, err := asn1.MarshalWithParams(s.issuer, "utf8")
	if err != nil {
		return nil, err
	}
	c, err := s.certificate(&x509.Certificate{
		SerialNumber: big.NewInt(3), NotBefore: s.now().Add(-time.Minute), NotAfter: s.now().Add(10 * time.Minute),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, URIs: []*url.URL{uri},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(s.issuer)},
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: issuer},
		},
	}, s.ca, public)
	if err != nil {
		return nil, err
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	return json.Marshal(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{text}}}})
}

func (s *Sigstore) timestamp(_ *http.Request, body []byte) ([]byte, error) {
	q, err := timestamp.ParseRequest(body)
	if err != nil {
		return nil, err
	}
	t := timestamp.Timestamp{
		HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Nonce: q.Nonce, Time: s.now(), AddTSACertificate: q.Certificates,
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, Certificates: []*x509.Certificate{s.ca},
	}
	return t.CreateResponseWithOpts(s.leaf, s.tsaKey, crypto.SHA256)
}

func (s *Sigstore) logID() []byte {
	der, err := x509.MarshalPKIXPublicKey(&s.logKey.PublicKey)
	if err != nil {
		panic(err) // a key that was just made
	}
	sum := sha256.Sum256(der)
	return sum[:]
}

func (s *Sigstore) sign(message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, s.logKey, sum[:])
}

// The names of the logs in checkpoints; those of version 1 end in the id of a tree,
// by which verifiers know them.
const (
	nameV1 = "127.0.0.1 - 1"
	nameV2 = "127.0.0.1"
)

// proof is that of the only entry in a log: the hash of its root, and a checkpoint.
func (s *Sigstore) proof(body []byte, name string) (rootHash []byte, checkpoint string, err error) {
	sum := sha256.Sum256(append([]byte{0}, body...))
	text := fmt.Sprintf("%s\n1\n%s\n", name, base64.StdEncoding.EncodeToString(sum[:]))
	sig, err := s.sign([]byte(text))
	if err != nil {
		return nil, "", err
	}
	signed := base64.StdEncoding.EncodeToString(append(s.logID()[:4:4], sig...))
	return sum[:], text + "\n— 127.0.0.1 " + signed + "\n", nil
}

func canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	c := jsontext.Value(b)
	err = c.Canonicalize()
	return c, err
}

type object = map[string]any

func hashOf(b []byte) object {
	sum := sha256.Sum256(b)
	return object{"algorithm": "sha256", "value": hex.EncodeToString(sum[:])}
}

func (s *Sigstore) logV1(_ *http.Request, b []byte) ([]byte, error) {
	var q struct {
		Kind string `json:"kind"`
		Spec struct {
			Proposed struct {
				Envelope  string   `json:"envelope"`
				Verifiers [][]byte `json:"verifiers"`
			} `json:"proposedContent"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(b, &q); err != nil {
		return nil, err
	}
	var e struct {
		Payload    []byte `json:"payload"`
		Signatures []struct {
			Sig string `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal([]byte(q.Spec.Proposed.Envelope), &e); err != nil {
		return nil, err
	}
	if q.Kind != "dsse" || len(e.Signatures) != 1 || len(q.Spec.Proposed.Verifiers) != 1 {
		return nil, errors.New("not an entry of one signature")
	}
	body, err := canonical(object{"apiVersion": "0.0.1", "kind": "dsse", "spec": object{
		"envelopeHash": hashOf([]byte(q.Spec.Proposed.Envelope)), "payloadHash": hashOf(e.Payload),
		"signatures": []object{{"signature": e.Signatures[0].Sig, "verifier": q.Spec.Proposed.Verifiers[0]}},
	}})
	if err != nil {
		return nil, err
	}
	id := hex.EncodeToString(s.logID())
	promise, err := canonical(object{"body": body, "integratedTime": s.now().Unix(), "logID": id, "logIndex": 0})
	if err != nil {
		return nil, err
	}
	set, err := s.sign(promise)
	if err != nil {
		return nil, err
	}
	rootHash, checkpoint, err := s.proof(body, nameV1)
	if err != nil {
		return nil, err
	}
	return json.Marshal(object{"0000": object{
		"body": body, "integratedTime": s.now().Unix(), "logID": id, "logIndex": 0,
		"verification": object{
			"inclusionProof":       object{"checkpoint": checkpoint, "hashes": []string{}, "logIndex": 0, "rootHash": hex.EncodeToString(rootHash), "treeSize": 1},
			"signedEntryTimestamp": set,
		},
	}})
}

func (s *Sigstore) logV2(_ *http.Request, b []byte) ([]byte, error) {
	var q struct {
		Spec struct {
			Digest    []byte         `json:"digest"`
			Signature jsontext.Value `json:"signature"`
		} `json:"hashedRekordRequestV002"`
	}
	if err := json.Unmarshal(b, &q); err != nil {
		return nil, err
	}
	if len(q.Spec.Digest) != sha256.Size {
		return nil, errors.New("no digest")
	}
	body, err := canonical(object{"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": object{"hashedRekordV002": object{
		"data": object{"algorithm": "SHA2_256", "digest": q.Spec.Digest}, "signature": q.Spec.Signature,
	}}})
	if err != nil {
		return nil, err
	}
	rootHash, checkpoint, err := s.proof(body, nameV2)
	if err != nil {
		return nil, err
	}
	return json.Marshal(object{
		"logIndex": "0", "logId": object{"keyId": s.logID()}, "kindVersion": object{"kind": "hashedrekord", "version": "0.0.2"},
		"inclusionProof":    object{"logIndex": "0", "rootHash": rootHash, "treeSize": "1", "hashes": []string{}, "checkpoint": object{"envelope": checkpoint}},
		"canonicalizedBody": body,
	})
}

// TrustedRoot is what verifiers need to believe the services, in JSON.
func (s *Sigstore) TrustedRoot() ([]byte, error) {
	id := hex.EncodeToString(s.logID())
	r, err := root.NewTrustedRoot(root.TrustedRootMediaType01,
		[]root.CertificateAuthority{&root.FulcioCertificateAuthority{Root: s.ca, URI: s.URL, ValidityPeriodStart: s.validFrom, ValidityPeriodEnd: s.validTo}},
		nil,
		[]root.TimestampingAuthority{&root.SigstoreTimestampingAuthority{Root: s.tsa, Leaf: s.leaf, URI: s.URL, ValidityPeriodStart: s.validFrom, ValidityPeriodEnd: s.validTo}},
		map[string]*root.TransparencyLog{id: {
			BaseURL: s.URL, ID: s.logID(), ValidityPeriodStart: s.validFrom, ValidityPeriodEnd: s.validTo,
			HashFunc: crypto.SHA256, PublicKey: &s.logKey.PublicKey, SignatureHashFunc: crypto.SHA256,
		}})
	if err != nil {
		return nil, err
	}
	return r.MarshalJSON()
}

// SigningConfig names the services as of version 2 of the log
// (application/vnd.dev.sigstore.signingconfig.v0.2+json).
func (s *Sigstore) SigningConfig() ([]byte, error) {
	service := func(path string, version int) []object {
		return []object{{"url": s.URL + path, "majorApiVersion": version, "operator": "loopback", "validFor": object{"start": s.validFrom.Format(time.RFC3339)}}}
	}
	return json.Marshal(object{
		"mediaType": root.SigningConfigMediaType02,
		"caUrls":    service("", 1), "rekorTlogUrls": service("", 2), "tsaUrls": service(PathTimestamp, 1),
		"rekorTlogConfig": object{"selector": "ANY"}, "tsaConfig": object{"selector": "ANY"},
	})
}
