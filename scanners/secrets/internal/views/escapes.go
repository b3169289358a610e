package views

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// minStretch is the length of the shortest stretch with escapes that is
	// looked at again.
	minStretch = 16
	// maxBack bounds how far before its first escape a stretch may start.
	maxBack = 64 << 10
)

// decodePercent adds the stretches between white space, quotes and brackets in
// which there is percent encoding (RFC 3986, section 2.1).
func (w *walk) decodePercent(v *View, b *builder) error {
	text := v.Text
	done := 0
	for at := 0; ; {
		i := bytes.IndexByte(text[at:], '%')
		if i < 0 {
			return nil
		}
		at += i
		if !isPercent(text, at) {
			at++
			continue
		}
		start := at
		for start > max(done, at-maxBack) && !delimits(text[start-1]) {
			start--
		}
		b.open(text, done, start)
		from := len(b.text)
		pos := start
		for {
			// Up to the next escape, or the end of the stretch.
			end := at
			if end > pos {
				b.piece(piece{src: pos, num: 1, den: 1, how: plain})
				b.text = append(b.text, text[pos:end]...)
			}
			if !isPercent(text, at) {
				break
			}
			b.piece(piece{src: at, num: 3, den: 1, how: percentText})
			b.text = append(b.text, unhex(text[at+1], text[at+2]))
			if err := b.full(); err != nil {
				return err
			}
			pos = at + 3
			at = pos
			for at < len(text) && at < pos+windowBytes/2 && !delimits(text[at]) && !isPercent(text, at) {
				at++
			}
		}
		done = at
		if err := w.endStretch(b, text, at, from); err != nil {
			return err
		}
	}
}

func isPercent(text []byte, at int) bool {
	if at+2 >= len(text) || text[at] != '%' {
		return false
	}
	_, a := nibble(text[at+1])
	_, b := nibble(text[at+2])
	return a && b
}

func delimits(c byte) bool {
	return c <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == 0x7f
}

// endStretch closes a stretch, or takes it back if it is too short to matter.
func (w *walk) endStretch(b *builder, text []byte, end, from int) error {
	n := len(b.text) - from
	if n < minStretch && !b.flushed {
		b.drop()
		return nil
	}
	if err := w.spend(max(n, 0)); err != nil {
		return err
	}
	b.close(text, end)
	return b.full()
}

// decodeEscapes adds string literals with escapes (\n, \", \u0041, \x41 …) as
// the text that they stand for, each on lines of its own. A literal without
// escapes that follows one with escapes in a list, as the lines of a notebook
// do, is added too.
func (w *walk) decodeEscapes(v *View, b *builder) error {
	text := v.Text
	done := 0
	for at := 0; ; {
		i := bytes.IndexByte(text[at:], '\\')
		if i < 0 {
			return nil
		}
		at += i
		_, n := unescape(text, at)
		if n == 0 {
			at += 2 // whatever is escaped starts no escape
			if at > len(text) {
				return nil
			}
			continue
		}
		start, quote := literalStart(text, max(done, at-maxBack), at)
		if end := at + n; quote != 0 && end < len(text) && text[end] == quote && nextInList(text, end) == 0 {
			// An escape at the end, a line feed in general, hides nothing.
			done, at = end, end
			continue
		}
		b.open(text, done, max(start-1, done))
		from := len(b.text)
		end, err := w.literal(b, text, start, quote)
		for err == nil && quote == '"' {
			next := nextInList(text, end)
			if next == 0 {
				break
			}
			if len(b.text) > 0 && b.text[len(b.text)-1] != '\n' {
				b.piece(piece{src: end, num: 0, den: 1, how: plain})
				b.text = append(b.text, '\n')
			}
			end, err = w.literal(b, text, next, quote)
		}
		if err != nil {
			return err
		}
		if err := w.endStretch(b, text, end, from); err != nil {
			return err
		}
		done, at = end, end
	}
}

// literalStart finds where the literal with an escape at offset at starts, and
// its quote: the last one before it in its line. If there is none, the line is
// taken for the literal, with quote 0.
func literalStart(text []byte, low, at int) (int, byte) {
	for i := at - 1; i >= low; i-- {
		switch c := text[i]; c {
		case '"', '\'', '`':
			return i + 1, c
		case '\n':
			return i + 1, 0
		}
	}
	return low, 0
}

// literal adds the literal from start to its quote or the end of the line, and
// returns where it ends.
func (w *walk) literal(b *builder, text []byte, start int, quote byte) (int, error) {
	pos := start
	for at := start; ; {
		for at < len(text) && text[at] != '\\' && (text[at] != quote || quote == 0) && text[at] != '\n' && at < pos+windowBytes/2 {
			at++
		}
		if at > pos {
			b.piece(piece{src: pos, num: 1, den: 1, how: plain})
			b.text = append(b.text, text[pos:at]...)
			pos = at
			if err := b.full(); err != nil {
				return at, err
			}
		}
		if at >= len(text) || text[at] == quote && quote != 0 || text[at] == '\n' {
			return at, nil
		}
		if text[at] != '\\' {
			continue // the stretch without escapes was long
		}
		r, n := unescape(text, at)
		if n == 0 { // stays as it is
			n = min(2, len(text)-at)
			if n == 2 && text[at+1] == '\n' {
				n = 1
			}
			b.piece(piece{src: at, num: 1, den: 1, how: plain})
			b.text = append(b.text, text[at:at+n]...)
		} else {
			b.piece(piece{src: at, num: n, den: 1, how: escapedText})
			b.text = utf8.AppendRune(b.text, r)
		}
		at += n
		pos = at
		if err := b.full(); err != nil {
			return at, err
		}
	}
}

// nextInList returns where the literal after a comma starts that follows the
// one whose quote is at end; 0 if there is none.
func nextInList(text []byte, end int) int {
	at := end + 1
	for ; at < len(text) && at < end+maxContext && (text[at] <= ' ' || text[at] == ','); at++ {
		if text[at] == ',' && bytes.IndexByte(text[end+1:at], ',') >= 0 {
			return 0
		}
	}
	if at >= len(text) || text[at] != '"' || bytes.IndexByte(text[end+1:at], ',') < 0 {
		return 0
	}
	return at + 1
}

// unescape returns the character that the escape at offset at stands for, and
// the length of the escape; 0 if it is none that is known.
func unescape(text []byte, at int) (rune, int) {
	if at+1 >= len(text) {
		return 0, 0
	}
	switch c := text[at+1]; c {
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case '"', '\'', '/', '\\':
		return rune(c), 2
	case 'x':
		if r, ok := hexRune(text, at+2, 2); ok {
			return r, 4
		}
	case 'u':
		r, ok := hexRune(text, at+2, 4)
		if !ok {
			return 0, 0
		}
		if utf16.IsSurrogate(r) {
			if at+7 < len(text) && text[at+6] == '\\' && text[at+7] == 'u' {
				if low, ok := hexRune(text, at+8, 4); ok {
					if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
						return full, 12
					}
				}
			}
			return utf8.RuneError, 6
		}
		return r, 6
	}
	return 0, 0
}

func hexRune(text []byte, at, digits int) (r rune, ok bool) {
	if at+digits > len(text) {
		return 0, false
	}
	for _, c := range text[at : at+digits] {
		n, ok := nibble(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(n)
	}
	return r, true
}
