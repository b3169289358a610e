package views

import (
	"bytes"
	"strings"
)

// isOffice reports whether an entry is text of an office document: Office Open
// XML (ECMA-376) or OpenDocument (ISO 26300). Both cut a text into runs of the
// same look, as a spelling checker or an editor pleases.
func isOffice(path string, text []byte) bool {
	return strings.Contains(path, "!") && strings.HasSuffix(path, ".xml") && bytes.HasPrefix(text, []byte("<")) &&
		(bytes.Contains(text, []byte("</w:t>")) || bytes.Contains(text, []byte("</a:t>")) || bytes.Contains(text, []byte("</text:p>")) || bytes.Contains(text, []byte("</t>")))
}

// entities are those that XML has.
var entities = []struct{ name, text string }{{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", `"`}, {"&apos;", "'"}}

// markup hands the text of a document on without its tags, a paragraph on a
// line.
func (w *walk) markup(v *View) error {
	b := w.builder(v, 1)
	defer w.release(b)
	text := v.Text
	for at := 0; at < len(text); {
		start := at
		switch text[at] {
		case '<':
			if end := bytes.IndexByte(text[at:], '>'); end >= 0 {
				at += end + 1
			} else {
				at = len(text)
			}
			if ends := breaks(text[start:at]); ends && len(b.text) > 0 {
				b.piece(piece{src: start, num: 0, den: 1, how: surrounding})
				b.text = append(b.text, '\n')
			}
			continue
		case '&':
			b.piece(piece{src: at, num: 1, den: 1, how: markupText})
			for _, e := range entities {
				if bytes.HasPrefix(text[at:], []byte(e.name)) {
					b.text = append(b.text, e.text...)
					at += len(e.name)
					break
				}
			}
			if at == start {
				b.text = append(b.text, '&')
				at++
			}
		default:
			end := bytes.IndexAny(text[at:min(at+windowBytes/4, len(text))], "<&")
			if end < 0 {
				end = min(windowBytes/4, len(text)-at)
			}
			at += end
			b.piece(piece{src: start, num: 1, den: 1, how: markupText})
			b.text = append(b.text, text[start:at]...)
		}
		if err := w.spend(at - start); err != nil {
			return err
		}
		if err := b.full(); err != nil {
			return err
		}
	}
	return b.finish()
}

// breaks reports whether a tag ends a line: that of a paragraph, a cell, a break
// or a tabulator.
func breaks(tag []byte) bool {
	name := strings.Trim(string(tag[:min(len(tag), 24)]), "</>")
	name, _, _ = strings.Cut(name, " ")
	name = strings.TrimRight(name, "/>")
	if _, local, ok := strings.Cut(name, ":"); ok {
		name = local
	}
	switch name {
	case "p", "h", "br", "cr", "tab", "line-break", "tc", "table-cell", "si", "c", "comment", "s":
		return true
	}
	return false
}
