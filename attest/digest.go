package attest

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Digest is the SHA-256 of an artifact as "sha256:" and 64 lower-case digits in
// hex. The zero value names nothing.
type Digest string

// ParseDigest returns the digest in s, which may not have any other form:
// registries and verifiers compare the text.
func ParseDigest(s string) (Digest, error) {
	digits, ok := strings.CutPrefix(s, "sha256:")
	if !ok || !isHex(digits, 64) {
		return "", fmt.Errorf("%.100q is not a digest: want sha256: and 64 lower-case hexadecimal digits", s)
	}
	return Digest(s), nil
}

// Hex is the digest without its algorithm.
func (d Digest) Hex() string { return strings.TrimPrefix(string(d), "sha256:") }

// isHex reports whether s is n lower-case hexadecimal digits; n of 0 allows any
// even number of them but none.
func isHex(s string, n int) bool {
	if s == "" || n > 0 && len(s) != n || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}
