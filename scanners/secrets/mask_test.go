package secrets_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

// TestMask guards against TM-06.
func TestMask(t *testing.T) {
	token := strings.Join([]string{"gh", "p", "_"}, "") + strings.Repeat("x7Kq", 9)
	mask := secrets.Mask()
	for text, want := range map[string]string{
		"":                                    "",
		"line 3: unexpected end":              "line 3: unexpected end",
		"unknown directive: " + token:         "unknown directive: ***",
		token + " and " + token + ".":         "*** and ***.",
		"from \"https://u:pass@host/a\" is":   "from \"https://***@host/a\" is",
		"git::https://" + token + "@host/a":   "git::https://***@host/a",
		"user@example.com at https://host/@a": "user@example.com at https://host/@a",
	} {
		if got := mask(text); got != want {
			t.Errorf("%d bytes: got %q, want %q", len(text), got, want)
		}
	}
}
