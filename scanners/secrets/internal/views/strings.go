package views

// minString is the length of the shortest string that is taken from a binary.
const minString = 8

// addStrings adds the printable strings of a binary, each on a line: ASCII and
// the same in UTF-16 (little endian).
func (w *walk) addStrings(data []byte, b *builder) error {
	for at := 0; at < len(data); {
		if !visible(data[at]) {
			at++
			continue
		}
		end := at + 1
		for end < len(data) && visible(data[end]) {
			end++
		}
		if end-at >= minString {
			b.newLine()
			for at < end {
				n := min(end-at, windowBytes/4)
				b.piece(piece{src: at, num: 1, den: 1, how: stringText})
				b.text = append(b.text, data[at:at+n]...)
				at += n
				if err := b.full(); err != nil {
					return err
				}
			}
			continue
		}
		// Each character followed by a zero?
		if end-at == 1 && end < len(data) && data[end] == 0 {
			start, wide := at, at
			for wide+1 < len(data) && visible(data[wide]) && data[wide+1] == 0 {
				wide += 2
			}
			if (wide-at)/2 >= minString {
				b.newLine()
				b.piece(piece{src: at, num: 2, den: 1, how: stringText})
				for ; at < wide; at += 2 {
					b.text = append(b.text, data[at])
					if len(b.text) >= windowBytes {
						if err := b.full(); err != nil {
							return err
						}
					}
				}
				// The zero of the last character stands before it if the order
				// of bytes is the other.
				if start > 0 && data[start-1] == 0 && at < len(data) && visible(data[at]) {
					b.text = append(b.text, data[at])
					at++
				}
				continue
			}
			end = max(wide, end)
		}
		at = end
	}
	return nil
}

func visible(c byte) bool { return ' ' <= c && c < 0x7f || c == '\t' }

func (b *builder) newLine() {
	if len(b.text) > 0 {
		b.piece(piece{src: b.lastSource(), num: 0, den: 1, how: stringText})
		b.text = append(b.text, '\n')
	}
}
