package value

import (
	"bytes"
	"regexp"
	"strings"
)

// None says why a text that stands for a secret cannot be one, as a clause; ""
// if it can. Public is how many bytes at its start everybody knows.
func None(secret []byte, public int) string {
	rest := own(secret, public)
	switch {
	case len(rest) == 0 && public > 0:
		return "" // a default that everybody knows
	case len(rest) == 0:
		return "it is empty"
	case same(rest):
		return "it is one character again and again"
	case len(rest) >= 8 && len(rest) <= 12 && sequence(string(rest)) == len(rest):
		return "it counts up"
	case reference(rest):
		return "it refers to a value that stands elsewhere"
	case mask(rest):
		return "it is masked"
	}
	return ""
}

// MadeUp says why a text looks as if somebody typed it where a secret belongs,
// as a clause; "" if it does not.
func MadeUp(secret []byte, public int) string {
	low := strings.ToLower(string(own(secret, public)))
	if w := placeholder(low); w != "" {
		return "it holds \"" + w + "\""
	}
	if run := sequence(low); run*3 >= len(low)*2 && run >= 8 {
		return "it counts up or repeats itself"
	}
	return ""
}

func own(secret []byte, public int) []byte {
	secret = bytes.Trim(secret, "\"'`")
	return secret[min(public, len(secret)):]
}

// same reports whether b repeats one byte and holds nothing else.
func same(b []byte) bool { return len(bytes.Trim(b, string(b[:1]))) == 0 }

// references are ways to name a value instead of writing it.
var references = regexp.MustCompile(`^(?:` +
	`\$[A-Za-z_][A-Za-z0-9_.]*` + // $NAME
	`|\$\{[^}]*\}?|\$\([^)]*\)?|\$\{\{.*` + // ${NAME}, $(command), ${{ context }}
	`|\{\{.*|<%.*|\{%.*|#\{.*` + // templates
	`|%[A-Za-z_][A-Za-z0-9_]*%|%\([A-Za-z_]+\)[sd]?|%[-+ #0]*[a-zA-Z]` + // %NAME%, %(name)s, %s
	`|@[A-Za-z_]+@|<[A-Za-z][^<>]*>?|\[[A-Za-z _-]+\]` + // @NAME@, <name>, [name]
	`|(?:os\.|process\.)?(?:env(?:iron)?|getenv)\b.*` + // environment
	`|[A-Za-z_][A-Za-z0-9_.]*\(.*` + // call(
	`|(?:arn|vault|op|ssm|secretsmanager|aws-sm|gcp-sm|keyvault|file|env)://?.*` + // secret stores
	`|(?i:true|false|null|none|nil|undefined|yes|no)` +
	`)$`)

func reference(b []byte) bool { return references.Match(b) }

// mask reports whether most of b is filler.
func mask(b []byte) bool {
	n := 0
	for _, c := range b {
		if c == '*' || c == '.' || c == 'x' || c == 'X' || c == '#' || c == '?' || c == '_' || c == '-' {
			n++
		}
	}
	return n*4 >= len(b)*3 && len(b) >= 4
}

// words are what people write where a secret belongs. Each is too long to stand
// in a random value by chance: five letters of 36 characters stand in one of
// 40 with a probability below 10^-6.
var words = []string{
	"example", "changeme", "change_me", "change-me", "placeholder", "your_", "your-", "yourkey", "yourtoken", "yoursecret", "yourapi", "yourpass",
	"dummy", "insert", "redacted", "replace", "sample", "foobar", "xxxxx", "-here", "_here", "-token-", "my_secret", "my-secret", "mysecret", "mytoken",
	"fake_", "fake-", "fakekey", "faketoken", "fakesecret", "notreal", "not_real", "not-real", "not-a-real", "not_a_real", "lorem", "deadbeef",
	"todo_", "fixme", "invalid", "masked", "hidden", "*****", ".....", "#####",
}

func placeholder(low string) string {
	for _, w := range words {
		if strings.Contains(low, w) {
			return w
		}
	}
	return ""
}

// sequence counts the characters that follow from the one before, by one step
// or by repetition, within runs of four or more.
func sequence(s string) int {
	total, run := 0, 1
	end := func() {
		if run >= 4 {
			total += run
		}
		run = 1
	}
	step := 0
	for i := 1; i < len(s); i++ {
		d := int(s[i]) - int(s[i-1])
		if s[i-1] == '9' && (s[i] == '0' || s[i] == 'a') {
			d = 1
		}
		switch {
		case (d == 0 || d == 1 || d == -1) && (run == 1 || d == step):
			step = d
			run++
		default:
			end()
			if d == 0 || d == 1 || d == -1 {
				step, run = d, 2
			}
		}
	}
	end()
	return total
}
