package secrets

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/rules"
)

const (
	// maxShown bounds the public start of a secret that is shown; half of the
	// secret is never shown either.
	maxShown = 24
	// maxStars bounds the mask, so that the whole stays below 256 bytes.
	maxStars = 64
	// blindStars is the mask where nothing of the secret is public: its length
	// is not shown either.
	blindStars = 8
)

// redact shows the public start of a secret, such as "ghp_", and a mask. Of a
// key in PEM or PGP armor it shows only the line that begins it.
func redact(r *rules.Rule, whole, secret []byte) string {
	if begin := armor(whole); begin != "" {
		return begin + strings.Repeat("*", blindStars)
	}
	n := min(r.Public(secret), maxShown, len(secret)/2)
	if n == 0 {
		return strings.Repeat("*", blindStars)
	}
	return string(secret[:n]) + strings.Repeat("*", min(len(secret)-n, maxStars))
}

// armorLine is the line that begins an armored key; see RFC 7468, section 2,
// and RFC 9580, section 6.2.1.
var armorLine = regexp.MustCompile(`(?i)^-----\s*BEGIN[ A-Z0-9_-]*?PRIVATE KEY( BLOCK)?\s*-----`)

// armorWords may be shown; any other word of the line is not.
var armorWords = []string{"RSA", "EC", "DSA", "OPENSSH", "ENCRYPTED", "SSH2", "PGP"}

// armor returns the line that begins an armored key, made only of known words;
// "" if the text does not begin with one.
func armor(whole []byte) string {
	line := armorLine.Find(whole)
	if line == nil {
		return ""
	}
	line = bytes.ToUpper(line)
	var b strings.Builder
	b.WriteString("-----BEGIN ")
	for _, w := range armorWords {
		if bytes.Contains(line, []byte(" "+w+" ")) {
			b.WriteString(w + " ")
		}
	}
	b.WriteString("PRIVATE KEY")
	if bytes.Contains(line, []byte(" BLOCK")) {
		b.WriteString(" BLOCK")
	}
	b.WriteString("-----")
	return b.String()
}
