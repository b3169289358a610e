package rules

import (
	"bytes"
	"cmp"
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
	"argument": judgeArgument,
	"secret":   judgeSecret,
	"key":      judgeKey,
	"bearer":   judgeBearer,
	"setting": func(t *Text) string {
		return cmp.Or(judgeSetting(t), judgePassword(t))
	},
	"secretsetting": func(t *Text) string {
		return cmp.Or(judgeSetting(t), judgeSecret(t))
	},
	"url":     judgeURL,
	"basic":   judgeBasic,
	"discord": judgeDiscord,
	"jwk":     judgeJWK,
}

func judgeMade(t *Text) string {
	if why := value.MadeUp(t.secret(), 0); why != "" {
		return why
	}
	return value.Weak(string(t.secret()))
}

// doubts say what makes a value doubtful that its judge does not refuse, as a
// clause.
var doubts = map[string]func(*Text) string{
	"password": doubtPassword,
	"argument": doubtPassword,
	"secret":   doubtPassword,
	"setting":  doubtPassword,
	"url":      doubtURL,
	"discord":  doubtDiscord,
}

// aboutPassword are endings of names of what belongs to a password, and is none: the
// words behind "password" in a name.
var aboutPassword = regexp.MustCompile(`(?i)(?:password|passwd|passphrase|passcode|passwort|pwd|pass|secret|key|token)[_.\s-]?(?:is|was|has|min|max|len|length|hash|hashed|hint|field|label|placeholder|title|text|msg|` +
	`message|error|err|reset|recovery|forgot|change|changed|confirm|ur[li]|link|path|file|filename|dir|name|names|id|ids|type|kind|policy|rule|rules|regex|regexp|pattern|prompt|input|column|col|` +
	`param|parameter|salt|encoder|encryptor|provider|generator|validator|validation|strength|score|expir\w*|required|enabled|disabled|form|page|view|screen|modal|dialog|button|btn|icon|class|` +
	`template|email|subject|ref|env|envvar|var|variable|algo|algorithm|cipher|digest|mode|help|desc|description|info|command|cmd|callback|selector|xpath|locator|element|header|` +
	`format|mask|secret|secretname|secretref|from|store|manager|service|attribute|attr|property|prop|option|flag|count|size|age|date|time|status|state|event|action|route|endpoint|char|chars|characters|` +
	`charset|alphabet|grant|flow|auth|authentication|protocol|version|encoding|prefix|suffix|wordlist|list|dict)s?(?:[^a-z]|$)`)

// humps parts words in camel case.
var humps = regexp.MustCompile(`([a-z])([A-Z])`)

// justPass is a name with "pass" in it that is no longer word.
var justPass = regexp.MustCompile(`^(?:(?:[\w.-]*[_.-])?[Pp]|[\w.-]*[a-z0-9]P)(?i:ass)(?:[_.-]\w*|\d*)?\b`)

// longPass is a name with another word for it.
var longPass = regexp.MustCompile(`(?i)passw|passphrase|passcode|pwd|senha|contrase|requirepass|masterauth|bindpw`)

// notPass are settings with "pass" in their names.
var notPass = regexp.MustCompile(`(?i)(?:proxy|fastcgi|uwsgi|scgi|grpc|memcached|single|multi|two|by|first|second)[_-]?pass\b`)

func judgePassword(t *Text) string {
	head := string(t.All[t.Whole.Start:t.Secret.Start])
	switch {
	case longPass.MatchString(head) || !strings.Contains(strings.ToLower(head), "pass"):
	case notPass.MatchString(head) || !justPass.MatchString(head):
		return "its name only begins or ends like that of a password"
	}
	if aboutPassword.MatchString(humps.ReplaceAllString(head, "${1}_${2}")) {
		return "its name is that of something about a password"
	}
	return judgeArgument(t)
}

// judgeArgument judges a password that stands behind no name.
func judgeArgument(t *Text) string {
	if isCode(t.Path) && !quoted(t) {
		return "it is a name in a program"
	}
	none, _ := value.Password(string(t.secret()))
	if none != "" {
		return none
	}
	return encodesWeak(t.secret())
}

// encodesWeak says why a text in base64 stands for no password.
func encodesWeak(b []byte) string {
	text, ok := decoded(b)
	if !ok {
		return ""
	}
	user, password, both := strings.Cut(text, ":")
	switch {
	case !both:
		password = text
	case user == password:
		return "it encodes a password that is the name of the user"
	}
	if why := cmp.Or(value.MadeUp([]byte(password), 0), value.Weak(password)); why != "" {
		return "it is in base64, and " + why
	}
	return ""
}

// settingStart is what stands before the name in a line of settings.
var settingStart = regexp.MustCompile(`^[ \t]*(?:(?i:export|set|env|arg)[ \t]+|-[ \t]+)?["\']?$`)

// judgeSetting wants a name that its line begins with.
func judgeSetting(t *Text) string {
	before := t.All[max(0, t.Whole.Start-maxLine):t.Whole.Start]
	before = before[bytes.LastIndexByte(before, '\n')+1:]
	if !settingStart.Match(before) {
		return "its line does not begin with its name"
	}
	return ""
}

// judgeBearer leaves JSON Web Tokens to their rule.
func judgeBearer(t *Text) string {
	if s := t.secret(); bytes.HasPrefix(s, []byte("ey")) && bytes.Count(s, []byte(".")) >= 2 {
		return "the rule for JSON Web Tokens judges it"
	}
	if isCode(t.Path) && !quoted(t) {
		return "it is a name in a program"
	}
	return judgeKey(t)
}

// listed is a list of names, a route, or the name of a part of something.
var listed = regexp.MustCompile(`^[\w./-]+(?:,[\w./ -]+)+$|^\{\w+:|:(?:GET|PUT|POST|DELETE|PATCH)$|^[a-z.]+#[A-Za-z]+$`)

// plain are the characters of names and of encodings.
var plain = regexp.MustCompile(`[\w.=+/-]`)

// judgeSecret judges a value with signs in it: what has none is for the rules of
// keys. It wants more than of a password, since "token" and "secret" name much.
func judgeSecret(t *Text) string {
	if why := judgePassword(t); why != "" {
		return why
	}
	b := t.secret()
	if bytes.HasSuffix(t.All[t.Whole.Start:t.Secret.Start], []byte("base64:")) {
		return ""
	}
	if listed.Match(b) {
		return "it is a list or a route"
	}
	if value.Classes(b) < 3 || value.Entropy(b) < 2.8 || len(plain.ReplaceAll(b, nil)) == 0 {
		return "it is no mixture of letters, digits and signs"
	}
	return ""
}

// judgeKey judges a key that is hexadecimal, by its name.
func judgeKey(t *Text) string {
	head := string(t.All[t.Whole.Start:t.Secret.Start])
	if aboutPassword.MatchString(humps.ReplaceAllString(head, "${1}_${2}")) {
		return "its name is that of something about a key"
	}
	return value.MadeUp(t.secret(), 0)
}

// decoded is the text that a value in base64 stands for.
func decoded(b []byte) (string, bool) {
	if len(b) < 8 || len(b)%4 != 0 {
		return "", false
	}
	text, err := base64.StdEncoding.DecodeString(string(b))
	if err != nil {
		return "", false
	}
	for _, c := range text {
		if c < ' ' && c != '\n' || c > '~' {
			return "", false
		}
	}
	return strings.TrimSpace(string(text)), true
}

func doubtPassword(t *Text) string {
	_, doubt := value.Password(string(t.secret()))
	return doubt
}

func doubtURL(t *Text) string {
	password := string(t.secret())
	if plain, err := url.PathUnescape(password); err == nil {
		password = plain
	}
	_, doubt := value.Password(password)
	return doubt
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
	case password == "x-oauth-basic" && strings.Trim(user, "x*.X-_") == "":
		// At GitHub the name of the user is the token then.
		return "it is what stands for no password, and the name is masked"
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

// judgeDiscord decodes the first part, which is the number of the user. In a
// token that somebody altered most of it still is.
func judgeDiscord(t *Text) string {
	// The numbers have 17 digits or more, and below 2^63 at most 19.
	if digits, of := discordUser(t); of < 17 || of > 19 || digits*2 < of {
		return "its first part does not decode to the number of a user"
	}
	return ""
}

func doubtDiscord(t *Text) string {
	if digits, of := discordUser(t); digits < of {
		return "its first part does not quite decode to the number of a user: it is altered"
	}
	return ""
}

// discordUser counts the digits of what the first part decodes to.
func discordUser(t *Text) (digits, of int) {
	first, _, _ := strings.Cut(string(t.secret()), ".")
	id, err := base64.RawStdEncoding.DecodeString(first)
	if err != nil {
		return 0, 0
	}
	for _, c := range id {
		if '0' <= c && c <= '9' {
			digits++
		}
	}
	return digits, len(id)
}

// jwkBytes is how far the type of a key may be from its private part: beyond it
// stand the numbers of the key.
const jwkBytes = 3000

func judgeJWK(t *Text) string {
	around := t.All[max(0, t.Whole.Start-jwkBytes):min(len(t.All), t.Whole.End+jwkBytes)]
	if !bytes.Contains(around, []byte(`"kty"`)) {
		return "there is no type of a key near by"
	}
	if bytes.Contains(around, []byte(`"tcId"`)) {
		return "it stands among test vectors of cryptography"
	}
	return ""
}
