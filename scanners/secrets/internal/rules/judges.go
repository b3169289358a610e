package rules

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/value"
)

// judges are checks of values that rules of our own name. Each says why a match
// is no secret, as a clause; "" if it may be one.
var judges = map[string]func(*Text) string{
	"made":     judgeMade,
	"password": judgePassword,
	"url":      judgeURL,
	"basic":    judgeBasic,
	"discord":  judgeDiscord,
	"jwk":      judgeJWK,
}

func judgeMade(t *Text) string {
	if why := value.MadeUp(t.secret(), 0); why != "" {
		return why
	}
	return value.Weak(string(t.secret()))
}

// judgePassword wants what people call a strong password: others are too often
// words.
func judgePassword(t *Text) string {
	if why := judgeMade(t); why != "" {
		return why
	}
	if value.Classes(t.secret()) < 3 {
		return "it is no mixture of letters, digits and signs, as a password is"
	}
	if bytes.ContainsAny(t.secret(), `(\/`) {
		return "it is a call, a path or an expression"
	}
	return ""
}

// local are hosts that only the reader reaches, or nobody (RFC 2606, RFC 6761).
var local = regexp.MustCompile(`(?i)^(?:localhost|127\.|0\.0\.0\.0|::1|host\.docker\.internal|(?:[\w-]+\.)*(?:example|invalid|localhost|test)(?:\.(?:com|net|org))?$|dummy|fake|(?:your|my|some)[_.-]?|host(?:name)?$|server$|domain)`)

func judgeURL(t *Text) string {
	user, secret := "", string(t.secret())
	before := string(t.All[t.Whole.Start:t.Secret.Start])
	if i := strings.Index(before, "://"); i >= 0 {
		user = strings.TrimSuffix(before[i+3:], ":")
	}
	password := secret
	if plain, err := url.PathUnescape(secret); err == nil {
		password = plain
	}
	host := ""
	if after := t.All[t.Secret.End:t.Whole.End]; len(after) > 1 {
		host = string(after[1:])
	}
	switch {
	case strings.EqualFold(user, password):
		return "the password is the name of the user"
	case local.MatchString(host):
		return "the host is local, or stands for any"
	case strings.Trim(secret, "x*.X-_") == "":
		return "it is masked"
	case value.Classes([]byte(password)) < 2 && value.Entropy([]byte(password)) < 3.2:
		return "it is a word"
	}
	if why := value.MadeUp([]byte(password), 0); why != "" {
		return why
	}
	return value.Weak(password)
}

// judgeBasic decodes user and password by RFC 7617.
func judgeBasic(t *Text) string {
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(t.secret()), "="))
	if err != nil || !utf8.Valid(text) {
		return "it does not decode to text"
	}
	user, password, ok := strings.Cut(string(text), ":")
	switch {
	case !ok || len(password) < 4:
		return "it does not decode to a name and a password"
	case user == password:
		return "the password is the name of the user"
	}
	if why := value.MadeUp([]byte(password), 0); why != "" {
		return why
	}
	return value.Weak(password)
}

// judgeDiscord decodes the first part, which is the number of the user.
func judgeDiscord(t *Text) string {
	first, _, _ := strings.Cut(string(t.secret()), ".")
	id, err := base64.RawStdEncoding.DecodeString(first)
	if err != nil || len(id) < 17 || len(bytes.Trim(id, "0123456789")) > 0 {
		return "its first part does not decode to the number of a user"
	}
	return ""
}

// jwkBytes is how far the type of a key may be from its private part: beyond it
// stand the numbers of the key.
const jwkBytes = 3000

func judgeJWK(t *Text) string {
	around := t.All[max(0, t.Whole.Start-jwkBytes):min(len(t.All), t.Whole.End+jwkBytes)]
	if !bytes.Contains(around, []byte(`"kty"`)) {
		return "there is no type of a key near by"
	}
	return ""
}
