// Package views finds the texts in which a secret may hide: the file as it is,
// what is encoded in it (base64, hexadecimal, percent encoding, the escapes of
// strings), the entries of archives, the texts of PDF and office documents and
// of SQLite databases, and the printable strings of binaries.
//
// Everything is found in time that grows with the bytes read or unpacked, and
// held in windows of bounded size; see [Walk].
package views

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
)

// View is one text of a file.
type View struct {
	// Path is that of the file; of an entry in an archive it is that of the
	// archive, "!" and the name of the entry, at each level.
	Path string
	// Text is valid during the call only, and must not be changed.
	Text []byte
	// Binary is true if the text are strings of a binary file, or comes of one.
	Binary bool
	// Derived is true if the text was decoded from another view, of which it may
	// repeat parts: a match that was seen at the same [Place] before is to be
	// dropped.
	Derived bool

	parent *View
	pieces []piece // of a derived text, by at
	// entry names where in the file the text comes from; empty for the file.
	entry string
	// origin is where in the file the entry is.
	origin Place
	// fixed is the place of all of the text, if it has no lines of its own.
	fixed *Place
	// levels counts the archives around the text.
	levels int
	index  lineIndex
	// before is what a text that is read in windows has before this one.
	before extent
	// first and end bound where the matches start that belong to this window
	// and not to the one before or after; end 0 is the end of the text.
	first, end int
}

// Place is where something is.
type Place struct {
	// Line and Column are 1-based places in the file; 0 if lines mean nothing
	// there, as in an archive.
	Line, Column int
	// Within says how to get from there to the text, such as "base64",
	// "conf/app.env:3" or "base64 in conf/app.env:3"; empty if it is plain.
	Within string
}

// piece is a stretch of a derived text that comes from one stretch of its
// parent.
type piece struct {
	at, src int // offsets in the text and in the parent's
	num     int // num/den bytes of the parent make one byte of the text
	den     int
	how     how
}

// how says how a piece was encoded.
type how uint8

const (
	surrounding how = iota // surroundings of an encoded piece, as they are
	plain                  // part of a stretch with escapes, as it is
	base64Text
	hexText
	percentText
	escapedText
	stringText // of a binary
	markupText // between tags
)

var howNames = [...]string{"", "", "base64", "hexadecimal", "percent encoding", "string escapes", "", ""}

// source returns the offset in the parent's text of an offset in the text.
func (v *View) source(offset int) (int, *piece) {
	i := sort.Search(len(v.pieces), func(i int) bool { return v.pieces[i].at > offset }) - 1
	if i < 0 {
		return 0, nil
	}
	p := &v.pieces[i]
	return min(p.src+(offset-p.at)*p.num/p.den, max(len(v.parent.Text)-1, 0)), p
}

// Adds reports whether a match from start to end belongs to this view: whether
// it holds more than context, which was part of another view, and does not lie
// in what the window before or after has too.
func (v *View) Adds(start, end int) bool {
	if start < v.first || v.end > 0 && start >= v.end {
		return false
	}
	if len(v.pieces) == 0 {
		return true
	}
	i := max(sort.Search(len(v.pieces), func(i int) bool { return v.pieces[i].at > start })-1, 0)
	for ; i < len(v.pieces) && v.pieces[i].at < end; i++ {
		if v.pieces[i].how != surrounding {
			return true
		}
	}
	return false
}

// Place says where the byte at offset is.
func (v *View) Place(offset int) Place {
	if v.fixed != nil {
		return *v.fixed
	}
	if v.parent == nil {
		line, column := v.index.place(v.Text, offset)
		if line == 1 {
			column += v.before.column
		}
		line += v.before.lines
		if v.levels == 0 {
			return Place{Line: line, Column: column}
		}
		p := v.origin
		p.Within = within(fmt.Sprintf("%s:%d", v.entry, line), p.Within)
		return p
	}
	src, p := v.source(offset)
	if p != nil && p.how == stringText {
		// The parent is a binary, which has no lines.
		o := v.parent.origin
		o.Within = within(strings.TrimSpace(fmt.Sprintf("byte %d %s", int64(src)+v.parent.before.bytes, of(v.parent.entry))), o.Within)
		return o
	}
	place := v.parent.Place(src)
	if p != nil {
		place.Within = within(howNames[v.howAt(offset)], place.Within)
	}
	return place
}

// howAt says how the stretch around offset was encoded: escapes leave plain
// pieces between them.
func (v *View) howAt(offset int) how {
	i := max(sort.Search(len(v.pieces), func(i int) bool { return v.pieces[i].at > offset })-1, 0)
	for j := i; j < len(v.pieces) && j < i+8; j++ {
		if h := v.pieces[j].how; h > plain {
			return h
		}
	}
	for j := i; j >= 0 && j > i-8; j-- {
		if h := v.pieces[j].how; h > plain {
			return h
		}
	}
	return escapedText
}

func of(entry string) string {
	if entry == "" {
		return ""
	}
	return "of " + entry
}

func within(inner, outer string) string {
	switch {
	case outer == "":
		return inner
	case inner == "":
		return outer
	}
	return inner + " in " + outer
}

// extent counts what was passed.
type extent struct {
	bytes  int64
	lines  int
	column int // bytes after the last line feed
}

func (e *extent) add(text []byte) {
	e.bytes += int64(len(text))
	if n := bytes.Count(text, newline); n > 0 {
		e.lines += n
		e.column = len(text) - bytes.LastIndexByte(text, '\n') - 1
	} else {
		e.column += len(text)
	}
}

var newline = []byte("\n")

// lineIndex finds lines without going over all of the text again. It is made
// when it is first needed, which is almost never.
type lineIndex struct {
	marks []mark
}

// mark is what is known at an offset that is a multiple of markBytes.
type mark struct{ lines, lineStart int }

const markBytes = 4096

// place returns the 1-based line and column of an offset.
func (x *lineIndex) place(text []byte, offset int) (line, column int) {
	offset = max(min(offset, len(text)), 0)
	if x.marks == nil {
		m := mark{}
		for at := 0; at <= len(text); at += markBytes {
			x.marks = append(x.marks, m)
			block := text[at:min(at+markBytes, len(text))]
			if n := bytes.Count(block, newline); n > 0 {
				m.lines += n
				m.lineStart = at + bytes.LastIndexByte(block, '\n') + 1
			}
		}
	}
	m := x.marks[offset/markBytes]
	rest := text[offset/markBytes*markBytes : offset]
	if n := bytes.Count(rest, newline); n > 0 {
		m.lines += n
		m.lineStart = offset - len(rest) + bytes.LastIndexByte(rest, '\n') + 1
	}
	return m.lines + 1, offset - m.lineStart + 1
}
