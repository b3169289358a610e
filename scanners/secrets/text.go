package secrets

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// sniffBytes is how much of a file decides whether it is binary. Git looks at
// as much (xdiff-interface.c, FIRST_FEW_BYTES).
const sniffBytes = 8000

// decode returns the text of a file in UTF-8 or near it, or the reason why it
// has none. The name of a file never turns text into something else: it only
// says what sort of binary a binary is.
func decode(name string, data []byte) (text []byte, skip string) {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe, 0, 0}):
		return fromUTF32(data[4:], binary.LittleEndian), ""
	case bytes.HasPrefix(data, []byte{0, 0, 0xfe, 0xff}):
		return fromUTF32(data[4:], binary.BigEndian), ""
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return fromUTF16(data[2:], binary.LittleEndian), ""
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return fromUTF16(data[2:], binary.BigEndian), ""
	}
	head := data[:min(len(data), sniffBytes)]
	nul := bytes.IndexByte(head, 0) >= 0
	if !nul && validStart(head, len(head) < len(data)) {
		return data, ""
	}
	if kind := mediaKind(name, head); kind != "" {
		return nil, kind
	}
	if !nul {
		return data, "" // an older encoding, such as ISO 8859-1
	}
	if order := utf16Order(head); order != nil {
		return fromUTF16(data, order), ""
	}
	return nil, "binary file"
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

// mediaKind says what sort of media a binary file is, by its first bytes or
// its name; "" if it is none.
func mediaKind(name string, head []byte) string {
	for _, m := range magics {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.bytes)) {
			return m.kind
		}
	}
	return mediaNames[strings.ToLower(path.Ext(name))]
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
	{0, "wOFF", font},
	{0, "wOF2", font},
	{0, "OTTO", font},
	{0, "\x00\x01\x00\x00\x00", font},
	{0, "ID3", media},
	{0, "OggS", media},
	{0, "fLaC", media},
	{4, "ftyp", media},
	{0, "\x1a\x45\xdf\xa3", media},
}

var mediaNames = map[string]string{
	".png": image, ".jpg": image, ".jpeg": image, ".gif": image, ".bmp": image, ".ico": image,
	".webp": image, ".tif": image, ".tiff": image, ".avif": image, ".heic": image, ".psd": image,
	".woff": font, ".woff2": font, ".ttf": font, ".otf": font, ".eot": font,
	".mp3": media, ".mp4": media, ".m4a": media, ".wav": media, ".flac": media, ".ogg": media,
	".webm": media, ".mov": media, ".avi": media, ".mkv": media,
}
