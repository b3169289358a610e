package ospkg

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Berkeley DB keeps packages in a hash table of pages. See its
// src/dbinc/db_page.h for what is at which offset.
const (
	berkeleyMagic     = 0x00061561 // of a hash table
	pageHashUnsorted  = 2
	pageOverflow      = 7
	pageHash          = 13
	itemOnPage        = 1
	itemOverflow      = 3
	berkeleyPageStart = 26
)

func isBerkeley(data []byte) bool {
	if len(data) < 512 {
		return false
	}
	return binary.LittleEndian.Uint32(data[12:]) == berkeleyMagic || binary.BigEndian.Uint32(data[12:]) == berkeleyMagic
}

type berkeley struct {
	data  []byte
	order binary.ByteOrder
	size  uint32 // of a page
	room  int64  // bytes that values may still have
}

// berkeleyBlobs returns the values of the table, apart from that of the key 0,
// which is the number of the last package.
func berkeleyBlobs(data []byte) ([][]byte, error) {
	b := &berkeley{data: data, order: binary.LittleEndian, room: int64(len(data))}
	if b.order.Uint32(data[12:]) != berkeleyMagic {
		b.order = binary.BigEndian
	}
	b.size = b.order.Uint32(data[20:])
	last := b.order.Uint32(data[32:])
	if b.size < 512 || b.size > 64<<10 || b.size&(b.size-1) != 0 {
		return nil, fmt.Errorf("pages of %d bytes are none of Berkeley DB", b.size)
	}
	if data[24] != 0 {
		return nil, errors.New("it is encrypted")
	}
	if uint64(last)*uint64(b.size)+uint64(b.size) > uint64(len(data)) {
		return nil, fmt.Errorf("it is cut off: %d pages of %d bytes do not fit into %d bytes", uint64(last)+1, b.size, len(data))
	}
	var blobs [][]byte
	for n := uint32(1); n <= last; n++ {
		page := b.page(n)
		if kind := page[25]; kind != pageHash && kind != pageHashUnsorted {
			continue
		}
		found, err := b.values(page)
		blobs = append(blobs, found...)
		if err != nil {
			return blobs, fmt.Errorf("page %d: %w", n, err)
		}
	}
	return blobs, nil
}

func (b *berkeley) page(n uint32) []byte {
	start := uint64(n) * uint64(b.size)
	return b.data[start : start+uint64(b.size)]
}

// values are those of the pairs on a page: offsets of key and value take turns,
// and items lie from the end of the page towards its start.
func (b *berkeley) values(page []byte) ([][]byte, error) {
	entries := uint32(b.order.Uint16(page[20:]))
	if entries%2 != 0 || berkeleyPageStart+2*entries > b.size {
		return nil, fmt.Errorf("%d offsets are not pairs that fit", entries)
	}
	var blobs [][]byte
	for i := uint32(1); i < entries; i += 2 {
		at := uint32(b.order.Uint16(page[berkeleyPageStart+2*i:]))
		end := uint32(b.order.Uint16(page[berkeleyPageStart+2*(i-1):])) // where the key before it starts
		if at >= end || end > b.size {
			return blobs, fmt.Errorf("item %d ends before it starts", i)
		}
		switch item := page[at:end]; item[0] {
		case itemOnPage:
			// The counter of packages has four bytes, and no header is so short.
			if b.room -= int64(len(item)); b.room < 0 {
				return blobs, errors.New("its items overlap")
			}
			if len(item) > 16 {
				blobs = append(blobs, item[1:])
			}
		case itemOverflow:
			if len(item) < 12 {
				return blobs, fmt.Errorf("item %d is cut off", i)
			}
			blob, err := b.overflow(b.order.Uint32(item[4:]), b.order.Uint32(item[8:]))
			if err != nil {
				return blobs, fmt.Errorf("item %d: %w", i, err)
			}
			blobs = append(blobs, blob)
		default:
			return blobs, fmt.Errorf("item %d is of the kind %d, which is not known", i, item[0])
		}
	}
	return blobs, nil
}

// overflow reads a value that has pages of its own, each of which names the
// next.
func (b *berkeley) overflow(n, size uint32) ([]byte, error) {
	if b.room -= int64(size); b.room < 0 || size > limits.MaxFileBytes {
		return nil, errors.New("its values are larger than the file")
	}
	blob := make([]byte, 0, size)
	for n != 0 {
		if (uint64(n)+1)*uint64(b.size) > uint64(len(b.data)) {
			return nil, fmt.Errorf("it goes on at page %d, which is not there", n)
		}
		page := b.page(n)
		if page[25] != pageOverflow {
			return nil, fmt.Errorf("it goes on at page %d, which is of the kind %d", n, page[25])
		}
		used := min(uint32(b.order.Uint16(page[22:])), b.size-berkeleyPageStart)
		if used == 0 || uint64(len(blob))+uint64(used) > uint64(size) {
			return nil, errors.New("its pages have another length than it says")
		}
		blob = append(blob, page[berkeleyPageStart:berkeleyPageStart+used]...)
		n = b.order.Uint32(page[16:])
	}
	if len(blob) != int(size) {
		return nil, fmt.Errorf("it has %d bytes of %d", len(blob), size)
	}
	return blob, nil
}
