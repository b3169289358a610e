package views

import (
	"bytes"
	"encoding/binary"
)

// sqliteMagic begins a database; see https://sqlite.org/fileformat2.html.
const sqliteMagic = "SQLite format 3\x00"

func isSQLite(data []byte) bool { return bytes.HasPrefix(data, []byte(sqliteMagic)) }

// sqlite is a database that is being read.
type sqlite struct {
	data   []byte
	page   int              // bytes of a page
	usable int              // of these
	order  binary.ByteOrder // nil for UTF-8
}

// sqlite hands the texts and blobs of the records of a database on, each on a
// line: in the file they stand one after the other without anything between
// them, and long ones in pieces. What is not a record, such as rows that were
// deleted, is left to [walk.binary].
func (w *walk) sqlite(v *View) error {
	data := v.Text
	if len(data) < 512 {
		return nil
	}
	db := sqlite{data: data, page: int(binary.BigEndian.Uint16(data[16:]))}
	if db.page == 1 {
		db.page = 1 << 16
	}
	db.usable = db.page - int(data[20])
	if db.page < 512 || db.page&(db.page-1) != 0 || db.usable < 480 {
		return nil
	}
	switch data[59] {
	case 2:
		db.order = binary.LittleEndian
	case 3:
		db.order = binary.BigEndian
	}
	b := w.builder(v, 0)
	defer w.release(b)
	for start := 0; start+db.page <= len(data); start += db.page {
		if err := w.sqlitePage(&db, start, b); err != nil {
			return err
		}
	}
	return b.finish()
}

// The types of pages that have records.
const (
	indexInterior = 0x02
	indexLeaf     = 0x0a
	tableLeaf     = 0x0d
)

func (w *walk) sqlitePage(db *sqlite, start int, b *builder) error {
	page := db.data[start : start+db.page]
	header := page
	if start == 0 {
		header = page[100:]
	}
	kind := header[0]
	cells, first := int(binary.BigEndian.Uint16(header[3:])), len(page)-len(header)+8
	switch kind {
	case indexInterior:
		first += 4
	case indexLeaf, tableLeaf:
	default:
		return nil
	}
	for i := range cells {
		at := first + 2*i
		if at+2 > len(page) {
			return nil
		}
		cell := int(binary.BigEndian.Uint16(page[at:]))
		if cell < first || cell >= db.usable {
			continue
		}
		record, err := w.sqliteRecord(db, kind, page[cell:db.usable])
		if err != nil {
			return err
		}
		if err := db.columns(record, start+cell, b); err != nil {
			return err
		}
	}
	return nil
}

// sqliteRecord is the content of a cell, with what overflows into other pages.
func (w *walk) sqliteRecord(db *sqlite, kind byte, cell []byte) ([]byte, error) {
	if kind == indexInterior {
		cell = cell[min(4, len(cell)):]
	}
	size, cell := sqliteVarint(cell)
	if kind == tableLeaf {
		_, cell = sqliteVarint(cell)
	}
	if size > uint64(len(db.data)) {
		return nil, nil
	}
	total := int(size)
	least, most := (db.usable-12)*32/255-23, (db.usable-12)*64/255-23
	if kind == tableLeaf {
		most = db.usable - 35
	}
	local := total
	if total > most {
		if local = least + (total-least)%(db.usable-4); local > most {
			local = least
		}
	}
	if local > len(cell) {
		return nil, nil
	}
	if err := w.spend(total); err != nil {
		return nil, err
	}
	if local == total {
		return cell[:total], nil
	}
	record := append(make([]byte, 0, total), cell[:local]...)
	next := cell[local:]
	for len(record) < total && len(next) >= 4 {
		n := int(binary.BigEndian.Uint32(next))
		if n < 1 || n > len(db.data)/db.page {
			break
		}
		page := db.data[(n-1)*db.page:][:db.usable]
		next = page
		record = append(record, page[4:min(4+total-len(record), len(page))]...)
	}
	return record, nil
}

// columns adds the texts and blobs of a record that begins near offset src.
func (db *sqlite) columns(record []byte, src int, b *builder) error {
	size, types := sqliteVarint(record)
	if size == 0 || size > uint64(len(record)) {
		return nil
	}
	types = types[:max(0, min(len(types), int(size)-(len(record)-len(types))))]
	at := int(size)
	for len(types) > 0 && at < len(record) {
		var kind uint64
		kind, types = sqliteVarint(types)
		length := 0
		switch {
		case kind >= 12:
			if kind-12 > uint64(2*len(record)) {
				return nil
			}
			length = int(kind-12) / 2
		case kind < 8:
			length = [...]int{0, 1, 2, 3, 4, 6, 8, 8}[kind]
		}
		value := record[at:min(at+length, len(record))]
		at += length
		if kind < 12 || len(value) < minString {
			continue
		}
		if kind%2 == 1 && db.order != nil {
			value = fromUTF16(value, db.order)
		}
		b.newLine()
		b.piece(piece{src: src, num: 0, den: 1, how: stringText})
		for len(value) > 0 {
			n := min(len(value), windowBytes/4)
			b.text = append(b.text, value[:n]...)
			value = value[n:]
			if err := b.full(); err != nil {
				return err
			}
		}
	}
	return nil
}

// sqliteVarint reads a number of up to nine bytes.
func sqliteVarint(b []byte) (n uint64, rest []byte) {
	for i, c := range b {
		if i == 8 {
			return n<<8 | uint64(c), b[9:]
		}
		n = n<<7 | uint64(c&0x7f)
		if c < 0x80 {
			return n, b[i+1:]
		}
	}
	return 0, nil
}
