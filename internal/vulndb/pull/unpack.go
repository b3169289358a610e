package pull

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/ratio"
)

// openTar reads a tar that may be compressed with gzip. The second result must
// be read to its end to see whether the archive is whole.
func openTar(r io.Reader) (*tar.Reader, io.Reader, error) {
	packed := &ratio.Counter{R: r}
	buffered := bufio.NewReaderSize(packed, 64<<10)
	head, err := buffered.Peek(2)
	if err != nil {
		return nil, nil, fmt.Errorf("read the archive: %w", noEOF(err))
	}
	if !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return tar.NewReader(buffered), buffered, nil
	}
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, nil, fmt.Errorf("read the archive: %w", noEOF(err))
	}
	unpacked := &ratio.Counter{R: z, Packed: packed}
	return tar.NewReader(unpacked), unpacked, nil
}

// noEOF makes the end of a file an error that cannot be taken for success.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unpack writes the files of a published database into dir. It reads r to the
// end.
func unpack(dir string, r io.Reader) error {
	t, rest, err := openTar(r)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		name := path.Clean(h.Name)
		if h.Typeflag == tar.TypeDir && name == "." {
			continue
		}
		if err := unpackFile(dir, name, h, t, seen); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, rest); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	// What follows the gzip stream counts for the digest.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	for _, name := range []string{vulndb.FileName, vulndb.MetadataName} {
		if !seen[name] {
			return fmt.Errorf("there is no %s in the archive: it is not a vulnerability database", name)
		}
	}
	return nil
}

func unpackFile(dir, name string, h *tar.Header, r io.Reader, seen map[string]bool) error {
	limit := int64(limits.MaxConfigBytes)
	switch name {
	case vulndb.FileName:
		limit = limits.MaxDatabaseBytes
	case vulndb.MetadataName, vulndb.ManifestName:
	default:
		return fmt.Errorf("there is %.80q in the archive, want only %s and %s", h.Name, vulndb.FileName, vulndb.MetadataName)
	}
	if h.Typeflag != tar.TypeReg || seen[name] {
		return fmt.Errorf("%s in the archive is not a regular file, or is there twice", name)
	}
	seen[name] = true
	return writeFile(filepath.Join(dir, name), r, h.Size, limit)
}

// writeFile copies size bytes, and makes sure that they are on the disk.
func writeFile(path string, r io.Reader, size, limit int64) error {
	if size > limit {
		return fmt.Errorf("%s has %d bytes, the limit is %d", filepath.Base(path), size, limit)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, r, size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), noEOF(err))
	}
	return nil
}

// readTheirs reads metadata and manifest as they came, and removes the
// manifest: what it says has to be computed.
func readTheirs(dir string) (vulndb.Metadata, vulndb.Manifest, error) {
	var m vulndb.Manifest
	data, err := os.ReadFile(filepath.Join(dir, vulndb.MetadataName))
	if err != nil {
		return vulndb.Metadata{}, m, err
	}
	meta, err := vulndb.ParseMetadata(data)
	if err != nil {
		return meta, m, err
	}
	if meta.UpdatedAt.IsZero() {
		return meta, m, fmt.Errorf("%s does not say when the data was updated", vulndb.MetadataName)
	}
	path := filepath.Join(dir, vulndb.ManifestName)
	data, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return meta, m, nil
	}
	if err != nil {
		return meta, m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return meta, m, fmt.Errorf("parse %s: %w", vulndb.ManifestName, err)
	}
	return meta, m, os.Remove(path)
}

// fromArchive reads a file that is the database itself, an OCI archive or a
// Docker archive.
func fromArchive(ctx context.Context, tmp, file string, opts Options) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%q is not a regular file", file)
	}
	t, _, err := openTar(f)
	if err != nil {
		return "", err
	}
	h, err := t.Next()
	if err != nil {
		return "", fmt.Errorf("read the archive: %w", noEOF(err))
	}
	for path.Clean(h.Name) == "." && h.Typeflag == tar.TypeDir {
		if h, err = t.Next(); err != nil {
			return "", fmt.Errorf("read the archive: %w", noEOF(err))
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	sum := sha256.New()
	r := &progress{ctx: ctx, r: io.TeeReader(f, sum), total: info.Size(), tell: opts.Progress}
	switch path.Clean(h.Name) {
	case vulndb.FileName, vulndb.MetadataName, vulndb.ManifestName:
		err = unpack(tmp, r)
		return "tar:" + file + "@sha256:" + hex.EncodeToString(sum.Sum(nil)), err
	}
	dir, err := os.MkdirTemp(tmp, "archive-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := unpackArchive(dir, r); err != nil {
		return "", err
	}
	opts.Progress = nil // it has been told already
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
		_, err := fromLayout(ctx, tmp, dir, opts)
		return "tar:" + file + "@sha256:" + hex.EncodeToString(sum.Sum(nil)), err
	}
	return "tar:" + file + "@sha256:" + hex.EncodeToString(sum.Sum(nil)), fromDocker(tmp, dir)
}

// maxArchiveEntries is far more than an archive of one image with one layer
// has.
const maxArchiveEntries = 1000

// unpackArchive writes the regular files of an image archive into dir.
func unpackArchive(dir string, r io.Reader) error {
	t, rest, err := openTar(r)
	if err != nil {
		return err
	}
	left := int64(limits.MaxDatabaseBytes)
	for n := 0; ; n++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			_, err := io.Copy(io.Discard, rest)
			return err
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		name := path.Clean(h.Name)
		switch {
		case n > maxArchiveEntries:
			return fmt.Errorf("the archive has more than %d entries: it is not a vulnerability database", maxArchiveEntries)
		case h.Typeflag == tar.TypeDir:
			continue
		case h.Typeflag != tar.TypeReg || !filepath.IsLocal(name) || strings.Contains(name, "\\"):
			return fmt.Errorf("the archive has %.80q, which is not a regular file within it", h.Name)
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := writeFile(to, t, h.Size, left); err != nil {
			return err
		}
		left -= h.Size
	}
}

// fromDocker reads the only layer of the only image of a Docker archive. Such
// an archive has neither media types nor digests of packed layers.
func fromDocker(tmp, dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return errors.New("the archive holds no database, no OCI layout and no Docker image: it is not a vulnerability database")
	}
	var images []struct{ Layers []string }
	if err := json.Unmarshal(data, &images); err != nil {
		return fmt.Errorf("parse manifest.json: %w", err)
	}
	if len(images) != 1 || len(images[0].Layers) != 1 || !filepath.IsLocal(images[0].Layers[0]) {
		return errors.New("the archive does not hold one image with one layer: it is not a vulnerability database")
	}
	f, err := os.Open(filepath.Join(dir, images[0].Layers[0]))
	if err != nil {
		return err
	}
	defer f.Close()
	return unpack(tmp, f)
}
