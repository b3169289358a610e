package rules

import (
	"cmp"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/value"
)

// strong is how many bits of a secret a rule must fix for its form alone to
// tell that it is one: four letters.
const strong = 16

// Judge says how sure it is that a match, which is not refused, is a secret,
// and why: a clause.
func (r *Rule) Judge(t *Text) (gatehouse.Confidence, string) {
	secret := t.secret()
	checked := secret
	if armored(t.whole()) {
		checked = t.whole()
	}
	public := r.Public(secret)
	made := value.MadeUp(secret, public)
	if public > 0 && public == len(secret) && r.Source != User {
		if r.Category == "Google" {
			return gatehouse.ConfidenceLow, "it says what the file is, and is not the secret in it"
		}
		return gatehouse.ConfidenceHigh, "it is a default that everybody knows"
	}
	if r.ID == "stripe-publishable-token" {
		return gatehouse.ConfidenceLow, "its issuer means it to be published"
	}
	doubt := ""
	if r.doubt != nil {
		doubt = r.doubt(t)
	}
	if doubt == "" && commentSaysNo.Match(behind(t)) {
		doubt = "the comment behind it says that it is not real"
	}
	switch v, why := value.Structure(checked); {
	case v == value.Broken:
		return gatehouse.ConfidenceLow, why
	case v == value.Sound:
		return gatehouse.ConfidenceHigh, why
	case v == value.Odd && cmp.Or(made, doubt) != "":
		return gatehouse.ConfidenceLow, why + ", and " + cmp.Or(made, doubt)
	case v == value.Odd:
		return gatehouse.ConfidenceMedium, why
	case made != "":
		return gatehouse.ConfidenceLow, made
	case doubt != "":
		return gatehouse.ConfidenceLow, doubt
	case saysSo(secret):
		return gatehouse.ConfidenceLow, "what it encodes says that it is not real"
	case r.Specific() >= strong:
		return gatehouse.ConfidenceHigh, "it has the form that its issuer gives it"
	case r.Category == Generic:
		return gatehouse.ConfidenceMedium, "it is random, and its name is that of a secret"
	}
	return gatehouse.ConfidenceMedium, "it fits the issuer that is named before it"
}

func armored(b []byte) bool {
	return strings.Contains(string(b[:min(len(b), 64)]), "-----") && len(b) > 64
}

// saysSo reports whether base64 in b decodes to text that a person wrote to say
// that it is no secret.
func saysSo(b []byte) bool {
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(b), "="))
	if err != nil || len(text) < 8 || !utf8.Valid(text) {
		return false
	}
	low := strings.ToLower(string(text))
	return value.MadeUp(text, 0) != "" || strings.Contains(low, "not a real") || strings.Contains(low, "not real") || strings.Contains(low, "notredacted")
}
