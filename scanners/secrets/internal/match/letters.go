package match

import (
	"bytes"
	"slices"
)

// letters fold to ASCII letters: U+017F to s, U+212A to k.
var letters = []string{"\u017f", "\u212a"}

// hasLetters reports whether the text has one of the letters.
func hasLetters(text []byte) bool {
	return slices.ContainsFunc(letters, func(l string) bool { return bytes.Contains(text, []byte(l)) })
}

// plainBytes is how much of a text with letters is made plain at a time.
const plainBytes = 64 << 10

// plain is a stretch of a text with the ASCII letters in place of the letters
// that fold to them. It is what literals are looked for in.
type plain struct {
	text []byte
	// at are the places of the letters in text, and longer says how many bytes
	// more the original has up to there.
	at, longer []int
}

// fold makes it of the start of a text, and returns how many bytes that is: at
// least one, and no part of a letter.
func (p *plain) fold(text []byte) int {
	p.text, p.at, p.longer = p.text[:0], p.at[:0], p.longer[:0]
	i, longer := 0, 0
	for i < len(text) && i < plainBytes {
		c := text[i]
		switch {
		case c == 0xc5 && i+1 < len(text) && text[i+1] == 0xbf:
			c, i, longer = 's', i+2, longer+1
		case c == 0xe2 && i+2 < len(text) && text[i+1] == 0x84 && text[i+2] == 0xaa:
			c, i, longer = 'k', i+3, longer+2
		default:
			p.text = append(p.text, c)
			i++
			continue
		}
		p.at, p.longer = append(p.at, len(p.text)), append(p.longer, longer)
		p.text = append(p.text, c)
	}
	return i
}
