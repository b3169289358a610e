// Package boltfile reads bbolt databases that nobody has vouched for, and
// writes new ones.
//
// The bbolt library maps the file into memory and trusts it: a flipped byte is
// a panic, a truncated file is a fault, and a page that points to itself is a
// stack overflow, which no program survives. This package reads with plain
// reads, checks every offset before it uses it, and returns an error instead.
// It never changes an existing file. The format is that of go.etcd.io/bbolt,
// version 2.
package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"sort"
	"sync/atomic"
)

// The layout of the file; see go.etcd.io/bbolt/internal/common, page.go,
// meta.go and bucket.go.
const (
	magic         = 0xED0CDAED
	formatVersion = 2

	pageHeaderBytes   = 16
	elementBytes      = 16
	bucketHeaderBytes = 16
	metaBytes         = 64

	branchPage = 0x01
	leafPage   = 0x02
	metaPage   = 0x04

	bucketElement = 0x01
)

const (
	// minPageBytes and maxPageBytes are what an operating system uses for its
	// memory pages, which is where bbolt takes the size from.
	minPageBytes = 1 << 10
	maxPageBytes = 1 << 16

	// maxDepth bounds the height of a tree. Even with two keys to a page, 40
	// levels hold more pages than the largest file.
	maxDepth = 40

	// maxSpanBytes bounds a page with its overflow pages: bbolt splits a page
	// that has more than four keys, so that only huge values make it grow.
	maxSpanBytes = 64 << 20
)

// ErrCorrupt is wrapped by each error about the content of the file.
var ErrCorrupt = errors.New("corrupt database")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// File is an open database. Its methods may be called concurrently.
type File struct {
	r         io.ReaderAt
	size      int64
	pageBytes int64
	root      uint64
	close     func() error
	// known are the pages that were read, by id: nil for those that were not, or
	// are not kept. keptBranches and keptLeaves count them.
	known                    []atomic.Pointer[page]
	keptBranches, keptLeaves atomic.Int64
}

// maxKept bounds the pages of either kind that are kept: 8 MB of those of the
// usual size. A database of a million advisories has some 500 branch pages.
const maxKept = 2048

// Open opens the file at path. A shared lock keeps writers that use bbolt out
// as long as the file is open; see [ErrLocked]. All reads go through what wrap
// makes of the file, if it is not nil.
func Open(path string, wrap func(io.ReaderAt, int64) io.ReaderAt) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%q is not a regular file", path)
	}
	if err == nil {
		err = lockShared(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	var r io.ReaderAt = f
	if wrap != nil {
		r = wrap(f, info.Size())
	}
	db, err := New(r, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	db.close = f.Close
	return db, nil
}

// New reads a database of the given size from r.
func New(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: size}
	// Of the two meta pages the one that was written last counts. The second
	// starts where the first says that a page ends; if the first is damaged,
	// all page sizes are tried, as bbolt does.
	first, firstErr := f.readMeta(0)
	var second *meta
	if first != nil {
		second, _ = f.readMeta(first.pageBytes)
	} else {
		for n := int64(minPageBytes); n <= maxPageBytes && second == nil; n *= 2 {
			if m, err := f.readMeta(n); err == nil && m.pageBytes == n {
				second = m
			}
		}
	}
	m := first
	if m == nil || (second != nil && second.txid > m.txid) {
		m = second
	}
	if m == nil {
		return nil, firstErr
	}
	f.pageBytes, f.root = m.pageBytes, m.root
	// bbolt never shrinks a file below its high-water mark.
	if m.pages > uint64(size)/uint64(m.pageBytes) {
		return nil, corrupt("truncated: it has %d bytes and needs %d", size, m.pages*uint64(m.pageBytes))
	}
	f.known = make([]atomic.Pointer[page], f.pages())
	return f, nil
}

// Close releases the file. It is safe to call more than once.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	c := f.close
	f.close = nil
	return c()
}

// Bytes is the size of the file.
func (f *File) Bytes() int64 { return f.size }

// Content reads the whole file, from its start.
func (f *File) Content() io.Reader { return io.NewSectionReader(f.r, 0, f.size) }

// pages bounds how many pages a walk can visit.
func (f *File) pages() int64 { return f.size / f.pageBytes }

type meta struct {
	pageBytes   int64
	root        uint64
	pages, txid uint64
}

func (f *File) readMeta(offset int64) (*meta, error) {
	var b [pageHeaderBytes + metaBytes]byte
	if n, err := f.r.ReadAt(b[:], offset); n < len(b) {
		if err == io.EOF || err == nil {
			return nil, corrupt("truncated: it has %d bytes", f.size)
		}
		return nil, err
	}
	le := binary.LittleEndian
	m := b[pageHeaderBytes:]
	if le.Uint32(m) != magic {
		return nil, corrupt("it is not a bbolt file, or was written on a big-endian machine")
	}
	if v := le.Uint32(m[4:]); v != formatVersion {
		return nil, corrupt("its bbolt format has version %d, want %d", v, formatVersion)
	}
	h := fnv.New64a()
	h.Write(m[:metaBytes-8])
	if h.Sum64() != le.Uint64(m[metaBytes-8:]) {
		return nil, corrupt("the checksum of its meta page is wrong")
	}
	size := int64(le.Uint32(m[8:]))
	if size < minPageBytes || size > maxPageBytes || size&(size-1) != 0 {
		return nil, corrupt("its page size is %d bytes", size)
	}
	return &meta{pageBytes: size, root: le.Uint64(m[16:]), pages: le.Uint64(m[40:]), txid: le.Uint64(m[48:])}, nil
}

// page is one page with its overflow, or the page within an inline bucket.
type page struct {
	data  []byte
	id    uint64
	leaf  bool
	count int
}

func (f *File) readPage(id uint64) (page, error) {
	if id < uint64(len(f.known)) {
		if p := f.known[id].Load(); p != nil {
			return *p, nil
		}
	}
	p, err := f.loadPage(id)
	if err != nil || int64(len(p.data)) != f.pageBytes {
		return p, err
	}
	kept := &f.keptBranches
	if p.leaf {
		kept = &f.keptLeaves
	}
	if kept.Load() < maxKept && f.known[id].CompareAndSwap(nil, &p) {
		kept.Add(1)
	}
	return p, nil
}

func (f *File) loadPage(id uint64) (page, error) {
	if id >= uint64(f.pages()) {
		return page{}, corrupt("page %d is beyond the end of the file", id)
	}
	offset := int64(id) * f.pageBytes
	buf := make([]byte, f.pageBytes)
	if err := f.readFull(buf, offset, id); err != nil {
		return page{}, err
	}
	if got := binary.LittleEndian.Uint64(buf); got != id {
		return page{}, corrupt("page %d says that it is page %d", id, got)
	}
	if overflow := int64(binary.LittleEndian.Uint32(buf[12:])); overflow > 0 {
		total := (overflow + 1) * f.pageBytes
		if total > maxSpanBytes || total > f.size-offset {
			return page{}, corrupt("page %d claims %d bytes", id, total)
		}
		whole := make([]byte, total)
		n := copy(whole, buf)
		if err := f.readFull(whole[n:], offset+int64(n), id); err != nil {
			return page{}, err
		}
		buf = whole
	}
	return parsePage(buf, id)
}

func (f *File) readFull(buf []byte, offset int64, id uint64) error {
	if n, err := f.r.ReadAt(buf, offset); n < len(buf) {
		if err == io.EOF || err == nil {
			return corrupt("page %d is cut short", id)
		}
		return fmt.Errorf("read page %d: %w", id, err)
	}
	return nil
}

func parsePage(data []byte, id uint64) (page, error) {
	if len(data) < pageHeaderBytes {
		return page{}, corrupt("page %d is cut short", id)
	}
	p := page{data: data, id: id, count: int(binary.LittleEndian.Uint16(data[10:]))}
	switch flags := binary.LittleEndian.Uint16(data[8:]); flags {
	case branchPage:
	case leafPage:
		p.leaf = true
	default:
		return page{}, corrupt("page %d has the flags %#x", id, flags)
	}
	if pageHeaderBytes+p.count*elementBytes > len(data) {
		return page{}, corrupt("page %d claims %d elements", id, p.count)
	}
	return p, nil
}

// slice returns n bytes at pos, counted from the start of element i.
func (p page) slice(i int, pos, n uint32) ([]byte, error) {
	start := uint64(pageHeaderBytes+i*elementBytes) + uint64(pos)
	if start+uint64(n) > uint64(len(p.data)) {
		return nil, corrupt("element %d of page %d lies outside of the page", i, p.id)
	}
	return p.data[start : start+uint64(n) : start+uint64(n)], nil
}

func (p page) branch(i int) (key []byte, child uint64, err error) {
	e := p.data[pageHeaderBytes+i*elementBytes:]
	le := binary.LittleEndian
	key, err = p.slice(i, le.Uint32(e), le.Uint32(e[4:]))
	return key, le.Uint64(e[8:]), err
}

func (p page) element(i int) (Entry, error) {
	e := p.data[pageHeaderBytes+i*elementBytes:]
	le := binary.LittleEndian
	pos, nk, nv := le.Uint32(e[4:]), le.Uint32(e[8:]), le.Uint32(e[12:])
	key, err := p.slice(i, pos, nk)
	if err != nil {
		return Entry{}, err
	}
	if uint64(pos)+uint64(nk) > 1<<32-1 {
		return Entry{}, corrupt("element %d of page %d lies outside of the page", i, p.id)
	}
	value, err := p.slice(i, pos+nk, nv)
	return Entry{Key: key, Value: value, IsBucket: le.Uint32(e)&bucketElement != 0}, err
}

// Entry is a key with its value or bucket. The slices may be kept and must not
// be changed.
type Entry struct {
	Key []byte
	// Value is the content; for a bucket its encoded form.
	Value    []byte
	IsBucket bool
}

// Bucket is a sorted collection of entries.
type Bucket struct {
	f      *File
	root   uint64
	inline *page
	budget *int64 // nil: each walk has its own
}

// Root returns the bucket that holds the named buckets.
func (f *File) Root() Bucket { return Bucket{f: f, root: f.root} }

// Bounded returns the bucket such that all walks through it and the buckets
// opened from it together read no more than a few times the size of the file.
// In a good file each page belongs to one bucket; in a bad one, thousands of
// buckets may share a page that holds thousands of them.
func (b Bucket) Bounded() Bucket {
	b.budget = b.f.newBudget()
	return b
}

// newBudget bounds a walk in bytes. Buckets within buckets are counted once
// for each level, and there are at most four levels in the files read here.
func (f *File) newBudget() *int64 {
	n := 8*f.size + 1<<20
	return &n
}

// Open returns the bucket that is the value of e.
func (b Bucket) Open(e Entry) (Bucket, error) {
	if !e.IsBucket {
		return Bucket{}, corrupt("%q is a value where a bucket belongs", e.Key)
	}
	if len(e.Value) < bucketHeaderBytes {
		return Bucket{}, corrupt("the header of bucket %q is cut short", e.Key)
	}
	child := Bucket{f: b.f, root: binary.LittleEndian.Uint64(e.Value), budget: b.budget}
	if child.root == 0 { // the only page follows the header
		p, err := parsePage(e.Value[bucketHeaderBytes:], 0)
		if err != nil {
			return Bucket{}, fmt.Errorf("bucket %q: %w", e.Key, err)
		}
		if !p.leaf {
			return Bucket{}, corrupt("bucket %q has a branch page inline", e.Key)
		}
		child.inline = &p
	}
	return child, nil
}

// Bucket returns the bucket called name, and whether there is one.
func (b Bucket) Bucket(name string) (Bucket, bool, error) {
	e, ok, err := b.find([]byte(name))
	if err != nil || !ok {
		return Bucket{}, false, err
	}
	child, err := b.Open(e)
	return child, err == nil, err
}

// Get returns the value of key, and whether there is one.
func (b Bucket) Get(key string) ([]byte, bool, error) {
	e, ok, err := b.find([]byte(key))
	if err != nil || !ok {
		return nil, false, err
	}
	if e.IsBucket {
		return nil, false, corrupt("%q is a bucket where a value belongs", key)
	}
	return e.Value, true, nil
}

func (b Bucket) find(key []byte) (Entry, bool, error) {
	p, err := b.rootPage()
	if err != nil {
		return Entry{}, false, err
	}
	for depth := 0; !p.leaf; depth++ {
		if depth == maxDepth {
			return Entry{}, false, corrupt("a tree is more than %d pages high", maxDepth)
		}
		// The child is that of the last key that is not greater.
		var keyErr error
		i := sort.Search(p.count, func(i int) bool {
			k, _, err := p.branch(i)
			keyErr = errors.Join(keyErr, err)
			return bytes.Compare(k, key) > 0
		})
		if keyErr != nil {
			return Entry{}, false, keyErr
		}
		if i == 0 {
			return Entry{}, false, nil
		}
		_, child, err := p.branch(i - 1)
		if err != nil {
			return Entry{}, false, err
		}
		if p, err = b.f.readPage(child); err != nil {
			return Entry{}, false, err
		}
	}
	var keyErr error
	i := sort.Search(p.count, func(i int) bool {
		e, err := p.element(i)
		keyErr = errors.Join(keyErr, err)
		return bytes.Compare(e.Key, key) >= 0
	})
	if keyErr != nil || i == p.count {
		return Entry{}, false, keyErr
	}
	e, err := p.element(i)
	if err != nil || !bytes.Equal(e.Key, key) {
		return Entry{}, false, err
	}
	return e, true, nil
}

func (b Bucket) rootPage() (page, error) {
	if b.inline != nil {
		return *b.inline, nil
	}
	return b.f.readPage(b.root)
}

// ForEach calls fn for all entries in the order of their keys, until fn
// returns an error. Keys out of order are an error, as is a walk without end;
// see [Bucket.Bounded].
func (b Bucket) ForEach(fn func(Entry) error) error {
	w := walk{f: b.f, fn: fn, budget: b.budget}
	if w.budget == nil {
		w.budget = b.f.newBudget()
	}
	p, err := b.rootPage()
	if err != nil {
		return err
	}
	return w.page(p, 0)
}

type walk struct {
	f      *File
	fn     func(Entry) error
	budget *int64
	last   []byte
	any    bool
}

// spend fails if more was read than a tree can hold.
func (w *walk) spend(bytes int) error {
	if *w.budget -= int64(bytes); *w.budget < 0 {
		return corrupt("its pages are reached again and again")
	}
	return nil
}

func (w *walk) page(p page, depth int) error {
	if depth > maxDepth {
		return corrupt("a tree is more than %d pages high", maxDepth)
	}
	if err := w.spend(len(p.data)); err != nil {
		return err
	}
	for i := range p.count {
		if !p.leaf {
			_, id, err := p.branch(i)
			if err != nil {
				return err
			}
			child, err := w.f.readPage(id)
			if err != nil {
				return err
			}
			if err := w.page(child, depth+1); err != nil {
				return err
			}
			continue
		}
		e, err := p.element(i)
		if err != nil {
			return err
		}
		if err := w.spend(elementBytes + len(e.Key) + len(e.Value)); err != nil {
			return err
		}
		if w.any && bytes.Compare(w.last, e.Key) >= 0 {
			return corrupt("the keys of page %d are out of order", p.id)
		}
		w.last, w.any = e.Key, true
		if err := w.fn(e); err != nil {
			return err
		}
	}
	return nil
}
