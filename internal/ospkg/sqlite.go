package ospkg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const sqliteMagic = "SQLite format 3\x00"

// sqlite reads tables of an SQLite file by https://sqlite.org/fileformat2.html,
// no more than is needed for a table with a blob.
type sqlite struct {
	data []byte
	page uint64 // bytes of a page
	used uint64 // bytes of a page that hold content
	room int64  // bytes that values may still have
	seen map[uint32]bool
}

// sqliteBlobs returns the last column of each row of a table that is a blob.
// Rows before a damaged one are returned.
func sqliteBlobs(data []byte, table string) ([][]byte, error) {
	if len(data) < 512 {
		return nil, errors.New("it is cut off in its header")
	}
	s := &sqlite{data: data, page: uint64(binary.BigEndian.Uint16(data[16:])), room: int64(len(data)), seen: map[uint32]bool{}}
	if s.page == 1 {
		s.page = 64 << 10
	}
	if s.page < 512 || s.page&(s.page-1) != 0 || uint64(data[20])+480 > s.page {
		return nil, fmt.Errorf("pages of %d bytes are none of SQLite", s.page)
	}
	s.used = s.page - uint64(data[20])
	// The number of pages counts only if the change counter agrees.
	if n := uint64(binary.BigEndian.Uint32(data[28:])); n > 0 && binary.BigEndian.Uint32(data[24:]) == binary.BigEndian.Uint32(data[92:]) && n*s.page > uint64(len(data)) {
		return nil, fmt.Errorf("it is cut off: %d pages of %d bytes do not fit into %d bytes", n, s.page, len(data))
	}
	root := uint32(0)
	err := s.rows(1, 0, func(record []byte) error {
		values, err := columns(record)
		if err != nil || len(values) < 5 {
			return errors.Join(err, errors.New("the list of its tables is damaged"))
		}
		if string(values[0].bytes) == "table" && strings.EqualFold(string(values[2].bytes), table) {
			for _, b := range values[3].bytes {
				root = root<<8 | uint32(b)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if root == 0 {
		return nil, fmt.Errorf("it has no table %s", table)
	}
	var blobs [][]byte
	err = s.rows(root, 0, func(record []byte) error {
		values, err := columns(record)
		if err != nil {
			return err
		}
		if n := len(values); n > 0 && values[n-1].blob {
			blobs = append(blobs, values[n-1].bytes)
			return nil
		}
		return errors.New("a row holds no header")
	})
	return blobs, err
}

// rows calls f with the record of each row of a table.
func (s *sqlite) rows(n uint32, depth int, f func([]byte) error) error {
	if n == 0 || uint64(n)*s.page > uint64(len(s.data)) || s.seen[n] || depth > 40 {
		return fmt.Errorf("page %d is not there, or is in the tree twice", n)
	}
	s.seen[n] = true
	page := s.data[uint64(n-1)*s.page:][:s.page]
	head := 0
	if n == 1 {
		head = 100
	}
	kind, cells := page[head], int(binary.BigEndian.Uint16(page[head+3:]))
	first := head + 8
	if kind == 5 {
		first = head + 12
	}
	if kind != 5 && kind != 13 || first+2*cells > int(s.page) {
		return fmt.Errorf("page %d is of the kind %d with %d cells, and so is none of a table", n, kind, cells)
	}
	for i := range cells {
		at := int(binary.BigEndian.Uint16(page[first+2*i:]))
		if at < first || at+4 > int(s.page) {
			return fmt.Errorf("cell %d of page %d is outside of it", i, n)
		}
		if kind == 5 {
			if err := s.rows(binary.BigEndian.Uint32(page[at:]), depth+1, f); err != nil {
				return err
			}
			continue
		}
		record, err := s.record(page, uint64(at))
		if err == nil {
			err = f(record)
		}
		if err != nil {
			return fmt.Errorf("row %d of page %d: %w", i, n, err)
		}
	}
	if kind == 5 {
		return s.rows(binary.BigEndian.Uint32(page[head+8:]), depth+1, f)
	}
	return nil
}

// record is the content of a cell of a leaf, put together from the pages on
// which it goes on.
func (s *sqlite) record(page []byte, at uint64) ([]byte, error) {
	size, n := varint(page[at:])
	_, m := varint(page[min(at+n, s.page):])
	at += n + m
	if n == 0 || m == 0 || int64(size) < 0 {
		return nil, errors.New("its size cannot be read")
	}
	if s.room -= int64(size); s.room < 0 {
		return nil, errors.New("its rows are larger than the file")
	}
	here := size
	if most := s.used - 35; size > most {
		least := (s.used-12)*32/255 - 23
		if here = least + (size-least)%(s.used-4); here > most {
			here = least
		}
	}
	if at+here > s.used {
		return nil, errors.New("it ends outside of its page")
	}
	if here == size {
		return page[at : at+size], nil
	}
	record := append(make([]byte, 0, size), page[at:at+here]...)
	if at+here+4 > s.used {
		return nil, errors.New("where it goes on is outside of its page")
	}
	next := binary.BigEndian.Uint32(page[at+here:])
	for uint64(len(record)) < size {
		if next == 0 || uint64(next)*s.page > uint64(len(s.data)) || s.seen[next] {
			return nil, fmt.Errorf("it goes on at page %d, which is not there or was read before", next)
		}
		s.seen[next] = true
		more := s.data[uint64(next-1)*s.page:][:s.used]
		next = binary.BigEndian.Uint32(more)
		record = append(record, more[4:4+min(size-uint64(len(record)), s.used-4)]...)
	}
	return record, nil
}

type column struct {
	bytes []byte
	blob  bool
}

// columns splits a record: a list of types, and the values.
func columns(record []byte) ([]column, error) {
	head, n := varint(record)
	if n == 0 || head > uint64(len(record)) || head < n {
		return nil, errors.New("the types of its columns are cut off")
	}
	types, body := record[n:head], record[head:]
	var values []column
	for len(types) > 0 {
		t, n := varint(types)
		if n == 0 {
			return nil, errors.New("the types of its columns are cut off")
		}
		types = types[n:]
		size := uint64(0)
		switch {
		case t >= 12:
			size = (t - 12) / 2
		case t == 5:
			size = 6
		case t == 6 || t == 7:
			size = 8
		case t < 5:
			size = t
		}
		if size > uint64(len(body)) {
			return nil, errors.New("a column is cut off")
		}
		values = append(values, column{body[:size], t >= 12 && t%2 == 0})
		body = body[size:]
	}
	return values, nil
}

// varint is a number of up to nine bytes, and how many it has; 0 if it is cut
// off.
func varint(b []byte) (v, n uint64) {
	for i := range min(len(b), 9) {
		if i == 8 {
			return v<<8 | uint64(b[i]), 9
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, uint64(i + 1)
		}
	}
	return 0, 0
}
