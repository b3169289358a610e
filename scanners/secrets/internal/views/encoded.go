package views

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	// minRun is the length of the shortest base64 that is decoded: 18 bytes,
	// about that of the shortest token that a rule knows by its form.
	minRun = 24
	// minHex is the same for hexadecimal.
	minHex = 2 * minRun
	// maxContext is how much of the line before an encoded stretch stays in
	// front of what it decodes to: the name of a key, in general.
	maxContext = 64
	// headBytes is how much of a stretch decides whether it holds text. Of
	// random bytes one in 10^8 heads of 18 bytes passes.
	headBytes = 48
)

// sextet is the value of a character of base64, of either alphabet (RFC 4648,
// sections 4 and 5); 0xff if it is none.
var sextet = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range 26 {
		t['A'+i], t['a'+i] = byte(i), byte(26+i)
	}
	for i := range 10 {
		t['0'+i] = byte(52 + i)
	}
	t['+'], t['-'], t['/'], t['_'] = 62, 62, 63, 63
	return t
}()

func nibble(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// runs calls found for each maximal run of at least minRun characters of
// base64, in order. It looks at every minRun-th byte of what is no run: a run
// cannot lie between two of them. Found returns where to go on, at least end.
func runs(text []byte, found func(start, end int) (int, error)) error {
	for low := 0; low+minRun <= len(text); {
		if at := lastSeparator(text[low : low+minRun : low+minRun]); at >= 0 {
			low += at + 1
			continue
		}
		at := low + minRun - 1
		for at >= low && sextet[text[at]] != 0xff {
			at--
		}
		if at >= low {
			low = at + 1
			continue
		}
		end := runEnd(text, low+minRun)
		next, err := found(low, end)
		if err != nil {
			return err
		}
		low = next
	}
	return nil
}

// runEnd returns where the run that at is in ends.
func runEnd(text []byte, at int) int {
	for at < len(text) && sextet[text[at]] != 0xff {
		at++
	}
	return at
}

// lastSeparator returns the index of the last byte below '+' in as many bytes as
// a run has at least; -1 if it sees none. White space, quotes and brackets are
// such bytes, so it mostly finds one. It looks at eight bytes at a time.
func lastSeparator(b []byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for i := minRun - 8; i >= 0; i -= 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if m := (x - ones*'+') & ^x & highs; m != 0 {
			at := i + (63-bits.LeadingZeros64(m))/8
			if sextet[b[at]] != 0xff { // the byte above a separator may be marked too
				return -1
			}
			return at
		}
	}
	return -1
}

// decodeRuns adds what base64 and hexadecimal in the text decode to.
func (w *walk) decodeRuns(v *View, b *builder, depth int) error {
	text := v.Text
	done := 0
	return runs(text, func(start, end int) (int, error) {
		next, err := w.decodeRun(v, b, depth, done, start, end)
		if next == 0 && err == nil {
			// The whole is nothing, but part of it may be: "/v1/ZGF0YQ…".
			for from := start; from < end; {
				to := from
				for to < end && !isJoint(text[to]) {
					to++
				}
				if to-from >= minRun && to-from < end-start {
					n, err := w.decodeRun(v, b, depth, done, from, to)
					if err != nil {
						return end, err
					}
					if n > 0 {
						done = n
					}
				}
				from = max(to+1, done) // it may go on in the next line
			}
			return max(end, done), nil
		}
		if next > 0 {
			done = next
		}
		return max(next, end), err
	})
}

// isJoint says whether c may join base64 to what is none.
func isJoint(c byte) bool { return c == '/' || c == '-' || c == '_' || c == '+' }

// decodeRun adds what text[start:end] decodes to, and returns where it ends; 0
// if it decodes to nothing of interest. Context starts at done.
func (w *walk) decodeRun(v *View, b *builder, depth, done, start, end int) (int, error) {
	text := v.Text
	run := text[start:end]
	if len(run) >= minHex && len(run)%2 == 0 && isHex(run) {
		return w.decodeHex(v, b, done, start, end)
	}
	if !mixed(run) {
		return 0, nil
	}
	var head [headBytes]byte
	for shift := range 4 {
		if shift > 0 && (start > 0 || !v.cut()) {
			break // only a run that was cut may start within a group
		}
		n := decodeHead(head[:], run[shift:])
		switch kind := judge(head[:n]); kind {
		case holdsText:
			return w.decodeBase64(b, v, done, start, start+shift, end)
		case holdsUTF16, holdsArchive:
			return w.unwrap(v, kind, depth, start, start+shift, end)
		}
	}
	return 0, nil
}

// cut says whether the text starts within something.
func (v *View) cut() bool { return v.before.bytes > 0 && v.parent == nil }

// mixed reports whether there are both upper and lower case letters, as in the
// base64 of any text that is long enough.
func mixed(run []byte) bool {
	var upper, lower bool
	for _, c := range run {
		upper = upper || 'A' <= c && c <= 'Z'
		lower = lower || 'a' <= c && c <= 'z'
		if upper && lower {
			return true
		}
	}
	return false
}

func isHex(run []byte) bool {
	for _, c := range run {
		if _, ok := nibble(c); !ok {
			return false
		}
	}
	return true
}

// decodeHead decodes the first whole groups of a run.
func decodeHead(dst, run []byte) int {
	n := 0
	for len(run) >= 4 && n+3 <= len(dst) {
		group := uint32(sextet[run[0]])<<18 | uint32(sextet[run[1]])<<12 | uint32(sextet[run[2]])<<6 | uint32(sextet[run[3]])
		dst[n], dst[n+1], dst[n+2] = byte(group>>16), byte(group>>8), byte(group)
		run, n = run[4:], n+3
	}
	return n
}

type holds uint8

const (
	holdsNothing holds = iota
	holdsText
	holdsUTF16
	holdsArchive
)

// judge says what the decoded head of a stretch holds.
func judge(head []byte) holds {
	if isArchive(head) {
		return holdsArchive
	}
	if isText(head) {
		return holdsText
	}
	// As some shells take commands: UTF-16 without a mark.
	for i := 0; i+1 < len(head); i += 2 {
		if head[i+1] != 0 || !printable(head[i]) {
			return holdsNothing
		}
	}
	return holdsUTF16
}

// isArchive reports whether what was decoded is an archive. Among letters and
// digits that are no base64 at all, a mark of two or three bytes comes about by
// chance, so more must fit.
func isArchive(head []byte) bool {
	switch archiveKind(head) {
	case notArchive, archiveTar:
		return false
	case archiveGzip:
		// RFC 1952, 2.3: reserved flags are zero; the level is 0, 2 or 4; the
		// system is 0 to 13, or 255.
		return len(head) >= 10 && head[3]&0xe0 == 0 && (head[8] == 0 || head[8] == 2 || head[8] == 4) && (head[9] <= 13 || head[9] == 255)
	case archiveForeign:
		return head[0] != 0x1f // the mark of compress has two bytes
	}
	return true
}

// isText reports whether head, which may be cut, is printable UTF-8.
func isText(head []byte) bool {
	wide := 0
	for i := 0; i < len(head); {
		if c := head[i]; c < utf8.RuneSelf {
			if !printable(c) {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError {
			return i > 0 && len(head)-i < utf8.UTFMax && !utf8.FullRune(head[i:])
		}
		if wide += n; r < 0xa0 {
			return false
		}
		i += n
	}
	return wide*2 <= len(head)
}

func printable(c byte) bool {
	return ' ' <= c && c < 0x7f || c == '\n' || c == '\t' || c == '\r'
}

// open starts a stretch for what is encoded at start, with the part of its line
// before it that is not before done.
func (b *builder) open(text []byte, done, start int) {
	b.begin()
	from := min(start, max(done, start-maxContext)) // what is decoded may go back behind done
	if i := bytes.LastIndexByte(text[from:start], '\n'); i >= 0 {
		from += i + 1
	}
	b.surround(text, from, start)
}

// surround adds a stretch of the parent that is only context.
func (b *builder) surround(text []byte, from, to int) {
	if from < to {
		b.piece(piece{src: from, num: 1, den: 1, how: surrounding})
		b.text = append(b.text, text[from:to]...)
	}
}

// close ends a stretch with the delimiter that follows it.
func (b *builder) close(text []byte, end int) {
	if end < len(text) && bytes.IndexByte([]byte("\"'`<,;&)]}"), text[end]) >= 0 {
		b.surround(text, end, end+1)
	}
}

// decodeBase64 adds what is encoded from at on, over as many lines as it goes.
func (w *walk) decodeBase64(b *builder, v *View, done, start, at, end int) (int, error) {
	text := v.Text
	b.open(text, done, start)
	for group, n := uint32(0), 0; ; {
		if err := w.spend((end - at) * 3 / 4); err != nil {
			return end, err
		}
		b.piece(piece{src: at, num: 4, den: 3, how: base64Text})
		for at < end {
			for stop := min(end, at+overlapBytes); at < stop; at++ {
				group = group<<6 | uint32(sextet[text[at]])
				if n++; n == 4 {
					b.text = append(b.text, byte(group>>16), byte(group>>8), byte(group))
					group, n = 0, 0
				}
			}
			if err := b.full(); err != nil {
				return end, err
			}
		}
		// What follows may be the same encoding on the next line.
		next, more := wrapped(text, end)
		if !more {
			switch n {
			case 2:
				b.text = append(b.text, byte(group>>4))
			case 3:
				b.text = append(b.text, byte(group>>10), byte(group>>2))
			}
			break
		}
		at, end = next, runEnd(text, next)
	}
	for pad := 0; pad < 2 && end < len(text) && text[end] == '='; pad++ {
		end++
	}
	b.close(text, end)
	return end, b.full()
}

// unwrap looks at what is encoded from at to end: text in UTF-16, or an archive.
func (w *walk) unwrap(v *View, kind holds, depth, start, at, end int) (int, error) {
	text := v.Text
	var out []byte
	for group, n := uint32(0), 0; ; {
		for ; at < end; at++ {
			group = group<<6 | uint32(sextet[text[at]])
			if n++; n == 4 {
				out = append(out, byte(group>>16), byte(group>>8), byte(group))
				group, n = 0, 0
			}
		}
		// Some programs encode a piece at a time, each with its own padding.
		padded := end
		for padded < end+2 && padded < len(text) && text[padded] == '=' {
			padded++
		}
		next, more := wrapped(text, padded)
		if !more || padded > end {
			switch n {
			case 2:
				out = append(out, byte(group>>4))
			case 3:
				out = append(out, byte(group>>10), byte(group>>2))
			}
			group, n = 0, 0
		}
		if !more {
			break
		}
		at, end = next, runEnd(text, next)
	}
	if err := w.spend(len(out)); err != nil {
		return end, err
	}
	src := source{path: v.Path, origin: v.Place(start), levels: v.levels}
	src.origin.Within = within(howNames[base64Text], src.origin.Within)
	if kind == holdsArchive {
		return end, w.archive(src.content("content"), archiveKind(out), out)
	}
	inner := &View{Path: v.Path, Text: fromUTF16(out, binary.LittleEndian), Derived: true, fixed: &src.origin, levels: v.levels}
	return end, w.text(inner, depth+1)
}

// wrapped reports whether base64 that ends at end goes on in the next line, and
// where: both lines hold nothing else.
func wrapped(text []byte, end int) (int, bool) {
	at := end
	for at < len(text) && (text[at] == '\r' || text[at] == '\\' && at+1 < len(text) && text[at+1] == '\n') {
		at++
	}
	if at >= len(text) || text[at] != '\n' {
		return 0, false
	}
	at++
	for at < len(text) && at < end+maxContext && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	// Drawing programs put each piece into a section of its own.
	if rest, ok := bytes.CutPrefix(text[at:min(len(text), end+maxContext)], []byte("]]>")); ok {
		if rest, ok = bytes.CutPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte("<![CDATA[")); ok {
			at = end + bytes.Index(text[end:], []byte("<![CDATA[")) + len("<![CDATA[")
			at += len(rest) - len(bytes.TrimLeft(rest, " \t\r\n"))
		}
	}
	run := at
	for run < len(text) && sextet[text[run]] != 0xff {
		run++
	}
	line := run
	for line < len(text) && line < run+3 && text[line] == '=' {
		line++
	}
	if run-at < 4 || line < len(text) && text[line] != '\n' && text[line] != '\r' && text[line] != '"' && text[line] != '\'' {
		return 0, false
	}
	return at, true
}

// decodeHex adds what text[start:end] decodes to, if that is text.
func (w *walk) decodeHex(v *View, b *builder, done, start, end int) (int, error) {
	text := v.Text
	var head [headBytes]byte
	n := 0
	for i := start; i+1 < end && n < len(head); i += 2 {
		head[n], n = unhex(text[i], text[i+1]), n+1
	}
	if !isText(head[:n]) {
		return 0, nil
	}
	b.open(text, done, start)
	b.piece(piece{src: start, num: 2, den: 1, how: hexText})
	for i := start; i+1 < end; i += 2 {
		b.text = append(b.text, unhex(text[i], text[i+1]))
		if i&0xffff == start&0xffff {
			if err := b.full(); err != nil {
				return end, err
			}
		}
	}
	b.close(text, end)
	if err := w.spend((end - start) / 2); err != nil {
		return end, err
	}
	return end, b.full()
}

func unhex(a, b byte) byte {
	x, _ := nibble(a)
	y, _ := nibble(b)
	return x<<4 | y
}
