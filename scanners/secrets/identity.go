package secrets

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/gatehouse-sec/gatehouse"
)

const (
	// minKeyBytes is the least length of a key: 128 bits, below which NIST
	// SP 800-131A does not approve HMAC.
	minKeyBytes = 16
	// iterations is how much work one guess at a secret costs without a key.
	// It takes about a millisecond for each different secret of a file.
	iterations = 4096
	// salt separates these hashes from those of other programs.
	salt = "gatehouse/secrets/fingerprint/v1"
)

// identity makes the fingerprints of secrets.
type identity struct {
	key  []byte // empty: slow hash
	memo *memo
}

func newIdentity(key []byte) (identity, error) {
	if n := len(key); n > 0 && n < minKeyBytes {
		return identity{}, fmt.Errorf("key for secret fingerprints has %d bytes: want at least %d, or none", n, minKeyBytes)
	}
	return identity{key: bytes.Clone(key), memo: &memo{byHash: map[[sha256.Size]byte]string{}}}, nil
}

// digest identifies the key without revealing it.
func (id identity) digest() string {
	h := sha256.New()
	if len(id.key) == 0 {
		fmt.Fprintf(h, "unkeyed %d %s", iterations, salt)
	} else {
		mac := hmac.New(sha256.New, id.key)
		mac.Write([]byte("gatehouse/secrets/key-check/v1"))
		fmt.Fprintf(h, "keyed %x", mac.Sum(nil))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// fingerprint identifies a secret found by a rule. White space does not count,
// nor do escaped line feeds in a key: it may be wrapped in different ways.
func (id identity) fingerprint(rule string, secret []byte) (string, error) {
	if armor(secret) != "" {
		secret = bytes.ReplaceAll(bytes.ReplaceAll(secret, []byte(`\r`), nil), []byte(`\n`), nil)
	}
	secret = bytes.Join(bytes.Fields(secret), nil)
	hash := sha256.Sum256([]byte(rule + "\x00" + string(secret)))
	if f, ok := id.memo.get(hash); ok {
		return f, nil
	}
	var sum []byte
	if len(id.key) > 0 {
		mac := hmac.New(sha256.New, id.key)
		mac.Write(secret)
		sum = mac.Sum(nil)
	} else {
		var err error
		sum, err = pbkdf2.Key(sha256.New, string(secret), []byte(salt), iterations, sha256.Size)
		if err != nil {
			return "", fmt.Errorf("fingerprint of a secret: %w", err)
		}
	}
	f := gatehouse.Fingerprint(gatehouse.KindSecret, rule, hex.EncodeToString(sum))
	id.memo.put(hash, f)
	return f, nil
}

// memo keeps fingerprints, because they are slow to make and the same secret is
// in many files or in many versions of one.
type memo struct {
	mu     sync.Mutex
	byHash map[[sha256.Size]byte]string
}

func (m *memo) get(hash [sha256.Size]byte) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.byHash[hash]
	return f, ok
}

func (m *memo) put(hash [sha256.Size]byte, fingerprint string) {
	const max = 10_000
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.byHash) < max {
		m.byHash[hash] = fingerprint
	}
}
