package value

import (
	"regexp"
	"slices"
	"strings"
)

// Classes counts the sorts of characters in b: small letters, capitals, digits
// and others.
func Classes(b []byte) int {
	c := count(string(b))
	n := 0
	for _, k := range []int{c.lower, c.upper, c.digit, c.sign + c.foreign} {
		if k > 0 {
			n++
		}
	}
	return n
}

// counts are how many characters of each sort a text has.
type counts struct{ lower, upper, digit, sign, foreign int }

func count(s string) (n counts) {
	for _, c := range s {
		switch {
		case 'a' <= c && c <= 'z':
			n.lower++
		case 'A' <= c && c <= 'Z':
			n.upper++
		case '0' <= c && c <= '9':
			n.digit++
		case c < 0x80:
			n.sign++
		default:
			n.foreign++
		}
	}
	return n
}

// leet undoes the usual ways to write letters as digits and signs.
var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// meta are words by which people say that a password belongs here, and not
// which one.
var meta = []string{"password", "passwort", "passwd", "passphrase", "passw", "secret", "example", "changeme", "change_me", "default", "dummy", "testing", "foobar",
	"sample", "mypass", "notreal", "correcthorse", "opensesame", "open sesame", "usepass", "enter", "please", "replace", "youpass", "yourpass", "contrase", "kennwort", "testpass", "fake"}

// placeholders are words that mean the same if they are all of it but for
// digits and signs.
var placeholders = []string{"", "pass", "pwd", "pw", "test", "tests", "user", "guest", "postgres", "mysql", "mongo", "redis", "rabbitmq", "rabbit", "minio", "elastic", "oracle", "foo", "bar",
	"baz", "abc", "abcd", "xyz", "demo", "dev", "prod", "local", "login", "hello", "world", "token", "key", "apikey", "value", "none", "null", "true", "false", "string", "asdf", "sa", "sql",
	"admin", "root", "username", "hash", "hashed", "salt", "input", "field", "text", "utf", "sha", "md"}

// known are the first that everybody tries, but which people do use.
var known = []string{"admin", "administrator", "root", "qwerty", "letmein", "welcome", "iloveyou", "trustno", "monkey", "dragon", "hunter", "supersecret", "topsecret", "master", "superuser"}

// filler says nothing beside the word "password".
var filler = regexp.MustCompile(`my|the|new|old|db|test|some|user|super|top|root|admin|really|very|long|your|our|is|this|not|a|prod|dev|for|in|from|word|pass|key|token|value|wrong|correct|another|other|\d+`)

// Weak says why a password is a placeholder or one that everybody tries first,
// as a clause; "" if it is not.
func Weak(s string) string {
	low := strings.ToLower(s)
	for _, form := range []string{low, leet.Replace(low)} {
		for _, w := range meta {
			if strings.Contains(form, w) {
				return "it holds the word \"" + w + "\""
			}
		}
	}
	core := letters(low)
	for _, w := range placeholders {
		if core == w || core == w+w {
			return "it is a common password"
		}
	}
	return ""
}

func letters(low string) string {
	return strings.Trim(low, "0123456789!@#$%^&*()-_=+.,;:?/\\|~'\"`<>[]{} ")
}

// hashed is the hash of a password, by crypt(5).
var hashed = regexp.MustCompile(`^\$(?:2[abxy]|apr1|[156y]|7|gy|argon2\w{0,2}|scrypt|pbkdf2[\w-]*)\$.{20,}`)

// template is what stands for a value, anywhere in a text.
var template = regexp.MustCompile(`\$\{|\$\(|\{\{|\}\}|\{[\w.:!]*\}|<[/A-Za-z][\w .:/-]*>|#\{|%[A-Z_]+%|^%[-+.\d]*[a-z]$|^\$[A-Za-z_]|%\(\w+\)s|<%|%>|^@[A-Za-z_.]+@$|^!(?:Ref|vault|Sub|GetAtt|env)\b|^ENC[\[(]|^arn:|\\n|\\t`)

// expression is a part of a program, a path, an address or a rule.
var expression = regexp.MustCompile(`[A-Za-z_]\w*\(|\(\)|^(?:\.{0,2}|~)/|^[A-Za-z]:\\|://|=>|[!=]==|\[\]|\[['"]|&&|\|\||^\w+(?::\w+)?(?:\|\w+(?:[:=][\w,]+)?)+$` +
	`|^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\.(?i:txt|json|ya?ml|pem|key|crt|js|ts|tsx|jsx|vue|py|go|java|html?|php|rb|properties|env|cfg|conf|ini|md|log|csv|xml|sh|css|png|svg)$` +
	`|^(?:[\w-]+/){1,}[\w.-]*$|^[\w-]+(?:\.[A-Za-z_]+)+$|^\^|^/.*/\w*$|^[,;:&=.)\]]|^[\w-]+(?:\.[\w-]+)+:\d{2,5}(?:/.*)?$|^(?:unix|urn):|^localhost:\d+|^\{["\\]|\w:$`)

// Password says why a text that stands where a password belongs is none, and, if
// it may be one, what makes it doubtful. Both are clauses, and may be empty.
func Password(s string) (none, doubt string) {
	if hashed.MatchString(s) {
		return "", "it is the hash of a password"
	}
	low := strings.ToLower(s)
	c := count(s)
	if why := MadeUp([]byte(s), 0); why != "" {
		return why, ""
	}
	switch {
	case len(s) < 6:
		return "it is too short", ""
	case template.MatchString(s):
		return "it refers to a value that stands elsewhere", ""
	case expression.MatchString(s):
		return "it is a call, a path or an expression", ""
	case c.foreign > 0 && c.digit == 0:
		return "it is a word", ""
	}
	if why := name(s, c); why != "" {
		return why, ""
	}
	return weak(low, c)
}

// separators part the words of names.
const separators = "-_.:/ "

// name says why s is a word or a name of something.
func name(s string, c counts) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(separators, r) })
	bare := strings.Trim(s, ".:?!*,;")
	all := count(bare)
	switch {
	case all.digit+all.sign+all.foreign == 0:
		if randomLetters(bare) {
			return ""
		}
		return "it is a word"
	case len(parts) > 1 && c.lower+c.upper+strings.Count(s, "-")+strings.Count(s, "_")+strings.Count(s, ".")+strings.Count(s, ":")+strings.Count(s, "/")+strings.Count(s, " ") == len(s):
		if !slices.ContainsFunc(parts, randomLetters) {
			return "it is a name"
		}
	case len(parts) > 1 && c.lower == 0 && c.sign == strings.Count(s, "_"):
		return "it is a name"
	case len(parts) > 1 && c.upper == 0 && c.sign == len(parts)-1:
		// Names with a number in them: "db-password-2".
		for _, p := range parts {
			if slices.Contains(placeholders, letters(p)) && letters(p) != "" || Weak(p) != "" && letters(p) != "" {
				return "it is a name"
			}
		}
	}
	return ""
}

// randomLetters reports whether letters look drawn, and not like words: five
// consonants in a row, or capitals at random.
func randomLetters(s string) bool {
	if len(s) < 10 {
		return false
	}
	run, longest, changes := 0, 0, 0
	for i := range len(s) {
		lower := s[i] | 0x20
		if strings.IndexByte("aeiouy", lower) >= 0 {
			run = 0
		} else {
			run++
		}
		longest = max(longest, run)
		if i > 0 && (s[i] < 'a') != (s[i-1] < 'a') {
			changes++
		}
	}
	return longest >= 5 && strings.ToUpper(s) != s || changes*5 >= len(s)*2
}

// weak judges a password by the words in it.
func weak(low string, c counts) (none, doubt string) {
	strong := c.digit > 0 && c.sign > 0 && c.lower > 0 && !strings.Contains(low, "-") && !strings.Contains(low, "_") && !strings.Contains(low, " ")
	for _, form := range []string{low, leet.Replace(low)} {
		core := letters(form)
		if slices.Contains(known, core) {
			return "", "it is one that everybody tries first"
		}
		if why := Weak(form); why != "" {
			rest := form
			for _, w := range meta {
				rest = strings.ReplaceAll(rest, w, "")
			}
			rest = letters(filler.ReplaceAllString(rest, ""))
			if strong && c.upper > 0 || strong && len(rest) > 0 || c.digit > 1 && len(rest) > 3 {
				return "", why
			}
			return why, ""
		}
	}
	switch {
	case c.lower+c.upper == 0 && c.sign == 0 && c.digit < 8:
		return "it is a number", ""
	case c.lower+c.upper == 0:
		return "", "it is a number"
	case len(low) < 8:
		return "", "it is short"
	}
	return "", ""
}
