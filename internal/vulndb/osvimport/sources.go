package osvimport

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/ratio"
)

// file is a file of a source. If err is set, it could not be read.
type file struct {
	// name is the path of the source, and that within it.
	name string
	data []byte
	err  error
	// other names the source for entries of databases that are not known.
	other string
}

// reader walks sources and hands each file that may hold advisories to emit.
type reader struct {
	emit func(file) error
	// ignored counts the files that are no advisories by their name.
	ignored int
	files   int
}

// archiveKinds are the archives that are opened, by the end of the name.
var archiveKinds = []string{
	".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz2",
}

func archiveKind(name string) string {
	for _, k := range archiveKinds {
		if strings.HasSuffix(strings.ToLower(name), k) {
			return k
		}
	}
	return ""
}

// wanted is true for files that may hold advisories.
func wanted(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".yaml", ".yml":
		return true
	case ".md":
		return strings.HasPrefix(path.Base(name), "RUSTSEC-")
	}
	return false
}

// source reads a directory, an archive or a single file. An error means that
// the source as a whole cannot be trusted to be complete.
func (r *reader) source(name string) error {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return fmt.Errorf("read the advisories: %w", err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return fmt.Errorf("read the advisories: %w", err)
	}
	other := strings.TrimSuffix(filepath.Base(real), archiveKind(real))
	switch {
	case info.IsDir():
		if abs, err := filepath.Abs(real); err == nil {
			other = filepath.Base(abs)
		}
		return r.dir(name, real, other)
	case !info.Mode().IsRegular():
		return fmt.Errorf("read the advisories: %q is not a directory or a regular file", name)
	case archiveKind(real) != "" || isArchive(real):
		return r.archive(name, real, other)
	case wanted(filepath.Base(real)):
		return r.plain(name, real, strings.TrimSuffix(other, filepath.Ext(other)))
	}
	return fmt.Errorf("read the advisories: %q is not a directory, a .json or .yaml file, or an archive: one of %s", name, strings.Join(archiveKinds, " "))
}

func (r *reader) dir(name, real, other string) error {
	return filepath.WalkDir(real, func(p string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(real, p)
		if relErr != nil {
			rel = p
		}
		shown := filepath.Join(name, rel)
		switch {
		case err != nil:
			return r.send(file{name: shown, err: err, other: other})
		case d.IsDir():
			if d.Name() == ".git" {
				return filepath.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			r.ignored++
			return nil
		case archiveKind(p) != "":
			return r.archive(shown, p, strings.TrimSuffix(d.Name(), archiveKind(p)))
		case !wanted(d.Name()):
			r.ignored++
			return nil
		}
		return r.plain(shown, p, other)
	})
}

func (r *reader) plain(name, real, other string) error {
	f, err := os.Open(real)
	if err != nil {
		return r.send(file{name: name, err: err, other: other})
	}
	defer f.Close()
	data, err := readBounded(f)
	return r.send(file{name: name, data: data, err: err, other: other})
}

func (r *reader) send(f file) error {
	if r.files++; r.files > limits.MaxFiles {
		return fmt.Errorf("read the advisories: there are more than %d files", limits.MaxFiles)
	}
	return r.emit(f)
}

// readBounded reads a file that may be an advisory.
func readBounded(f io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limits.MaxAdvisoryBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > limits.MaxAdvisoryBytes {
		return nil, fmt.Errorf("it has more than %d bytes", limits.MaxAdvisoryBytes)
	}
	return data, nil
}

func (r *reader) archive(name, real, other string) error {
	f, err := os.Open(real)
	if err != nil {
		return fmt.Errorf("read the advisories: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the advisories: %w", err)
	}
	var head [4]byte
	if _, err := f.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the archive %q: %w", name, err)
	}
	if string(head[:]) == "PK\x03\x04" || archiveKind(real) == ".zip" {
		err = r.zip(name, other, f, info.Size())
	} else {
		err = r.tar(name, other, f)
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read the archive %q: %w: it is cut short: fetch it again (the old database stays)", name, err)
	case err != nil:
		return fmt.Errorf("read the archive %q: %w (the old database stays)", name, err)
	}
	return nil
}

// compression is how the content of a file is compressed, by its first bytes.
type compression struct {
	magic string
	open  func(io.Reader) (io.Reader, error)
}

var compressions = []compression{
	{"\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"\xfd7zXZ\x00", func(r io.Reader) (io.Reader, error) { return xz.NewReader(r, limits.MaxDictionaryBytes) }},
	{"\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(limits.MaxDictionaryBytes))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}},
	{"BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
}

// decompress returns what r holds, whatever it is compressed with.
func decompress(r io.Reader) (*ratio.Counter, error) {
	packed := &ratio.Counter{R: r}
	buffered := bufio.NewReaderSize(packed, 64<<10)
	head, err := buffered.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, c := range compressions {
		if strings.HasPrefix(string(head), c.magic) {
			z, err := c.open(buffered)
			if err != nil {
				return nil, err
			}
			return &ratio.Counter{R: z, Packed: packed}, nil
		}
	}
	return &ratio.Counter{R: buffered}, nil
}

// isArchive looks at the first bytes of a file whose name does not say it.
func isArchive(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	var zipHead [4]byte
	if _, err := f.ReadAt(zipHead[:], 0); err == nil && string(zipHead[:]) == "PK\x03\x04" {
		return true
	}
	u, err := decompress(f)
	if err != nil {
		return false
	}
	_, err = tar.NewReader(u).Next()
	return err == nil
}

// lastBlock keeps the last block of a tar file, which says that it is whole.
type lastBlock struct {
	r     io.Reader
	block []byte
}

const tarBlock = 512

func (l *lastBlock) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.block = append(l.block, p[max(0, n-tarBlock):n]...)
	l.block = l.block[max(0, len(l.block)-tarBlock):]
	return n, err
}

// end is an error unless the file ends with the mark of zeros: archive/tar
// takes a file that is cut between two entries for whole.
func (l *lastBlock) end() error {
	if len(l.block) < tarBlock || len(bytes.Trim(l.block, "\x00")) > 0 {
		return fmt.Errorf("the mark at its end is missing: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

func (r *reader) tar(name, other string, f io.Reader) error {
	u, err := decompress(f)
	if err != nil {
		return err
	}
	unpacked := &lastBlock{r: u}
	t := tar.NewReader(unpacked)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			// What follows the end mark is read so that a checksum at the end
			// of the file is checked.
			if _, err := io.Copy(io.Discard, unpacked); err != nil {
				return err
			}
			return unpacked.end()
		}
		if errors.Is(err, io.EOF) {
			return errors.New("it is empty")
		}
		if err != nil {
			return err
		}
		if n > limits.MaxFiles {
			return fmt.Errorf("it has more than %d entries", limits.MaxFiles)
		}
		switch {
		case h.Typeflag == tar.TypeDir:
			continue
		case h.Typeflag != tar.TypeReg || !wanted(h.Name):
			r.ignored++
			continue
		}
		out := file{name: name + "/" + h.Name, other: other}
		if h.Size > limits.MaxAdvisoryBytes {
			out.err = fmt.Errorf("it has more than %d bytes", limits.MaxAdvisoryBytes)
		} else if out.data, err = readBounded(t); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
		if err := r.send(out); err != nil {
			return err
		}
	}
}

func (r *reader) zip(name, other string, f io.ReaderAt, size int64) error {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return err
	}
	if len(z.File) > limits.MaxFiles {
		return fmt.Errorf("it has more than %d entries", limits.MaxFiles)
	}
	total := &ratio.Counter{Packed: &ratio.Counter{N: size}}
	for _, e := range z.File {
		switch {
		case e.FileInfo().IsDir():
			continue
		case !e.Mode().IsRegular() || !wanted(e.Name):
			r.ignored++
			continue
		}
		out := file{name: name + "/" + e.Name, other: other}
		if e.UncompressedSize64 > limits.MaxAdvisoryBytes {
			out.err = fmt.Errorf("it has more than %d bytes", limits.MaxAdvisoryBytes)
		} else {
			m, err := e.Open()
			if err == nil {
				total.R = m
				out.data, err = readBounded(total)
				m.Close()
			}
			if errors.Is(err, ratio.Err) {
				return err
			}
			out.err = err
		}
		if err := r.send(out); err != nil {
			return err
		}
	}
	return nil
}
