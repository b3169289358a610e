package value

import "strings"

// Classes counts the sorts of characters in b: small letters, capitals, digits
// and others.
func Classes(b []byte) int {
	var lower, upper, digit, other int
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z':
			lower = 1
		case 'A' <= c && c <= 'Z':
			upper = 1
		case '0' <= c && c <= '9':
			digit = 1
		default:
			other = 1
		}
	}
	return lower + upper + digit + other
}

// leet undoes the usual ways to write letters as digits and signs.
var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// long are words that make a password known wherever they stand in it.
var long = []string{"password", "passwort", "passwd", "passphrase", "passw", "secret", "example", "changeme", "change_me", "admin", "qwerty", "letmein", "welcome",
	"default", "dummy", "testing", "foobar", "hunter2", "iloveyou", "trustno", "monkey", "dragon", "sample", "mypass", "notreal", "supersec", "topsec", "correcthorse", "opensesame", "open sesame",
	"usepass", "enter", "please", "replace", "youpass", "yourpass"}

// short are words that do so if they are all of it but for digits and signs.
var short = []string{"", "pass", "pwd", "pw", "test", "tests", "root", "user", "guest", "postgres", "mysql", "mongo", "redis", "rabbitmq", "rabbit", "minio", "elastic", "oracle", "foo", "bar",
	"baz", "abc", "abcd", "xyz", "demo", "dev", "prod", "local", "login", "hello", "world", "token", "key", "apikey", "value", "none", "null", "true", "false", "string", "hunter", "asdf", "sa", "sql"}

// Weak says why a password is one that everybody tries first, as a clause; ""
// if it is not.
func Weak(s string) string {
	low := strings.ToLower(s)
	for _, form := range []string{low, leet.Replace(low)} {
		for _, w := range long {
			if strings.Contains(form, w) {
				return "it holds the word \"" + w + "\""
			}
		}
	}
	bare := strings.Trim(low, "0123456789!@#$%^&*()-_=+.,;:?/\\|~'\"`<>[]{} ")
	for _, w := range short {
		if bare == w || bare == w+w {
			return "it is a common password"
		}
	}
	return ""
}
