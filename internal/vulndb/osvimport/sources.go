package osvimport

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"

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
var archiveKinds = []string{".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz"}

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
	case archiveKind(real) != "":
		return r.archive(name, real, other)
	case wanted(filepath.Base(real)):
		return r.plain(name, real, strings.TrimSuffix(other, filepath.Ext(other)))
	}
	return fmt.Errorf("read the advisories: %q is not a directory, a .json or .yaml file, or one of %s", name, strings.Join(archiveKinds, " "))
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
	kind := archiveKind(real)
	if kind == ".zip" {
		err = r.zip(name, other, f, info.Size())
	} else {
		err = r.tar(name, other, kind, f)
	}
	if err != nil {
		return fmt.Errorf("read the archive %q: %w", name, err)
	}
	return nil
}

func (r *reader) tar(name, other, kind string, f io.Reader) error {
	packed := &ratio.Counter{R: f}
	unpacked := &ratio.Counter{R: packed}
	switch kind {
	case ".tar.gz", ".tgz":
		z, err := gzip.NewReader(bufio.NewReader(packed))
		if err != nil {
			return err
		}
		unpacked.R, unpacked.Packed = z, packed
	case ".tar.xz", ".txz":
		z, err := xz.NewReader(bufio.NewReader(packed))
		if err != nil {
			return err
		}
		unpacked.R, unpacked.Packed = z, packed
	}
	t := tar.NewReader(unpacked)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			// What follows the end mark is read so that a checksum at the end
			// of the file is checked.
			_, err := io.Copy(io.Discard, unpacked)
			return err
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
