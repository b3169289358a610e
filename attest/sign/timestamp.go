package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"

	"github.com/digitorus/timestamp"
)

// TimestampAuthority says when something was signed (RFC 3161).
type TimestampAuthority struct {
	Services
	// URL is the address with its path, such as
	// https://timestamp.example/api/v1/timestamp.
	URL string
}

// Timestamp returns the response of the authority about a signature, in DER. Who
// made it is left to verifiers; that it is about the signature is checked.
func (t *TimestampAuthority) Timestamp(ctx context.Context, sig []byte) ([]byte, error) {
	const what = "the timestamp authority"
	address, err := endpoint(what, t.URL, "")
	if err != nil {
		return nil, err
	}
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(sig)
	query, err := (&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Certificates: true, Nonce: nonce}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("ask for a timestamp: %w", err)
	}
	b, err := t.post(ctx, what, address, "application/timestamp-query", "", query)
	if err != nil {
		return nil, err
	}
	got, err := timestamp.ParseResponse(b)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s at %s: the answer is no timestamp: %w", what, address, err)
	case got.HashAlgorithm != crypto.SHA256 || !bytes.Equal(got.HashedMessage, sum[:]):
		return nil, fmt.Errorf("%s at %s: the timestamp is about something else", what, address)
	case got.Nonce == nil || got.Nonce.Cmp(nonce) != 0:
		return nil, fmt.Errorf("%s at %s: the timestamp answers another request", what, address)
	}
	return b, nil
}
