package sign

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"

	"github.com/gatehouse-sec/gatehouse/attest"
)

// Log is a transparency log: Rekor.
type Log struct {
	Services
	// URL is the address without a path.
	URL string
	// Version is that of its interface: 1 or 2. A log of version 2 does not say
	// when something came into it, so there must be a timestamp as well.
	Version int
}

// Add puts the signature into the log, and returns the entry as it stands in bundles.
// A log of version 1 gets the statement as well, and keeps its hash.
func (l *Log) Add(ctx context.Context, e attest.Envelope, m attest.Material) (jsontext.Value, error) {
	switch l.Version {
	case 1:
		return l.addV1(ctx, e, m)
	case 2:
		return l.addV2(ctx, e, m)
	}
	return nil, fmt.Errorf("transparency logs of version %d are not known: want 1 or 2", l.Version)
}

const theLog = "the transparency log"

// The request and answer of version 1:
// https://github.com/sigstore/rekor/blob/main/openapi.yaml
type (
	requestV1 struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Spec       struct {
			Proposed struct {
				Envelope  string   `json:"envelope"`
				Verifiers [][]byte `json:"verifiers"`
			} `json:"proposedContent"`
		} `json:"spec"`
	}
	entryV1 struct {
		Body           []byte `json:"body"`
		IntegratedTime int64  `json:"integratedTime"`
		LogID          string `json:"logID"`
		LogIndex       int64  `json:"logIndex"`
		Verification   struct {
			InclusionProof struct {
				Checkpoint string   `json:"checkpoint"`
				Hashes     []string `json:"hashes"`
				LogIndex   int64    `json:"logIndex"`
				RootHash   string   `json:"rootHash"`
				TreeSize   int64    `json:"treeSize"`
			} `json:"inclusionProof"`
			SignedEntryTimestamp []byte `json:"signedEntryTimestamp"`
		} `json:"verification"`
	}
)

// logEntry is an entry in a bundle, with numbers as protobuf writes them:
// https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_rekor.proto
type logEntry struct {
	LogIndex          string           `json:"logIndex"`
	LogID             logID            `json:"logId"`
	KindVersion       kindVersion      `json:"kindVersion"`
	IntegratedTime    string           `json:"integratedTime"`
	InclusionPromise  inclusionPromise `json:"inclusionPromise"`
	InclusionProof    inclusionProof   `json:"inclusionProof"`
	CanonicalizedBody []byte           `json:"canonicalizedBody"`
}

type logID struct {
	KeyID []byte `json:"keyId"`
}

type kindVersion struct {
	Kind    string `json:"kind"`
	Version string `json:"version"`
}

type inclusionPromise struct {
	SignedEntryTimestamp []byte `json:"signedEntryTimestamp"`
}

type inclusionProof struct {
	LogIndex   string     `json:"logIndex"`
	RootHash   []byte     `json:"rootHash"`
	TreeSize   string     `json:"treeSize"`
	Hashes     [][]byte   `json:"hashes"`
	Checkpoint checkpoint `json:"checkpoint"`
}

type checkpoint struct {
	Envelope string `json:"envelope"`
}

func (l *Log) addV1(ctx context.Context, e attest.Envelope, m attest.Material) (jsontext.Value, error) {
	address, err := endpoint(theLog, l.URL, "api/v1/log/entries")
	if err != nil {
		return nil, err
	}
	envelope, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	verifier := m.Key.PEM()
	if m.Certificate != nil {
		verifier = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Certificate})
	}
	r := requestV1{APIVersion: "0.0.1", Kind: "dsse"}
	r.Spec.Proposed.Envelope, r.Spec.Proposed.Verifiers = string(envelope), [][]byte{verifier}
	body, err := jsonv2.Marshal(r)
	if err != nil {
		return nil, err
	}
	b, err := l.post(ctx, theLog, address, "application/json", "", body)
	if err != nil {
		return nil, err
	}
	entry, err := convertV1(b)
	if err != nil {
		return nil, fmt.Errorf("%s at %s: the answer is no entry: %w", theLog, address, err)
	}
	return entry, nil
}

// convertV1 makes of the answer what stands in bundles.
func convertV1(b []byte) (jsontext.Value, error) {
	var entries map[string]entryV1
	if err := jsonv2.Unmarshal(b, &entries); err != nil {
		return nil, err
	}
	if len(entries) != 1 {
		return nil, fmt.Errorf("it has %d entries, want 1", len(entries))
	}
	for _, v := range entries {
		var body struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := jsonv2.Unmarshal(v.Body, &body); err != nil {
			return nil, fmt.Errorf("its body: %w", err)
		}
		proof := v.Verification.InclusionProof
		if proof.Checkpoint == "" {
			return nil, errors.New("it has no proof that it is in the log")
		}
		out := logEntry{
			LogIndex: strconv.FormatInt(v.LogIndex, 10), KindVersion: kindVersion{body.Kind, body.APIVersion},
			IntegratedTime:   strconv.FormatInt(v.IntegratedTime, 10),
			InclusionPromise: inclusionPromise{v.Verification.SignedEntryTimestamp},
			InclusionProof: inclusionProof{
				LogIndex: strconv.FormatInt(proof.LogIndex, 10), TreeSize: strconv.FormatInt(proof.TreeSize, 10), Checkpoint: checkpoint{proof.Checkpoint},
				Hashes: [][]byte{},
			},
			CanonicalizedBody: v.Body,
		}
		var err error
		if out.LogID.KeyID, err = hex.DecodeString(v.LogID); err != nil {
			return nil, fmt.Errorf("the id of the log: %w", err)
		}
		if out.InclusionProof.RootHash, err = hex.DecodeString(proof.RootHash); err != nil {
			return nil, fmt.Errorf("the hash of the root: %w", err)
		}
		for _, h := range proof.Hashes {
			hash, err := hex.DecodeString(h)
			if err != nil {
				return nil, fmt.Errorf("the proof: %w", err)
			}
			out.InclusionProof.Hashes = append(out.InclusionProof.Hashes, hash)
		}
		return jsonv2.Marshal(out)
	}
	return nil, errors.New("it is empty")
}

// requestV2 is the request of version 2, which keeps hashes only:
// https://github.com/sigstore/rekor-tiles/blob/main/api/proto/rekor/v2/hashedrekord.proto
type requestV2 struct {
	Spec struct {
		Digest    []byte `json:"digest"`
		Signature struct {
			Content  []byte     `json:"content"`
			Verifier verifierV2 `json:"verifier"`
		} `json:"signature"`
	} `json:"hashedRekordRequestV002"`
}

type verifierV2 struct {
	Key         *rawBytes `json:"publicKey,omitempty"`
	Certificate *rawBytes `json:"x509Certificate,omitempty"`
	KeyDetails  string    `json:"keyDetails"`
}

type rawBytes struct {
	RawBytes []byte `json:"rawBytes"`
}

func (l *Log) addV2(ctx context.Context, e attest.Envelope, m attest.Material) (jsontext.Value, error) {
	address, err := endpoint(theLog, l.URL, "api/v2/log/entries")
	if err != nil {
		return nil, err
	}
	var r requestV2
	v := &r.Spec.Signature.Verifier
	if v.KeyDetails, err = keyDetails(m.Key); err != nil {
		return nil, err
	}
	if m.Certificate != nil {
		v.Certificate = &rawBytes{m.Certificate}
	} else {
		v.Key = &rawBytes{m.Key.DER()}
	}
	sum := sha256.Sum256(attest.PAE(e.PayloadType, e.Payload))
	r.Spec.Digest, r.Spec.Signature.Content = sum[:], e.Signatures[0].Sig
	body, err := jsonv2.Marshal(r)
	if err != nil {
		return nil, err
	}
	b, err := l.post(ctx, theLog, address, "application/json", "", body)
	if err != nil {
		return nil, err
	}
	var entry struct {
		Body  []byte         `json:"canonicalizedBody"`
		Proof jsontext.Value `json:"inclusionProof"`
	}
	if err := jsonv2.Unmarshal(b, &entry); err != nil || len(entry.Body) == 0 || entry.Proof.Kind() != '{' {
		return nil, fmt.Errorf("%s at %s: the answer is no entry%s", theLog, address, excerpt(b))
	}
	return b, nil
}

// keyDetails names the sort of a key:
// https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_common.proto
func keyDetails(key attest.PublicKey) (string, error) {
	switch k := key.Crypto().(type) {
	case *ecdsa.PublicKey:
		return "PKIX_ECDSA_P256_SHA_256", nil
	case *rsa.PublicKey:
		switch n := k.N.BitLen(); n {
		case 2048, 3072, 4096:
			return fmt.Sprintf("PKIX_RSA_PKCS1V15_%d_SHA256", n), nil
		}
	}
	return "", errors.New("the transparency log takes ECDSA keys on P-256, and RSA keys of 2048, 3072 or 4096 bits")
}
