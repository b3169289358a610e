package ospkg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
)

// ndbBlobs reads the format of SUSE: pages of slots, each of which points to a
// blob, which has a head of 16 bytes and ends with a sum, its size and a mark;
// see rpm's lib/backend/ndb/rpmpkg.c. Blobs before a damaged one are returned.
func ndbBlobs(data []byte) ([][]byte, error) {
	const page, slot, block, head, tail = 4096, 16, 16, 16, 12
	u32 := func(at uint64) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	if len(data) < page {
		return nil, errors.New("it is cut off in its header")
	}
	if v := u32(4); v != 0 {
		return nil, fmt.Errorf("version %d of its format is not known", v)
	}
	pages := uint64(u32(12))
	if pages == 0 || pages*page > uint64(len(data)) {
		return nil, fmt.Errorf("its %d pages of slots do not fit into %d bytes", pages, len(data))
	}
	var blobs [][]byte
	total := uint64(0)
	for at := uint64(2 * slot); at+slot <= pages*page; at += slot {
		if string(data[at:at+4]) != "Slot" {
			return blobs, fmt.Errorf("the slot at offset %d has no mark", at)
		}
		id := u32(at + 4)
		if id == 0 {
			continue // free
		}
		start := uint64(u32(at+8)) * block
		end := start + uint64(u32(at+12))*block
		if end > uint64(len(data)) || end < start+head+tail {
			return blobs, fmt.Errorf("package %d is cut off", id)
		}
		size := uint64(u32(start + 12))
		sum := end - tail
		if string(data[start:start+4]) != "BlbS" || u32(start+4) != id || string(data[end-4:end]) != "BlbE" || uint64(u32(sum+4)) != size || start+head+size > sum {
			return blobs, fmt.Errorf("package %d is not where its slot says", id)
		}
		if u32(sum) != adler32.Checksum(data[start:sum]) {
			return blobs, fmt.Errorf("the checksum of package %d is wrong", id)
		}
		if total += end - start; total > uint64(len(data)) {
			return blobs, errors.New("its packages overlap")
		}
		blobs = append(blobs, data[start+head:start+head+size])
	}
	return blobs, nil
}
