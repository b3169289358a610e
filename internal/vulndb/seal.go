package vulndb

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// blockBytes is the size of the pieces of the file that have a hash each. A
// look-up reads about four of them, and hashing one takes some ten
// microseconds.
const blockBytes = 16 << 10

// digestHeader is what is hashed before the hashes of the blocks: what the
// digest means, the size of the file, and the time of the data. A policy may
// ask how old that is, so it must not change under the same digest.
const digestHeader = "gatehouse database 1\n%d bytes\nupdated %s\n"

// Digest identifies a database: "sha256:" and a hash in hex of its size, the
// time of its data, and the hashes of all blocks of trivy.db, which are
// returned, too. So what is read can be checked against the digest without
// reading all. How a database came here does not change its digest.
func Digest(r io.Reader, size int64, updated time.Time) (digest string, sums []byte, err error) {
	buf := make([]byte, blockBytes)
	var total int64
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			sum := sha256.Sum256(buf[:n])
			sums = append(sums, sum[:]...)
			total += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return "", nil, fmt.Errorf("hash the database: %w", err)
		}
	}
	if total != size {
		return "", nil, fmt.Errorf("%w: it has %d bytes, want %d", ErrCorrupt, total, size)
	}
	return digestOf(sums, size, updated), sums, nil
}

func digestOf(sums []byte, size int64, updated time.Time) string {
	h := sha256.New()
	fmt.Fprintf(h, digestHeader, size, updated.UTC().Format(time.RFC3339Nano))
	h.Write(sums)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Seal completes the database in dir, which has its content and its metadata:
// it writes the hashes of the content and the manifest m with digest and size,
// which it returns.
func Seal(dir string, meta Metadata, m Manifest) (Manifest, error) {
	f, err := os.Open(filepath.Join(dir, FileName))
	if err != nil {
		return m, fmt.Errorf("seal the database: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return m, fmt.Errorf("seal the database: %w", err)
	}
	m.Bytes = info.Size()
	var sums []byte
	if m.Digest, sums, err = Digest(f, m.Bytes, meta.UpdatedAt); err != nil {
		return m, err
	}
	if err := writeFile(filepath.Join(dir, SumsName), sums); err != nil {
		return m, err
	}
	return m, WriteManifest(dir, m)
}

// readSums reads the hashes of the blocks and checks them against the digest.
func readSums(dir string, m *Manifest, updated time.Time) ([]byte, error) {
	want := (m.Bytes + blockBytes - 1) / blockBytes * sha256.Size
	f, err := os.Open(filepath.Join(dir, SumsName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no %s beside %s", ErrCorrupt, SumsName, ManifestName)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != want {
		return nil, fmt.Errorf("%w: %s has %d bytes, want %d", ErrCorrupt, SumsName, info.Size(), want)
	}
	sums := make([]byte, want)
	if _, err := io.ReadFull(f, sums); err != nil {
		return nil, fmt.Errorf("read %s: %w", SumsName, err)
	}
	if got := digestOf(sums, m.Bytes, updated); got != m.Digest {
		return nil, fmt.Errorf("%w: %s, %s and the size of %s give the digest %s, %s says %s",
			ErrCorrupt, SumsName, MetadataName, FileName, got, ManifestName, m.Digest)
	}
	return sums, nil
}

// checked reads a file and compares each block with its hash before anything
// of it is used.
type checked struct {
	r    io.ReaderAt
	size int64
	sums []byte
	good []atomic.Bool
	bufs sync.Pool
}

func newChecked(r io.ReaderAt, size int64, sums []byte) *checked {
	return &checked{r: r, size: size, sums: sums, good: make([]atomic.Bool, len(sums)/sha256.Size),
		bufs: sync.Pool{New: func() any { b := make([]byte, blockBytes); return &b }}}
}

// ReadAt reads as [io.ReaderAt] says.
func (c *checked) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: the offset is negative", off)
	}
	end := min(off+int64(len(p)), c.size)
	for i := off / blockBytes; i*blockBytes < end; i++ {
		if i < int64(len(c.good)) && c.good[i].Load() {
			continue
		}
		if err := c.check(i); err != nil {
			return 0, err
		}
	}
	return c.r.ReadAt(p, off)
}

func (c *checked) check(i int64) error {
	if i >= int64(len(c.good)) {
		return fmt.Errorf("%w: it is larger than %s says", ErrCorrupt, SumsName)
	}
	buf := c.bufs.Get().(*[]byte)
	defer c.bufs.Put(buf)
	off := i * blockBytes
	block := (*buf)[:min(blockBytes, c.size-off)]
	if n, err := c.r.ReadAt(block, off); n < len(block) {
		if err == nil || errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: it became shorter", ErrCorrupt)
		}
		return err
	}
	if sum := sha256.Sum256(block); !bytes.Equal(sum[:], c.sums[i*sha256.Size:][:sha256.Size]) {
		return fmt.Errorf("%w: what is at byte %d does not match its hash", ErrCorrupt, off)
	}
	c.good[i].Store(true)
	return nil
}
