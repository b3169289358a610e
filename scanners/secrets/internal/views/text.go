package views

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// sniffBytes is how much of a file decides whether it is binary. Git looks at
// as much (xdiff-interface.c, FIRST_FEW_BYTES).
const sniffBytes = 8000

// class is what the bytes of a file are.
type class uint8

const (
	classText   class = iota // in UTF-8, or another encoding with ASCII in it
	classUTF16               // and UTF-32
	classMedia               // an image, a font, audio or video
	classBinary              // anything else
)

// classify looks at the start of a file; cut says that there is more. The name
// of a file never turns text into something else, and neither does its start
// alone: media that is text in all that was looked at is text.
func classify(head []byte, cut bool) (class, string) {
	cut = cut || len(head) > sniffBytes
	head = head[:min(len(head), sniffBytes)]
	if hasUTFMark(head) {
		return classUTF16, ""
	}
	if bytes.IndexByte(head, 0) < 0 && validStart(head, cut) {
		return classText, ""
	}
	if kind := mediaKind(head); kind != "" {
		return classMedia, kind
	}
	if utf16Order(head) != nil {
		return classUTF16, ""
	}
	// Text may hold a few bytes that are none, or be in an older encoding such
	// as ISO 8859-1. In random bytes one in ten is a control character.
	if countControls(head)*50 <= len(head) {
		return classText, ""
	}
	return classBinary, ""
}

func hasUTFMark(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) ||
		bytes.HasPrefix(head, []byte{0, 0, 0xfe, 0xff})
}

// countControls counts the bytes that no text file has.
func countControls(head []byte) (n int) {
	for _, b := range head {
		if b < ' ' && controls>>b&1 != 0 {
			n++
		}
	}
	return n
}

// controls are the characters below the space but backspace, tab, line feed,
// form feed, carriage return and escape.
const controls = uint32(1<<32-1) &^ (1<<'\b' | 1<<'\t' | 1<<'\n' | 1<<'\f' | 1<<'\r' | 1<<0x1b)

// toUTF8 returns text in UTF-16 or UTF-32 as UTF-8.
func toUTF8(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe, 0, 0}):
		return fromUTF32(data[4:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte{0, 0, 0xfe, 0xff}):
		return fromUTF32(data[4:], binary.BigEndian)
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return fromUTF16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return fromUTF16(data[2:], binary.BigEndian)
	}
	if order := utf16Order(data[:min(len(data), sniffBytes)]); order != nil {
		return fromUTF16(data, order)
	}
	return data
}

// validStart reports whether head is UTF-8; if it was cut, its last character
// may be incomplete.
func validStart(head []byte, cut bool) bool {
	for n := 0; n < utf8.UTFMax && n <= len(head); n++ {
		if utf8.Valid(head[:len(head)-n]) {
			return n == 0 || cut && !utf8.FullRune(head[len(head)-n:])
		}
	}
	return false
}

// utf16Order recognises mostly-ASCII text in UTF-16 without a byte order mark:
// at least nine in ten of every second byte are zero, and none of the others.
func utf16Order(head []byte) binary.ByteOrder {
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i&1]++
		}
	}
	units := len(head) / 2
	switch {
	case units < 8:
		return nil
	case zeros[0] == 0 && zeros[1] >= units*9/10:
		return binary.LittleEndian
	case zeros[1] == 0 && zeros[0] >= units*9/10:
		return binary.BigEndian
	}
	return nil
}

func fromUTF16(data []byte, order binary.ByteOrder) []byte {
	out := make([]byte, 0, len(data)/2+len(data)/8)
	for len(data) >= 2 {
		r := rune(order.Uint16(data))
		data = data[2:]
		if utf16.IsSurrogate(r) && len(data) >= 2 {
			if full := utf16.DecodeRune(r, rune(order.Uint16(data))); full != utf8.RuneError {
				r, data = full, data[2:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

func fromUTF32(data []byte, order binary.ByteOrder) []byte {
	out := make([]byte, 0, len(data)/4+len(data)/16)
	for ; len(data) >= 4; data = data[4:] {
		out = utf8.AppendRune(out, rune(order.Uint32(data)))
	}
	return out
}

// mediaKind says what sort of media a file is, by its first bytes; "" if it is
// none.
func mediaKind(head []byte) string {
	for _, m := range magics {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.bytes)) {
			return m.kind
		}
	}
	if len(head) >= 14 && bytes.HasPrefix(head, []byte("BM")) && bytes.Equal(head[6:10], []byte{0, 0, 0, 0}) {
		return image // BMP; four reserved bytes are zero
	}
	return ""
}

const (
	image = "image file"
	font  = "font file"
	media = "audio or video file"
)

var magics = []struct {
	at    int
	bytes string
	kind  string
}{
	{0, "\x89PNG\r\n\x1a\n", image},
	{0, "\xff\xd8\xff", image},
	{0, "GIF8", image},
	{8, "WEBP", image},
	{0, "\x00\x00\x01\x00", image}, // ICO
	{0, "II*\x00", image},          // TIFF
	{0, "MM\x00*", image},
	{0, "8BPS", image},
	{0, "wOFF", font},
	{0, "wOF2", font},
	{0, "OTTO", font},
	{0, "\x00\x01\x00\x00\x00", font},
	{0, "ID3", media},
	{0, "\xff\xfb", media}, // MPEG layer III
	{0, "\xff\xf3", media},
	{0, "\xff\xf2", media},
	{0, "OggS", media},
	{0, "fLaC", media},
	{4, "ftyp", media}, // MP4 and its relatives
	{8, "WAVE", media},
	{8, "AVI ", media},
	{0, "\x1a\x45\xdf\xa3", media}, // Matroska and WebM
}
