package views

import (
	"bytes"
	"compress/flate"
	"encoding/ascii85"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// maxDictionaryBytes is how much of an object is taken for its dictionary.
const maxDictionaryBytes = 64 << 10

// isPDF allows for what mail programs put before the document; see ISO 32000-1,
// annex H.3, note 13.
func isPDF(data []byte) bool { return bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) }

// pdf is a document that is being read. It is read from front to back: what the
// tables of the document say about places is not needed, and may lie.
type pdf struct {
	w    *walk
	src  source
	data []byte

	streams []pdfStream
	byID    map[int]int    // of streams, by number of the object
	dicts   map[int][]byte // of all objects
	maps    map[int]*charMap
	// fonts are the objects with the map of characters, by the name of the font.
	fonts map[string][]int
}

// pdfStream is an object with data.
type pdfStream struct {
	id         int
	dict, body []byte
}

// pdf looks at the streams of a document: the text of its pages, and what else
// is in it, such as attached files. The document as it stands is looked at
// besides.
func (w *walk) pdf(src source, data []byte) error {
	if w.tooDeep(src) {
		return nil
	}
	p := &pdf{w: w, src: src, data: data, byID: map[int]int{}, dicts: map[int][]byte{}, maps: map[int]*charMap{}, fonts: map[string][]int{}}
	p.list()
	if encrypted.Match(data) {
		w.say(gatehouse.Gap{Code: gatehouse.GapUnreadable, Entry: src.entry,
			Reason: "is an encrypted document, and its text was not looked at; store it unencrypted, or exclude the file"})
		return nil
	}
	for i := range p.streams {
		if s := &p.streams[i]; hasType(s.dict, "ObjStm") {
			if err := p.unpackObjects(s); err != nil {
				return err
			}
		}
	}
	p.findFonts()
	for i := range p.streams {
		if err := p.look(&p.streams[i]); err != nil {
			return err
		}
	}
	return nil
}

var (
	encrypted  = regexp.MustCompile(`/Encrypt\s*(?:\d+\s+\d+\s+R|<<)`)
	objectHead = regexp.MustCompile(`(\d{1,9})\s+\d{1,5}\s+$`)
	filterList = regexp.MustCompile(`/Filter\s*(?:/(\w+)|\[([\s/\w]*)\])`)
	lengthOf   = regexp.MustCompile(`/Length\s+(\d{1,10})(\s+\d+\s+R)?`)
	typeOf     = regexp.MustCompile(`/(?:Type|Subtype)\s*/(\w+)`)
	name       = regexp.MustCompile(`\w+`)
)

// maxObjects bounds the objects of a document. The largest books have some
// hundred thousand.
const maxObjects = 500_000

// list finds the objects.
func (p *pdf) list() {
	ends, streams := finder{p.data, []byte("endobj"), -1}, finder{p.data, []byte("stream"), -1}
	for at := 0; ; {
		i := bytes.Index(p.data[at:], []byte("obj"))
		if i < 0 {
			return
		}
		start := at + i
		at = start + 3
		m := objectHead.FindSubmatch(p.data[max(0, start-24):start])
		if m == nil {
			continue
		}
		if len(p.dicts) >= maxObjects || len(p.streams) >= maxObjects {
			p.w.say(gatehouse.Gap{Code: gatehouse.GapTooLarge, Entry: p.src.entry, Reason: fmt.Sprintf(
				"the document has more than %d objects, the rest was looked at as it stands only; split it, or exclude the file", maxObjects)})
			return
		}
		id, _ := strconv.Atoi(string(m[1]))
		stream := streams.from(at)
		end := min(ends.from(at), stream)
		dict := p.data[at:min(end, at+maxDictionaryBytes)]
		p.dicts[id] = dict
		at = end
		if stream != end || end == len(p.data) {
			continue
		}
		body := end + len("stream")
		if bytes.HasPrefix(p.data[body:], []byte("\r\n")) {
			body += 2
		} else if body < len(p.data) && (p.data[body] == '\n' || p.data[body] == '\r') {
			body++
		}
		at = p.endOf(dict, body)
		p.byID[id] = len(p.streams)
		p.streams = append(p.streams, pdfStream{id, dict, p.data[body:at]})
	}
}

// finder finds a word again and again, from places that only grow, and looks at
// each byte once.
type finder struct {
	data, word []byte
	next       int
}

func (f *finder) from(at int) int {
	if f.next < at {
		f.next = len(f.data)
		if i := bytes.Index(f.data[at:], f.word); i >= 0 {
			f.next = at + i
		}
	}
	return f.next
}

// endOf is where the data of a stream ends.
func (p *pdf) endOf(dict []byte, body int) int {
	if m := lengthOf.FindSubmatch(dict); m != nil && m[2] == nil {
		n, _ := strconv.Atoi(string(m[1]))
		if end := body + n; n >= 0 && end <= len(p.data) && bytes.HasPrefix(bytes.TrimLeft(p.data[end:min(end+16, len(p.data))], "\r\n "), []byte("endstream")) {
			return end
		}
	}
	if i := bytes.Index(p.data[body:], []byte("endstream")); i >= 0 {
		return body + i
	}
	return len(p.data)
}

func hasType(dict []byte, names ...string) bool {
	for _, m := range typeOf.FindAllSubmatch(dict, -1) {
		if slices.Contains(names, string(m[1])) {
			return true
		}
	}
	return false
}

// errImage says that a stream is an image.
var errImage = errors.New("is an image")

// open undoes the filters of a stream; see ISO 32000-1, section 7.4.
func (s *pdfStream) open() (r io.Reader, filtered bool, err error) {
	r = bytes.NewReader(s.body)
	m := filterList.FindSubmatch(s.dict)
	if m == nil {
		return r, false, nil
	}
	for _, f := range name.FindAll(slices.Concat(m[1], m[2]), -1) {
		switch string(f) {
		case "FlateDecode", "Fl":
			// The sum at the end is often wrong, and does not matter here.
			if _, err := io.CopyN(io.Discard, r, 2); err != nil {
				return nil, true, err
			}
			r = flate.NewReader(r)
		case "ASCII85Decode", "A85":
			text, err := io.ReadAll(r)
			if err != nil {
				return nil, true, err
			}
			text, _, _ = bytes.Cut(bytes.TrimPrefix(bytes.TrimSpace(text), []byte("<~")), []byte("~>"))
			r = ascii85.NewDecoder(bytes.NewReader(text))
		case "ASCIIHexDecode", "AHx":
			text, err := io.ReadAll(io.LimitReader(r, limits.MaxFileBytes))
			if err != nil {
				return nil, true, err
			}
			text, _, _ = bytes.Cut(text, []byte(">"))
			r = hex.NewDecoder(bytes.NewReader(bytes.Join(bytes.Fields(text), nil)))
		case "DCTDecode", "DCT", "JPXDecode", "CCITTFaxDecode", "CCF", "JBIG2Decode":
			return nil, true, errImage
		default:
			return nil, true, fmt.Errorf("filter %.20s is not known", f)
		}
	}
	return r, true, nil
}

// entry names an object.
func (p *pdf) entry(s *pdfStream) source { return p.src.child(fmt.Sprintf("object %d", s.id)) }

// read reads a stream up to a bound; the reader is for the rest, if any.
func (p *pdf) read(s *pdfStream) (data []byte, rest io.Reader, filtered bool, err error) {
	if err := p.w.countEntry(p.src); err != nil {
		return nil, nil, false, err
	}
	src := p.entry(s)
	r, filtered, err := s.open()
	if errors.Is(err, errImage) {
		return nil, nil, true, nil
	}
	if err != nil {
		p.w.broken(src, err)
		return nil, nil, true, nil
	}
	m := &meter{w: p.w, src: src, r: r}
	data, err = fill(m, nil, wholeBytes)
	if err == nil {
		return data, m, filtered, nil
	}
	return data, nil, filtered, p.w.ended(src, err)
}

// look looks at one stream.
func (p *pdf) look(s *pdfStream) error {
	if hasType(s.dict, "XRef", "ObjStm", "Image", "Type1C", "CIDFontType0C", "OpenType") || bytes.Contains(s.dict, []byte("/Length1")) || p.maps[s.id] != nil {
		return nil // an image, a font, a table, or done
	}
	data, rest, filtered, err := p.read(s)
	src := p.entry(s)
	switch {
	case err != nil:
		return err
	case rest != nil:
		if isContent(data) {
			p.w.say(gatehouse.Gap{Code: gatehouse.GapTooLarge, Entry: src.entry, Reason: fmt.Sprintf(
				"is a page with more than %d bytes, and was looked at as it stands only; split the document, or exclude the file", wholeBytes)})
		}
		return p.w.large(src, rest, &data)
	case isContent(data):
		return p.text(src, data)
	case filtered && len(data) > 0:
		return p.w.file(src, data)
	}
	return nil
}

// unpackObjects takes the objects out of a stream of objects; see ISO 32000-1,
// section 7.5.7.
func (p *pdf) unpackObjects(s *pdfStream) error {
	data, rest, _, err := p.read(s)
	if err != nil {
		return err
	}
	src := p.entry(s)
	if rest != nil {
		return p.w.large(src, rest, &data)
	}
	if m := firstObject.FindSubmatch(s.dict); m != nil {
		first, _ := strconv.Atoi(string(m[1]))
		first = min(first, len(data))
		numbers := bytes.Fields(data[:first])
		for i := 0; i+1 < len(numbers); i += 2 {
			id, err1 := strconv.Atoi(string(numbers[i]))
			from, err2 := strconv.Atoi(string(numbers[i+1]))
			if err1 != nil || err2 != nil || from < 0 || from > len(data)-first {
				break
			}
			to := len(data) - first
			if i+3 < len(numbers) {
				if n, err := strconv.Atoi(string(numbers[i+3])); err == nil && from <= n && n < to {
					to = n
				}
			}
			p.dicts[id] = data[first+from : first+min(to, from+maxDictionaryBytes)]
		}
	}
	return p.w.file(src, data)
}

var firstObject = regexp.MustCompile(`/First\s+(\d{1,9})`)
