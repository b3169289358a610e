package rules

import (
	"bytes"
	"regexp"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/value"
)

// Text is a match and where it stands.
type Text struct {
	// Path is that of the file.
	Path string
	// All is the text, Whole the match and Secret the secret in it.
	All           []byte
	Whole, Secret match.Span
}

// maxLine bounds what counts as the line of a match, on each side of it: lines
// of generated files may be as long as the file.
const maxLine = 2000

// maxShort is how long a public start is that does not tell by itself.
const maxShort = 5

func (t *Text) secret() []byte { return t.All[t.Secret.Start:t.Secret.End] }
func (t *Text) whole() []byte  { return t.All[t.Whole.Start:t.Whole.End] }

// Line is the whole lines that the match stands in.
func (t *Text) Line() []byte {
	lo, hi := max(0, t.Whole.Start-maxLine), min(len(t.All), t.Whole.End+maxLine)
	before, after := t.All[lo:t.Whole.Start], t.All[t.Whole.End:hi]
	start := lo + bytes.LastIndexByte(before, '\n') + 1
	end := hi
	if i := bytes.IndexByte(after, '\n'); i >= 0 {
		end = t.Whole.End + i
	}
	return t.All[start:end]
}

func (t *Text) target(target Target) []byte {
	switch target {
	case TargetMatch:
		return t.whole()
	case TargetLine:
		return t.Line()
	}
	return t.secret()
}

// Refuses says why a match is no secret after all, as a clause; "" if it is
// one. The reasons, in this order: its entropy, the allow lists of the rule,
// and for built-in rules its value and what stands around it.
func (r *Rule) Refuses(t *Text) (string, error) {
	secret := t.secret()
	if r.Entropy > 0 && value.Entropy(secret) <= r.Entropy {
		return "its entropy is too low", nil
	}
	for _, a := range r.Allow {
		by, yes, err := a.Covers(t)
		if err != nil {
			return "", err
		}
		if yes {
			return "an allow list of the rule has " + by, nil
		}
	}
	if !r.Judged {
		return "", nil
	}
	if r.Category == "AWS" && (bytes.HasSuffix(secret, []byte("EXAMPLE")) || bytes.HasSuffix(secret, []byte("EXAMPLEKEY"))) {
		// By this the keys in the documentation of AWS can be told from real
		// ones, whose ending is random (a chance of 36^-7).
		return "it is a key of the documentation of AWS", nil
	}
	public := r.Public(secret)
	if why := value.None(secret, public); why != "" {
		return why, nil
	}
	// A short start stands in random text and in words by chance.
	short := 0 < public && public <= maxShort
	switch {
	case cut(t.All[t.Secret.End:]) || bytes.HasSuffix(secret, []byte("...")):
		return "only its start is shown", nil
	case short && inWord(t):
		return "it is the end of a word", nil
	case short && t.Secret.End < len(t.All) && alnum(t.All[t.Secret.End]) && alnum(t.All[t.Secret.End-1]):
		return "it goes on, and so is longer than such a secret", nil
	case short && inBase64(t):
		return "it is a piece of a longer text in base64", nil
	case r.lacksKeyword(t):
		return "no keyword of the rule is near", nil
	}
	if r.Specific() < strong && phrase.Match(t.All[max(0, t.Secret.Start-60):t.Secret.Start]) {
		return "it is an item of a list, and what looks like its name is text", nil
	}
	if r.check != nil {
		if why := r.check(t); why != "" {
			return why, nil
		}
	}
	if r.Category != Generic {
		return "", nil
	}
	if why := value.MadeUp(secret, public); why != "" {
		return why, nil
	}
	return unlikely(t, r.doubt != nil), nil
}

// cut reports whether what stands right behind a secret, or behind the text that
// it goes on in, says that the rest is left out.
func cut(after []byte) bool {
	const most = 80
	n := 0
	for n < min(len(after), most) && (alnum(after[n]) || after[n] == '-' || after[n] == '_') {
		n++
	}
	if n < len(after) && n > 0 && (after[n-1] == '-' || after[n-1] == '_') {
		n--
	}
	return elided.Match(after[:min(len(after), 8)]) || elided.Match(after[n:min(len(after), n+8)])
}

// inWord reports whether a letter or digit stands right before the secret that
// does not belong to an escape (\n, %3D, \u003d).
func inWord(t *Text) bool {
	i := t.Secret.Start
	if i == 0 || !alnum(t.All[i-1]) || !alnum(t.All[i]) {
		return false
	}
	return !escape.Match(t.All[max(0, i-6):i])
}

var escape = regexp.MustCompile(`(?:\\[nrtbfv0]|%[0-9A-Fa-f]{2}|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})$`)

func alnum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// Public returns how many bytes at the start of a secret are part of the rule
// and so known to everybody.
func (r *Rule) Public(secret []byte) int {
	about := r.about()
	longest := 0
	for _, s := range about.starts {
		if len(s) <= longest || len(s) > len(secret) {
			continue
		}
		head := secret[:len(s)]
		if string(head) == s || about.fold && bytes.EqualFold(head, []byte(s)) {
			longest = len(s)
		}
	}
	return longest
}
