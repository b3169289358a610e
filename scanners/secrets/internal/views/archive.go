package views

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// maxDictionary bounds the memory of a decompressor. It is what xz -9 needs;
// zstd needs 8 MiB at its highest usual level, and xz without a level as much.
// Below the first two levels of archives it is a quarter of that.
const maxDictionary = 64 << 20

func dictionary(levels int) int {
	if levels > 1 {
		return maxDictionary / 4
	}
	return maxDictionary
}

type archive uint8

const (
	notArchive archive = iota
	archiveZip
	archiveTar
	archiveGzip
	archiveBzip2
	archiveXz
	archiveZstd
	archiveAr
	archiveForeign // of a sort that is not read
)

// streams reports whether it can be read from front to back.
func (a archive) streams() bool { return a != notArchive && a != archiveZip && a != archiveForeign }

// foreign are archives that are known, but not read.
var foreign = []struct{ magic, name string }{
	{"7z\xbc\xaf\x27\x1c", "7-Zip"},
	{"Rar!\x1a\x07", "RAR"},
	{"MSCF\x00\x00\x00\x00", "Cabinet"},
	{"\x04\x22\x4d\x18", "LZ4"},
	{"LZIP\x01", "lzip"},
	{"\x1f\x9d", "compress"},
	{"\xed\xab\xee\xdb", "RPM"},
}

// archiveKind looks at the first bytes.
func archiveKind(data []byte) archive {
	if len(data) < 4 {
		return notArchive
	}
	has := func(magic string) bool { return bytes.HasPrefix(data, []byte(magic)) }
	switch data[0] {
	case 'P':
		if has("PK\x03\x04") || has("PK\x05\x06") {
			return archiveZip
		}
	case 0x1f:
		if has("\x1f\x8b\x08") {
			return archiveGzip
		}
	case 'B':
		if has("BZh") && len(data) >= 10 && (bytes.HasPrefix(data[4:], []byte("1AY&SY")) || bytes.HasPrefix(data[4:], []byte("\x17rE8P\x90"))) {
			return archiveBzip2
		}
	case 0xfd:
		if has("\xfd7zXZ\x00") {
			return archiveXz
		}
	case 0x28:
		if has("\x28\xb5\x2f\xfd") {
			return archiveZstd
		}
	case '!':
		if has("!<arch>\n") {
			return archiveAr
		}
	}
	if strings.IndexByte("7RM\x04L\x1f\xed", data[0]) >= 0 {
		for _, f := range foreign {
			if has(f.magic) {
				return archiveForeign
			}
		}
	}
	if isTar(data) {
		return archiveTar
	}
	return notArchive
}

// isTar checks the sum in the header of the first entry, which all forms of
// tar have.
func isTar(data []byte) bool {
	if len(data) < 512 || data[0] == 0 {
		return false
	}
	field := bytes.Trim(data[148:156], " \x00")
	if len(field) == 0 || len(field) > 7 {
		return false
	}
	want, sum := 0, 8*int(' ')
	for _, c := range field {
		if c < '0' || c > '7' {
			return false
		}
		want = want<<3 | int(c-'0')
	}
	for i, c := range data[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	return sum == want
}

// archive looks at the entries of an archive in memory.
func (w *walk) archive(src source, kind archive, data []byte) error {
	switch kind {
	case archiveZip:
		return w.zip(src, data)
	case archiveForeign:
		for _, f := range foreign {
			if bytes.HasPrefix(data, []byte(f.magic)) {
				w.say(gatehouse.Gap{Code: gatehouse.GapUnresolved, Entry: src.entry, Reason: fmt.Sprintf(
					"archives of the format %s are not read; unpack it, or exclude the file", f.name)})
			}
		}
		return nil
	case notArchive:
		return nil
	}
	return w.archiveStream(src, kind, bytes.NewReader(data))
}

func (w *walk) tooDeep(src source) bool {
	if src.levels < limits.MaxArchiveDepth {
		return false
	}
	w.say(gatehouse.Gap{Code: gatehouse.GapTooLarge, Entry: src.entry, Reason: fmt.Sprintf(
		"archives nest deeper than %d levels, and the innermost was not looked at; unpack it, or exclude the file", limits.MaxArchiveDepth)})
	return true
}

// countEntry reports whether there may be another entry.
func (w *walk) countEntry(src source) error {
	if w.entries++; w.entries <= limits.MaxArchiveEntries {
		return w.ctx.Err()
	}
	w.say(gatehouse.Gap{Code: gatehouse.GapTooLarge, Entry: src.entry, Reason: fmt.Sprintf(
		"the archives in the file have more than %d entries, the rest was not looked at; unpack it, or exclude the file", limits.MaxArchiveEntries)})
	return errBound
}

// archiveStream looks at an archive that is read from front to back.
func (w *walk) archiveStream(src source, kind archive, r io.Reader) error {
	if w.tooDeep(src) {
		return nil
	}
	switch kind {
	case archiveTar:
		return w.tar(src, r)
	case archiveAr:
		return w.ar(src, r)
	}
	unpacked, err := decompressor(kind, r, src.levels)
	if err != nil {
		w.broken(src, err)
		return nil
	}
	defer unpacked.Close()
	return w.stream(src.content(unpackedName(src.baseName())), unpacked)
}

func unpackedName(name string) string {
	for _, suffix := range []string{".gz", ".bz2", ".xz", ".zst", ".zstd", ".Z"} {
		if n, ok := strings.CutSuffix(name, suffix); ok && n != "" {
			return n
		}
	}
	return name
}

func decompressor(kind archive, r io.Reader, levels int) (io.ReadCloser, error) {
	switch kind {
	case archiveGzip:
		return gzip.NewReader(r)
	case archiveBzip2:
		return io.NopCloser(bzip2.NewReader(r)), nil
	case archiveXz:
		z, err := xz.NewReader(r, uint32(dictionary(levels)))
		return io.NopCloser(z), err
	case archiveZstd:
		return newZstd(r, levels)
	}
	return nil, errors.New("unknown compression")
}

func newZstd(r io.Reader, levels int) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(uint64(dictionary(levels))), zstd.WithDecoderMaxWindow(uint64(dictionary(levels))))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

func (w *walk) tar(src source, r io.Reader) error {
	t := tar.NewReader(r)
	for said := w.gaps; ; {
		h, err := t.Next()
		if err == io.EOF || err == io.ErrUnexpectedEOF && w.gaps > said {
			return nil // or the entry before was cut
		}
		if err != nil {
			return w.ended(src, err)
		}
		said = w.gaps
		if err := w.countEntry(src); err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse && h.Typeflag != '\x00' {
			continue
		}
		if err := w.stream(src.child(h.Name), t); err != nil {
			return err
		}
	}
}

// ar looks at an archive of the Unix sort, as Debian packages are.
func (w *walk) ar(src source, r io.Reader) error {
	var magic [8]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return w.ended(src, err)
	}
	for {
		var h [60]byte
		if n, err := io.ReadFull(r, h[:]); err != nil {
			if n <= 1 && (err == io.EOF || err == io.ErrUnexpectedEOF) {
				return nil // at most a byte that fills up
			}
			return w.ended(src, err)
		}
		size := int64(0)
		for _, c := range bytes.TrimRight(h[48:58], " ") {
			if c < '0' || c > '9' {
				return w.ended(src, errors.New("a header is not valid"))
			}
			size = size*10 + int64(c-'0')
		}
		if string(h[58:]) != "`\n" {
			return w.ended(src, errors.New("a header is not valid"))
		}
		if err := w.countEntry(src); err != nil {
			return err
		}
		body := &io.LimitedReader{R: r, N: size}
		name := strings.TrimRight(string(h[:16]), " /")
		if err := w.stream(src.child(name), body); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, io.LimitReader(r, body.N+size&1)); err != nil {
			return w.ended(src, err)
		}
	}
}

func (w *walk) zip(src source, data []byte) error {
	if w.tooDeep(src) {
		return nil
	}
	// The reader makes a record of each entry before it gives the first.
	if n := bytes.Count(data, []byte("PK\x01\x02")); n > limits.MaxArchiveEntries {
		w.entries = limits.MaxArchiveEntries
		return w.countEntry(src)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		w.broken(src, err)
		return w.binary(&View{Path: src.path, Text: data, entry: src.entry, origin: src.origin, levels: src.levels})
	}
	z.RegisterDecompressor(12, func(r io.Reader) io.ReadCloser { return io.NopCloser(bzip2.NewReader(r)) })
	z.RegisterDecompressor(93, failing(func(r io.Reader) (io.ReadCloser, error) { return newZstd(r, src.levels) }))
	z.RegisterDecompressor(95, failing(func(r io.Reader) (io.ReadCloser, error) { return decompressor(archiveXz, r, src.levels) }))
	for _, f := range z.File {
		if err := w.countEntry(src); err != nil {
			return err
		}
		entry := src.child(f.Name)
		if f.Flags&1 != 0 {
			w.say(gatehouse.Gap{Code: gatehouse.GapUnreadable, Entry: entry.entry,
				Reason: "is encrypted, and was not looked at; store it unencrypted, or exclude the file"})
			continue
		}
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
			continue
		}
		if err := w.zipEntry(entry, f); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) zipEntry(src source, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		if errors.Is(err, zip.ErrAlgorithm) {
			err = fmt.Errorf("compression method %d is not known", f.Method)
		}
		w.broken(src, err)
		return nil
	}
	defer r.Close()
	return w.stream(src, r)
}

// failing makes a decompressor whose first read fails if it cannot be made.
func failing(open func(io.Reader) (io.ReadCloser, error)) zip.Decompressor {
	return func(r io.Reader) io.ReadCloser {
		d, err := open(r)
		if err != nil {
			return io.NopCloser(errReader{err})
		}
		return d
	}
}

type errReader struct{ err error }

func (e errReader) Read([]byte) (int, error) { return 0, e.err }
