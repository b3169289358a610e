package value

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"strings"
)

// Verdict says what the structure of a text tells about it.
type Verdict int

// The verdicts.
const (
	Unknown Verdict = iota // nothing is known about such a text
	Sound                  // it is as its issuer makes it
	Odd                    // it is not quite so, but may be cut or altered
	Broken                 // its issuer cannot have made it
)

// Structure checks a text against what its issuer says, or has published,
// about such texts. Why is a clause; empty if the verdict is Unknown.
func Structure(secret []byte) (v Verdict, why string) {
	s := string(bytes.Trim(secret, "\"'` \t\r\n"))
	switch {
	case hasAny(s, "ghp_", "gho_", "ghu_", "ghs_", "ghr_") && len(s) == 40:
		return checksum(s[4:], "GitHub")
	case strings.HasPrefix(s, "npm_") && len(s) == 40:
		return checksum(s[4:], "npm")
	case hasAny(s, "AKIA", "ASIA") && len(s) == 20:
		return awsKeyID(s)
	case strings.HasPrefix(s, "ey") && strings.Count(s, ".") == 2:
		return jwt(s)
	case strings.HasPrefix(s, "pypi-"):
		return macaroon(s[len("pypi-"):])
	case strings.Contains(s, "-----") && strings.Contains(strings.ToUpper(s), "PRIVATE KEY"):
		return pem(s)
	}
	return Unknown, ""
}

func hasAny(s string, starts ...string) bool {
	for _, p := range starts {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// checksum checks the six characters at the end, which are the CRC-32 of the
// others in base 62: see
// https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
// and https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/
func checksum(s, issuer string) (Verdict, string) {
	body, want := s[:len(s)-6], s[len(s)-6:]
	sum := crc32.ChecksumIEEE([]byte(body))
	got := []byte("000000")
	for i := len(got) - 1; i >= 0; i-- {
		got[i] = base62[sum%62]
		sum /= 62
	}
	if string(got) == want {
		return Sound, "the checksum of " + issuer + " is right"
	}
	return Odd, "the checksum of " + issuer + " is wrong: it is altered or made up"
}

// awsKeyID checks the alphabet of the characters behind the prefix: they are
// base 32 (RFC 4648), and the first of them hold the number of the account, of
// at most twelve digits.
func awsKeyID(s string) (Verdict, string) {
	bits := uint64(0)
	for i, c := range []byte(s[4:]) {
		n := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", c)
		if n < 0 {
			return Odd, "it has characters that AWS does not use in key ids: it is made up"
		}
		if i < 10 {
			bits = bits<<5 | uint64(n)
		}
	}
	// The first 48 bits: one, then 40 bits of account, then others.
	account := bits >> 2 & 0x7fffffffff80 >> 7
	if account >= 1_000_000_000_000 {
		return Odd, "it decodes to an account number that is too large"
	}
	return Sound, "it decodes to an account number"
}

// jwt parses a token by RFC 7519.
func jwt(s string) (Verdict, string) {
	parts := strings.Split(s, ".")
	var header struct {
		Alg, Typ string
	}
	var claims map[string]any
	if !decodeJSON(parts[0], &header) || header.Alg == "" {
		return Broken, "it does not begin with the header of a JSON Web Token"
	}
	if !decodeJSON(parts[1], &claims) {
		return Odd, "it does not parse as a JSON Web Token"
	}
	switch {
	case strings.EqualFold(header.Alg, "none"):
		return Broken, "it is a JSON Web Token without a signature"
	case claims["sub"] == "1234567890" || claims["name"] == "John Doe":
		return Broken, "it is the JSON Web Token of an example"
	case len(parts[2]) == 0:
		return Odd, "it is a JSON Web Token whose signature is missing"
	}
	return Sound, "it parses as a JSON Web Token"
}

func decodeJSON(s string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	return err == nil && json.Unmarshal(b, v) == nil
}

// macaroon checks that a token of PyPI begins as libmacaroons version 2 does,
// with a location: https://pypi.org/help/#apitoken
func macaroon(s string) (Verdict, string) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil || len(b) < 12 || b[0] != 2 || b[1] != 1 || int(b[2])+3 > len(b) {
		return Odd, "it does not parse as a token of PyPI"
	}
	return Sound, "it parses as a token of PyPI"
}

// pem looks at what is in an armored key, by RFC 7468, section 10, and by
// PROTOCOL.key of OpenSSH.
func pem(s string) (Verdict, string) {
	s = strings.NewReplacer(`\r`, "", `\n`, "\n", "\r", "").Replace(s)
	_, rest, ok := strings.Cut(s[strings.Index(s, "-----")+5:], "-----")
	if !ok {
		return Odd, "the key has no body"
	}
	body, _, ended := strings.Cut(rest, "-----")
	if !ended {
		return Odd, "the key has no end"
	}
	encrypted := strings.Contains(s, "ENCRYPTED")
	if i := strings.LastIndex(body, ":"); i >= 0 { // headers of RFC 1421
		_, body, _ = strings.Cut(body[i:], "\n")
	}
	if i := strings.Index(body, "\n="); i >= 0 { // checksum of OpenPGP
		if end := strings.TrimSpace(body[i+2:]); len(end) == 4 {
			body = body[:i]
		}
	}
	body = strings.NewReplacer(`"`, "", "'", "", "+\n", "\n", `\`, "").Replace(body)
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	switch {
	case err != nil || len(b) < 16:
		return Odd, "the body of the key is no base64: it is cut, wrapped or made up"
	case encrypted:
		return Sound, "the key is whole, but encrypted"
	case bytes.HasPrefix(b, []byte("openssh-key-v1\x00")):
		return Sound, "the key parses"
	case strings.Contains(s, "PGP"):
		if b[0]&0x80 == 0 {
			return Odd, "the body of the key is no OpenPGP packet"
		}
		return Sound, "the key parses"
	case derLength(b) != len(b):
		return Odd, "the body of the key is not what a key looks like"
	}
	return Sound, "the key parses"
}

// derLength is the length of the DER sequence that b begins with, by X.690,
// section 8.1; -1 if it begins with none.
func derLength(b []byte) int {
	if len(b) < 2 || b[0] != 0x30 {
		return -1
	}
	if b[1] < 0x80 {
		return 2 + int(b[1])
	}
	n := int(b[1] & 0x7f)
	if n == 0 || n > 4 || len(b) < 2+n {
		return -1
	}
	var buf [4]byte
	copy(buf[4-n:], b[2:2+n])
	return 2 + n + int(binary.BigEndian.Uint32(buf[:]))
}
