package gitstore

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// pack is a packfile with its index.
type pack struct {
	name string
	file *os.File
	size int64

	count  int
	fanout [256]uint32
	ids    []byte // count × 20
	small  []byte // count × 4: offsets
	large  []byte // 8 each: offsets that do not fit
}

// openPack opens the packfile that belongs to an index.
func openPack(idxPath string) (*pack, error) {
	p := &pack{name: strings.TrimSuffix(idxPath, ".idx") + ".pack"}
	if err := p.readIndex(idxPath); err != nil {
		return nil, err
	}
	f, err := os.Open(p.name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	p.file, p.size = f, info.Size()
	var head [12]byte
	if _, err := f.ReadAt(head[:], 0); err != nil || string(head[:4]) != "PACK" {
		f.Close()
		return nil, errors.New("is not a packfile")
	}
	if v := binary.BigEndian.Uint32(head[4:]); v != 2 && v != 3 {
		f.Close()
		return nil, fmt.Errorf("is a packfile of version %d: want 2 or 3", v)
	}
	return p, nil
}

func (p *pack) readIndex(path string) error {
	data, err := readBounded(path, limits.MaxPackIndexBytes)
	if err != nil {
		return err
	}
	const headBytes = 8 + 4*256
	if len(data) < headBytes+40 || !bytes.HasPrefix(data, []byte("\xfftOc\x00\x00\x00\x02")) {
		return errors.New("its index is not of version 2; run git index-pack, or git gc")
	}
	last := uint32(0)
	for i := range p.fanout {
		n := binary.BigEndian.Uint32(data[8+4*i:])
		if n < last {
			return errors.New("its index is corrupt")
		}
		p.fanout[i], last = n, n
	}
	n := int64(last)
	rest := data[headBytes:]
	if int64(len(rest)) < n*28+40 {
		return errors.New("its index is cut short")
	}
	p.count = int(n)
	p.ids, rest = rest[:20*n], rest[20*n:]
	rest = rest[4*n:] // CRC-32
	p.small, rest = rest[:4*n], rest[4*n:]
	p.large = rest[:(len(rest)-40)/8*8]
	return nil
}

// find returns the number of the object in the index.
func (p *pack) find(id *ID) (int, bool) {
	lo := 0
	if id[0] > 0 {
		lo = int(p.fanout[id[0]-1])
	}
	hi := int(p.fanout[id[0]])
	key := binary.BigEndian.Uint64(id[:])
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if binary.BigEndian.Uint64(p.ids[20*mid:]) < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for ; lo < p.count; lo++ {
		switch c := bytes.Compare(p.ids[20*lo:20*lo+20], id[:]); {
		case c == 0:
			return lo, true
		case c > 0:
			return 0, false
		}
	}
	return 0, false
}

// withPrefix calls f for the ids that start with a prefix in hex.
func (p *pack) withPrefix(prefix string, f func(ID)) {
	from := sort.Search(p.count, func(i int) bool { return ID(p.ids[20*i:20*i+20]).String() >= prefix })
	for i := from; i < p.count; i++ {
		id := ID(p.ids[20*i : 20*i+20])
		if !strings.HasPrefix(id.String(), prefix) {
			return
		}
		f(id)
	}
}

func (p *pack) offset(n int) (int64, error) {
	o := binary.BigEndian.Uint32(p.small[4*n:])
	if o&(1<<31) == 0 {
		return int64(o), nil
	}
	i := int(o &^ (1 << 31))
	if i >= len(p.large)/8 {
		return 0, errors.New("is corrupt: the index of its packfile leads nowhere")
	}
	return int64(binary.BigEndian.Uint64(p.large[8*i:]) &^ (1 << 63)), nil
}

const (
	// readBytes is how much of a packfile is read at least: few objects that are
	// read one after the other are near each other.
	readBytes = 4 << 10
	// blockBytes is the most that is read at a time.
	blockBytes = 64 << 10
)

// inflater is what reading needs; it is kept between objects.
type inflater struct {
	// block is what was read last: the bytes of pack from start on.
	block []byte
	pack  *pack
	start int64

	rest   bytes.Reader
	buf    *bufio.Reader // for what is larger than a block
	z      io.ReadCloser
	deltas [][]byte // room for those of a chain
}

var inflaters = sync.Pool{New: func() any { return &inflater{block: make([]byte, 0, blockBytes)} }}

// header is the start of an object in a packfile.
type header struct {
	kind Type
	size int64 // of what is inflated
	// base is where the base of a delta is: an offset, or an id.
	baseOffset int64
	baseID     ID
	// data is where the compressed content starts.
	data int64
}

var errCorrupt = errors.New("is corrupt")

// maxHeaderBytes is the length of the longest header: size, then the offset or
// id of the base.
const maxHeaderBytes = 10 + 20

// at returns bytes of a packfile from offset on, at least n unless it ends before.
func (in *inflater) at(p *pack, offset int64, n int) ([]byte, error) {
	end := in.start + int64(len(in.block))
	if in.pack == p && in.start <= offset && offset < end && (offset+int64(n) <= end || end == p.size-20) {
		return in.block[offset-in.start:], nil
	}
	in.block = in.block[:min(int64(max(n, readBytes)), p.size-20-offset)]
	k, _ := p.file.ReadAt(in.block, offset)
	if k < len(in.block) || k == 0 {
		in.pack = nil
		return nil, errCorrupt
	}
	in.pack, in.start = p, offset
	return in.block, nil
}

// open reads the header of the object at offset.
func (in *inflater) open(p *pack, offset int64) (h header, err error) {
	if offset < 12 || offset >= p.size-20 {
		return h, errCorrupt
	}
	b, err := in.at(p, offset, maxHeaderBytes)
	if err != nil {
		return h, err
	}
	n := 0
	next := func() (c byte) {
		if n < len(b) {
			c = b[n]
		}
		n++
		return c
	}
	c := next()
	h.kind, h.size = Type(c>>4&7), int64(c&15)
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c = next(); shift > 56 {
			return h, errCorrupt
		}
		h.size |= int64(c&0x7f) << shift
	}
	switch h.kind {
	case TypeCommit, TypeTree, TypeBlob, TypeTag:
	case typeOfsDelta:
		back := int64(0)
		for i := 0; ; i++ {
			if c = next(); i > 8 {
				return h, errCorrupt
			}
			if i > 0 {
				back++
			}
			back = back<<7 | int64(c&0x7f)
			if c&0x80 == 0 {
				break
			}
		}
		if h.baseOffset = offset - back; back <= 0 || h.baseOffset < 12 {
			return h, errCorrupt
		}
	case typeRefDelta:
		if n+len(h.baseID) > len(b) {
			return h, errCorrupt
		}
		n += copy(h.baseID[:], b[n:])
	default:
		return h, errCorrupt
	}
	if n > len(b) {
		return h, errCorrupt
	}
	h.data = offset + int64(n)
	return h, nil
}

// inflate reads the content, which must have the size of the header, into buf if
// there is room.
func (in *inflater) inflate(p *pack, h *header, buf []byte) ([]byte, error) {
	if int64(cap(buf)) < h.size {
		buf = make([]byte, h.size)
	}
	buf = buf[:h.size]
	if h.size <= 4*blockBytes {
		// Most is in the block that holds the header.
		b, err := in.at(p, h.data, int(min(h.size/4+64, blockBytes)))
		if err != nil {
			return nil, err
		}
		in.rest.Reset(b)
		if err := in.unzip(&in.rest, buf); err == nil {
			return buf, nil
		}
		if h.data+int64(len(b)) == p.size-20 {
			return nil, errCorrupt // that was all
		}
	}
	from := io.NewSectionReader(p.file, h.data, p.size-20-h.data)
	if in.buf == nil {
		in.buf = bufio.NewReaderSize(from, blockBytes)
	} else {
		in.buf.Reset(from)
	}
	if err := in.unzip(in.buf, buf); err != nil {
		return nil, err
	}
	return buf, nil
}

// unzip fills buf with just what r holds.
func (in *inflater) unzip(r io.Reader, buf []byte) error {
	var err error
	if in.z == nil {
		in.z, err = zlib.NewReader(r)
	} else {
		err = in.z.(zlib.Resetter).Reset(r, nil)
	}
	if err != nil {
		return errCorrupt
	}
	if _, err := io.ReadFull(in.z, buf); err != nil {
		return errCorrupt
	}
	var one [1]byte
	if n, err := in.z.Read(one[:]); n != 0 || err != io.EOF {
		return errCorrupt // longer than it says, or its checksum is wrong
	}
	return nil
}

// delta is room for the delta that is the n-th of a chain.
func (in *inflater) delta(n int) []byte {
	if n < len(in.deltas) {
		return in.deltas[n]
	}
	return nil
}

// keepDelta keeps that room.
func (in *inflater) keepDelta(n int, b []byte) {
	if n == len(in.deltas) && n < 8 {
		in.deltas = append(in.deltas, nil)
	}
	if n < len(in.deltas) && cap(b) <= blockBytes {
		in.deltas[n] = b
	}
}

func readBounded(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", path)
	}
	if info.Size() > max {
		return nil, fmt.Errorf("%q has %d bytes, more than the limit of %d", path, info.Size(), max)
	}
	data := make([]byte, info.Size())
	n, err := io.ReadFull(f, data)
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = nil
	}
	return data[:n], err
}
