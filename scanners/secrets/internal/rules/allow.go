package rules

import "bytes"

// Allows reports whether a match is no secret for a reason that lies in its
// value. The path never counts. The reasons are:
//
//   - the rule itself says so: text that another rule reports better;
//   - the value of an AWS key ends in EXAMPLE or EXAMPLEKEY: by this the keys
//     in the documentation of AWS can be told from real ones, whose ending is
//     random (a chance of 36^-7);
//   - behind its public start the value is one character again and again, as
//     in "ghp_xxxxxxxx": a placeholder.
func (r *Rule) Allows(whole, secret []byte) bool {
	for _, a := range r.Allow {
		if a.Match(whole) {
			return true
		}
	}
	if r.Category == "AWS" && (bytes.HasSuffix(secret, []byte("EXAMPLE")) || bytes.HasSuffix(secret, []byte("EXAMPLEKEY"))) {
		return true
	}
	return oneCharacter(bytes.Trim(secret[r.Public(secret):], `"'`))
}

// oneCharacter reports whether b repeats one byte eight times or more, and
// holds nothing else.
func oneCharacter(b []byte) bool {
	return len(b) >= 8 && len(bytes.Trim(b, string(b[:1]))) == 0
}

// Public returns how many bytes at the start of a secret are part of the rule
// and so known to everybody.
func (r *Rule) Public(secret []byte) int {
	longest := 0
	for _, s := range r.Starts {
		if len(s) <= longest || len(s) > len(secret) {
			continue
		}
		head := secret[:len(s)]
		if string(head) == s || r.Fold && bytes.EqualFold(head, []byte(s)) {
			longest = len(s)
		}
	}
	return longest
}
