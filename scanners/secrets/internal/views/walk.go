package views

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// wholeBytes is the largest entry of an archive that is looked at as a whole;
// larger ones are looked at in windows of as much.
const wholeBytes = 8 << 20

// Walk calls visit for each text in a file, and gap for each part of an archive
// that could not be looked at. If the file holds no text at all, skip says why,
// as a clause. An error is one of visit, or that of ctx.
//
// The views of a text follow it, so that those with less around them come
// first.
func Walk(ctx context.Context, name string, data []byte, visit func(*View) error, gap func(gatehouse.Gap)) (skip string, err error) {
	w := &walk{ctx: ctx, visit: visit, gap: gap,
		maxUnpacked: min(limits.MaxUnpackedBytes, int64(len(data))*limits.MaxArchiveRatio+1<<20),
		maxDecoded:  int64(len(data))*limits.MaxDecodedRatio + 1<<20}
	src := source{path: name}
	if archiveKind(data) == notArchive {
		if class, kind := classify(data, false); class == classMedia {
			return kind, nil
		}
	}
	err = w.file(src, data)
	if errors.Is(err, errBound) {
		err = nil // has been said
	}
	w.sayRest()
	return "", err
}

// walk is one call of [Walk].
type walk struct {
	ctx   context.Context
	visit func(*View) error
	gap   func(gatehouse.Gap)

	unpacked, maxUnpacked int64
	decoded, maxDecoded   int64
	entries               int
	gaps                  int
	buffers               [][]byte // not in use
}

// errBound ends a walk after a bound was hit and reported.
var errBound = errors.New("a bound was hit")

// source says where bytes come from.
type source struct {
	path   string // that a view gets
	entry  string // within the file; empty for the file itself
	origin Place  // of the archive in the file
	levels int    // of archives around it
	// If entry names the content of a compressed stream, around is what it
	// gives way to for the entries of an archive in it; else nil.
	around *source
}

// child is an entry of an archive.
func (s source) child(name string) source {
	name = cleanName(name)
	outer := s
	if s.around != nil {
		outer = *s.around
	}
	c := source{path: outer.path + "!" + name, entry: name, origin: s.origin, levels: s.levels + 1}
	if outer.entry != "" {
		c.entry = outer.entry + "!" + name
	}
	return c
}

// content is what a compressed stream holds.
func (s source) content(name string) source {
	c := s.child(name)
	c.around = &s
	if s.around != nil {
		c.around = s.around
	}
	return c
}

// cleanName makes the name of an entry fit to be shown.
func cleanName(name string) string {
	const max = 200
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if len(name) > max {
		name = "…" + strings.ToValidUTF8(name[len(name)-max:], "")
	}
	return name
}

// file looks at bytes that are all in memory.
func (w *walk) file(src source, data []byte) error {
	if kind := archiveKind(data); kind != notArchive {
		return w.archive(src, kind, data)
	}
	class, _ := classify(data, false)
	v := &View{Path: src.path, Text: data, entry: src.entry, origin: src.origin, levels: src.levels}
	var err error
	switch class {
	case classMedia:
		return nil
	case classUTF16:
		v.Text = toUTF8(data)
		return w.text(v, 0)
	case classBinary:
		err = w.binary(v)
	default:
		err = w.text(v, 0)
	}
	switch {
	case err != nil:
		return err
	case isSQLite(data):
		return w.sqlite(v)
	case isPDF(data):
		return w.pdf(src, data)
	case isOffice(src.path, data):
		return w.markup(v)
	}
	return nil
}

// text hands a text on, and then what is encoded in it.
func (w *walk) text(v *View, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if err := w.visit(v); err != nil {
		return err
	}
	if depth >= limits.MaxEncodingDepth {
		return nil
	}
	b := w.builder(v, depth+1)
	err := w.decodeRuns(v, b, depth)
	if err == nil {
		err = w.decodePercent(v, b)
	}
	if err == nil {
		err = w.decodeEscapes(v, b)
	}
	if err == nil {
		err = b.finish()
	}
	w.release(b)
	return err
}

// binary hands the strings of a binary on.
func (w *walk) binary(v *View) error {
	b := w.builder(v, 0)
	err := w.addStrings(v.Text, b)
	if err == nil {
		err = b.finish()
	}
	w.release(b)
	return err
}

// builders keeps memory between files.
var builders = sync.Pool{New: func() any { return &builder{} }}

// builder returns one for texts that derive from a view.
func (w *walk) builder(parent *View, depth int) *builder {
	b := builders.Get().(*builder)
	binary := depth == 0
	b.flush = func(b *builder, more bool) error {
		v := &View{Path: parent.Path, Text: b.text, Binary: binary || parent.Binary, Derived: !binary || parent.Derived,
			parent: parent, pieces: b.pieces, levels: parent.levels, first: b.own}
		if more {
			keep := overlap(len(b.text))
			v.end = len(b.text) - keep/2
		}
		return w.text(v, depth)
	}
	return b
}

func (w *walk) release(b *builder) {
	if cap(b.text) <= 4*windowBytes {
		b.reset()
		builders.Put(b)
	}
}

// spend counts what was decoded.
func (w *walk) spend(n int) error {
	w.decoded += int64(n)
	if w.decoded <= w.maxDecoded {
		return w.ctx.Err()
	}
	w.say(gatehouse.Gap{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf(
		"what is encoded in it decodes to more than %d times its size, the rest was not looked at; exclude the file if it is generated", limits.MaxDecodedRatio)})
	return errBound
}

// maxGaps bounds the gaps of one file; the rest is counted.
const maxGaps = 20

func (w *walk) say(g gatehouse.Gap) {
	if w.gaps++; w.gaps <= maxGaps {
		w.gap(g)
	}
}

func (w *walk) sayRest() {
	if n := w.gaps - maxGaps; n > 0 {
		w.gap(gatehouse.Gap{Code: gatehouse.GapTooMany, Reason: fmt.Sprintf("%d more of its entries could not be looked at", n)})
	}
}

// stream looks at the bytes of an entry as they come.
func (w *walk) stream(src source, r io.Reader) error {
	r = &meter{w: w, src: src, r: r}
	buf := w.buffer()
	defer func() { w.buffers = append(w.buffers, buf) }()
	buf, err := fill(r, buf[:0], wholeBytes)
	if err == nil { // there is more
		return w.large(src, r, &buf)
	}
	if ended := w.ended(src, err); ended != nil {
		return ended
	}
	return w.file(src, buf)
}

// ended says what is wrong if err is not the end of an entry. It returns an
// error if nothing more can be looked at.
func (w *walk) ended(src source, err error) error {
	switch {
	case err == io.EOF:
		return nil
	case errors.Is(err, errBound) || w.ctx.Err() != nil:
		return err
	}
	w.broken(src, err)
	return nil
}

// broken reports an entry that could be read only in part, or not at all.
func (w *walk) broken(src source, err error) {
	w.say(gatehouse.Gap{Code: gatehouse.GapParse, Entry: src.entry, Reason: fmt.Sprintf(
		"could be unpacked only in part (%s); replace or exclude the file", clean(err))})
}

// clean keeps bytes of foreign origin out of messages.
func clean(err error) string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, err.Error())
	return s[:min(len(s), 120)]
}

// large looks at an entry of which buf holds the start.
func (w *walk) large(src source, r io.Reader, buf *[]byte) error {
	head := *buf
	kind := archiveKind(head)
	if kind.streams() {
		return w.archiveStream(src, kind, io.MultiReader(bytes.NewReader(head), r))
	}
	class, _ := classify(head, true)
	switch {
	case class == classMedia && kind == notArchive:
		return nil
	case kind != notArchive || class == classUTF16 || isSQLite(head) || isPDF(head):
		// Half as much at each level, so that all levels together hold little.
		most := limits.MaxFileBytes >> max(src.levels-1, 0)
		all, err := fill(r, head, most)
		*buf = all
		if err == nil {
			return w.tooLarge(src, most)
		}
		if ended := w.ended(src, err); ended != nil {
			return ended
		}
		return w.file(src, all)
	}
	return w.windows(src, r, buf, class)
}

func (w *walk) tooLarge(src source, most int) error {
	w.say(gatehouse.Gap{Code: gatehouse.GapTooLarge, Entry: src.entry, Reason: fmt.Sprintf(
		"is an archive, a document, a database or text in UTF-16 that has more than %d bytes itself, and was not looked at; scan it on its own, or exclude the file", most)})
	return nil
}

// windows looks at a text or binary of any size.
func (w *walk) windows(src source, r io.Reader, buf *[]byte, class class) error {
	v := View{Path: src.path, entry: src.entry, origin: src.origin, levels: src.levels}
	for more := true; more; {
		v.Text, v.index, v.end = *buf, lineIndex{}, 0
		keep := overlap(len(*buf))
		v.end = len(*buf) - keep/2
		// Is there another window? It is read into the same buffer, so one byte
		// is kept apart.
		var next [1]byte
		n, err := io.ReadFull(r, next[:])
		if more = n == 1; !more {
			v.end = 0
			if err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
		}
		window := v
		var failed error
		if class == classBinary {
			failed = w.binary(&window)
		} else {
			failed = w.text(&window, 0)
		}
		if failed != nil {
			return failed
		}
		if !more {
			return w.ended(src, err)
		}
		cut := len(*buf) - keep
		v.before.add((*buf)[:cut])
		v.first = keep - keep/2
		rest := append((*buf)[:copy(*buf, (*buf)[cut:])], next[0])
		if rest, err = fill(r, rest, wholeBytes); err != nil && err != io.EOF {
			*buf = rest
			if ended := w.ended(src, err); ended != nil {
				return ended
			}
		}
		*buf = rest
	}
	return nil
}

// fill reads until buf holds n bytes; then the error is nil.
func fill(r io.Reader, buf []byte, n int) ([]byte, error) {
	for len(buf) < n {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(max(2*cap(buf), 32<<10), n))
			copy(grown, buf)
			buf = grown
		}
		k, err := r.Read(buf[len(buf):min(cap(buf), n)])
		buf = buf[:len(buf)+k]
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

func (w *walk) buffer() []byte {
	if n := len(w.buffers); n > 0 {
		b := w.buffers[n-1]
		w.buffers = w.buffers[:n-1]
		return b
	}
	return nil
}

// meter counts what is unpacked.
type meter struct {
	w   *walk
	src source
	r   io.Reader
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.w.unpacked += int64(n)
	if m.w.unpacked > m.w.maxUnpacked {
		m.w.say(gatehouse.Gap{Code: gatehouse.GapTooLarge, Entry: m.src.entry, Reason: fmt.Sprintf(
			"the file unpacks to more than %d bytes, or %d times its size, and what comes after was not looked at; scan its parts, or exclude it",
			int64(limits.MaxUnpackedBytes), limits.MaxArchiveRatio)})
		return 0, errBound
	}
	return n, err
}

// baseName is the last element of the path of the entry, or of the file.
func (s source) baseName() string {
	name := s.path
	if i := strings.LastIndexByte(name, '!'); i >= 0 {
		name = name[i+1:]
	}
	return path.Base(name)
}
