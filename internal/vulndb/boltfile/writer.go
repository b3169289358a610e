package boltfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
)

// pageBytes is the page size of new files. It is fixed, so that the bytes do
// not depend on the machine; bbolt reads any size.
const pageBytes = 4096

const (
	freelistPage = 0x10

	// firstPage is the first page after two meta pages and the list of free
	// pages.
	firstPage = 3

	// maxInlineBytes is up to which size a bucket lies within its parent: a
	// quarter of a page, as in bbolt.
	maxInlineBytes = pageBytes / 4

	maxKeyBytes   = 32768        // bbolt's MaxKeySize
	maxValueBytes = maxSpanBytes // less than bbolt's MaxValueSize
)

// Writer makes a new file from entries that come in order. Unlike bbolt,
// which allocates pages in the order of a map, it gives the same bytes for the
// same entries, and it needs little memory.
type Writer struct {
	f    *os.File
	w    *bufio.Writer
	next uint64
}

// NewWriter writes to f, which must be empty.
func NewWriter(f *os.File) (*Writer, error) {
	w := &Writer{f: f, w: bufio.NewWriterSize(f, 1<<20), next: firstPage}
	_, err := w.w.Write(make([]byte, firstPage*pageBytes)) // filled in by Finish
	return w, err
}

// Finish writes what is pending. The root holds the named buckets. The file is
// not yet synchronised with the disk.
func (w *Writer) Finish(root *BucketWriter) error {
	rootPage, err := root.finish()
	if err == nil {
		err = w.w.Flush()
	}
	if err != nil {
		return err
	}
	head := make([]byte, firstPage*pageBytes)
	le := binary.LittleEndian
	for i := range 2 {
		page := head[i*pageBytes:]
		le.PutUint64(page, uint64(i))
		le.PutUint16(page[8:], metaPage)
		m := page[pageHeaderBytes:]
		le.PutUint32(m, magic)
		le.PutUint32(m[4:], formatVersion)
		le.PutUint32(m[8:], pageBytes)
		le.PutUint64(m[16:], rootPage)
		le.PutUint64(m[32:], firstPage-1)
		le.PutUint64(m[40:], w.next)
		le.PutUint64(m[48:], uint64(i))
		h := fnv.New64a()
		h.Write(m[:metaBytes-8])
		le.PutUint64(m[metaBytes-8:], h.Sum64())
	}
	free := head[(firstPage-1)*pageBytes:]
	le.PutUint64(free, firstPage-1)
	le.PutUint16(free[8:], freelistPage)
	_, err = w.f.WriteAt(head, 0)
	return err
}

// Bucket starts a bucket. It becomes part of the file when it is given to
// [BucketWriter.PutBucket] or [Writer.Finish].
func (w *Writer) Bucket() *BucketWriter { return &BucketWriter{w: w, levels: make([]level, 1)} }

// BucketWriter collects the entries of a bucket in the order of their keys.
type BucketWriter struct {
	w *Writer
	// levels are the pages that are not yet full, from the leaf upwards.
	levels []level
	last   []byte
	// nested is true if there is a bucket in it.
	nested bool
}

type level struct {
	items []item
	bytes int
}

// item is an element of a leaf page or, if it has a child, of a branch page.
type item struct {
	flags      uint32
	key, value []byte
	child      uint64
}

// Put adds an entry. The slices must not change until the bucket is finished.
func (b *BucketWriter) Put(key, value []byte) error { return b.put(item{key: key, value: value}) }

// PutBucket adds a bucket, to which nothing can be added any more.
func (b *BucketWriter) PutBucket(key []byte, child *BucketWriter) error {
	header := make([]byte, bucketHeaderBytes)
	leaf := &child.levels[0]
	if len(child.levels) == 1 && !child.nested && pageHeaderBytes+leaf.bytes <= maxInlineBytes {
		page := encode(leaf.items, 0, false)
		return b.put(item{flags: bucketElement, key: key, value: append(header, page...)})
	}
	root, err := child.finish()
	if err != nil {
		return err
	}
	b.nested = true
	binary.LittleEndian.PutUint64(header, root)
	return b.put(item{flags: bucketElement, key: key, value: header})
}

func (b *BucketWriter) put(i item) error {
	switch {
	case len(i.key) == 0 || len(i.key) > maxKeyBytes:
		return fmt.Errorf("the key %.80q has %d bytes, want 1 to %d", i.key, len(i.key), maxKeyBytes)
	case len(i.value) > maxValueBytes:
		return fmt.Errorf("the value of %.80q has %d bytes, the limit is %d", i.key, len(i.value), maxValueBytes)
	case b.last != nil && bytes.Compare(b.last, i.key) >= 0:
		return fmt.Errorf("the key %.80q comes after %.80q", i.key, b.last)
	}
	b.last = i.key
	if i.flags&bucketElement != 0 {
		b.nested = true
	}
	return b.add(0, i)
}

func (b *BucketWriter) add(n int, i item) error {
	if n == len(b.levels) {
		b.levels = append(b.levels, level{})
	}
	size := elementBytes + len(i.key) + len(i.value)
	// A branch page has two elements or more, however long: with one each,
	// there would be no end of levels.
	least := 1
	if n > 0 {
		least = 2
	}
	if l := &b.levels[n]; len(l.items) >= least && pageHeaderBytes+l.bytes+size > pageBytes {
		if err := b.flush(n); err != nil {
			return err
		}
	}
	l := &b.levels[n] // flush may have moved it
	l.items = append(l.items, i)
	l.bytes += size
	return nil
}

// flush writes the page of a level and tells the level above.
func (b *BucketWriter) flush(n int) error {
	l := &b.levels[n]
	id := b.w.next
	page := encode(l.items, id, n > 0)
	pages := (len(page) + pageBytes - 1) / pageBytes
	binary.LittleEndian.PutUint32(page[12:], uint32(pages-1))
	if _, err := b.w.w.Write(page); err != nil {
		return err
	}
	if _, err := b.w.w.Write(make([]byte, pages*pageBytes-len(page))); err != nil {
		return err
	}
	b.w.next += uint64(pages)
	var first []byte
	if len(l.items) > 0 {
		first = l.items[0].key
	}
	l.items, l.bytes = nil, 0
	return b.add(n+1, item{key: first, child: id})
}

// finish writes all pages and returns the root.
func (b *BucketWriter) finish() (uint64, error) {
	if b.levels == nil {
		return 0, errors.New("the bucket is finished already")
	}
	for n := 0; ; n++ {
		if l := b.levels[n]; n > 0 && n == len(b.levels)-1 && len(l.items) == 1 {
			b.levels = nil
			return l.items[0].child, nil
		}
		if err := b.flush(n); err != nil {
			return 0, err
		}
	}
}

// encode lays out a page, without the bytes that fill it up.
func encode(items []item, id uint64, branch bool) []byte {
	size := pageHeaderBytes
	for _, i := range items {
		size += elementBytes + len(i.key) + len(i.value)
	}
	page := make([]byte, pageHeaderBytes+len(items)*elementBytes, size)
	le := binary.LittleEndian
	le.PutUint64(page, id)
	le.PutUint16(page[8:], leafPage)
	if branch {
		le.PutUint16(page[8:], branchPage)
	}
	le.PutUint16(page[10:], uint16(len(items)))
	for n, i := range items {
		start := pageHeaderBytes + n*elementBytes
		e, pos := page[start:], uint32(len(page)-start)
		if branch {
			le.PutUint32(e, pos)
			le.PutUint32(e[4:], uint32(len(i.key)))
			le.PutUint64(e[8:], i.child)
		} else {
			le.PutUint32(e, i.flags)
			le.PutUint32(e[4:], pos)
			le.PutUint32(e[8:], uint32(len(i.key)))
			le.PutUint32(e[12:], uint32(len(i.value)))
		}
		page = append(append(page, i.key...), i.value...)
	}
	return page
}
