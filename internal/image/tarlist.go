package image

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// kind is what an entry of a layer is.
type kind string

const (
	kindFile     kind = "file"
	kindHard     kind = "hardlink" // to Link, whose content it has
	kindSymlink  kind = "symlink"
	kindDir      kind = "dir"
	kindWhiteout kind = "whiteout" // Path is gone
	kindOpaque   kind = "opaque"   // all that was in Path is gone
	kindOther    kind = "other"    // device, pipe
	kindBad      kind = "bad"      // a name that leads out of the image
)

// entry is one entry of a layer, in the order of its tar.
type entry struct {
	// Path is slash-separated and relative, cleaned.
	Path string `json:"p"`
	Kind kind   `json:"k"`
	Mode int64  `json:"m,omitempty"`
	Size int64  `json:"s,omitempty"`
	// SHA256 is that of the content, in hex; of files only.
	SHA256 string `json:"h,omitempty"`
	Link   string `json:"l,omitempty"`
}

// Whiteouts: https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
)

// listLayer reads the whole layer once, and holds blob and tar against their
// digests.
func listLayer(ctx context.Context, blob io.Reader, l Layer) ([]entry, error) {
	compressed := &counting{r: blob, h: sha256.New(), most: l.Size, ctx: ctx}
	stream, err := decompress(compressed, l.MediaType)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	plain := &counting{r: stream, h: sha256.New(), most: min(limits.MaxLayerBytes, max(limits.FreeLayerBytes, l.Size*limits.MaxLayerRatio)), ctx: ctx}
	var entries []entry
	content := int64(0) // of files, whose holes are not in the tar
	t := tar.NewReader(plain)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("its tar cannot be read after %d entries: %w", len(entries), err)
		}
		if len(entries) >= limits.MaxFiles {
			return nil, fmt.Errorf("it has more than %d entries, the limit", limits.MaxFiles)
		}
		e, skip := entryOf(h)
		if skip {
			continue
		}
		if e.Kind == kindFile {
			if content += h.Size; content > plain.most {
				return nil, fmt.Errorf("its files have more than the %d bytes that are allowed for a layer of %d, with %s", plain.most, l.Size, e.Path)
			}
			sum := sha256.New()
			if _, err := io.Copy(sum, t); err != nil {
				return nil, fmt.Errorf("%s cannot be read: %w", e.Path, err)
			}
			e.SHA256 = hex.EncodeToString(sum.Sum(nil))
		}
		entries = append(entries, e)
	}
	// What follows the last entry belongs to both digests.
	if _, err := io.Copy(io.Discard, plain); err != nil {
		return nil, fmt.Errorf("its tar cannot be read to the end: %w", err)
	}
	if _, err := io.Copy(io.Discard, compressed); err != nil {
		return nil, fmt.Errorf("it cannot be read to the end: %w", err)
	}
	if compressed.n != l.Size {
		return nil, fmt.Errorf("it has %d bytes, the manifest says %d", compressed.n, l.Size)
	}
	if err := compressed.is(l.Digest); err != nil {
		return nil, fmt.Errorf("the blob is not the one that the manifest names: %w", err)
	}
	if err := plain.is(l.DiffID); err != nil {
		return nil, fmt.Errorf("the tar is not the one that the configuration names: %w", err)
	}
	return entries, nil
}

// entryOf reads a header; skip is true for what only describes the archive.
func entryOf(h *tar.Header) (e entry, skip bool) {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return entry{}, true
	}
	name, ok := cleanName(h.Name)
	e = entry{Path: name, Mode: h.Mode, Size: h.Size}
	if !ok {
		e.Path, e.Kind = h.Name, kindBad
		return e, false
	}
	if name == "." {
		return entry{}, true
	}
	dir, base := path.Split(name)
	switch {
	case base == opaqueName:
		return entry{Path: path.Clean(dir), Kind: kindOpaque}, false
	case strings.HasPrefix(base, whiteoutPrefix+whiteoutPrefix): // of AUFS, without meaning
		return entry{}, true
	case strings.HasPrefix(base, whiteoutPrefix):
		return entry{Path: path.Join(dir, strings.TrimPrefix(base, whiteoutPrefix)), Kind: kindWhiteout}, false
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeGNUSparse: //nolint:staticcheck // old archives have it
		e.Kind = kindFile
	case tar.TypeLink:
		e.Kind, e.Size = kindHard, 0
		if e.Link, ok = cleanName(h.Linkname); !ok {
			e.Kind, e.Link = kindBad, h.Linkname
		}
	case tar.TypeSymlink:
		e.Kind, e.Link, e.Size = kindSymlink, h.Linkname, 0
	case tar.TypeDir:
		e.Kind = kindDir
	default:
		e.Kind = kindOther
	}
	return e, false
}

// cleanName makes a name relative to the root of the image; one that leads out of
// it is not ok.
func cleanName(name string) (string, bool) {
	if strings.ContainsRune(name, 0) || name == "" {
		return "", false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", false
		}
	}
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	if clean == "" {
		clean = "."
	}
	return clean, strings.Count(clean, "/") < limits.MaxDepth
}

// counting passes on what it reads, and counts and hashes it. More than the most
// is an error, and so is the end of the context.
type counting struct {
	r    io.Reader
	h    hash.Hash
	n    int64
	most int64
	ctx  context.Context
}

func (c *counting) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.h.Write(b[:n])
	if c.n > c.most {
		return n, fmt.Errorf("there are more than the %d bytes that are allowed", c.most)
	}
	return n, err
}

func (c *counting) is(digest string) error {
	if got := "sha256:" + hex.EncodeToString(c.h.Sum(nil)); got != digest {
		return fmt.Errorf("its digest is %s, want %s", got, digest)
	}
	return nil
}

// decompress finds out by the first bytes how the layer is compressed, as the
// media types of old images are not to be relied on.
func decompress(r io.Reader, mediaType string) (io.ReadCloser, error) {
	if strings.Contains(mediaType, "+encrypted") {
		return nil, errors.New("it is encrypted: check the image where it can be decrypted")
	}
	in := bufio.NewReaderSize(r, 1<<16)
	start, err := in.Peek(4)
	if err != nil && len(start) == 0 {
		if errors.Is(err, io.EOF) {
			return io.NopCloser(in), nil // an empty layer
		}
		return nil, err
	}
	switch {
	case len(start) >= 2 && start[0] == 0x1f && start[1] == 0x8b:
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("it is not gzip: %w", err)
		}
		return z, nil
	case len(start) == 4 && string(start) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(limits.MaxZstdMemory), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, fmt.Errorf("it is not zstd: %w", err)
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(in), nil
}

// spool copies a blob into a temporary file that is gone when it is closed, unless it
// can be read twice as it is. It is not checked.
func spool(ctx context.Context, r io.ReadCloser, size int64) (io.ReadSeekCloser, error) {
	if s, ok := r.(io.ReadSeekCloser); ok {
		return s, nil
	}
	defer r.Close()
	f, err := os.CreateTemp("", "gatehouse-layer-*")
	if err != nil {
		return nil, fmt.Errorf("keep the layer while it is read: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	in := &counting{r: r, h: sha256.New(), most: size, ctx: ctx}
	if _, err := io.Copy(f, in); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
