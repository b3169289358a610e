package gitstore

import (
	"errors"

	"github.com/gatehouse-sec/gatehouse"
)

var errDelta = errors.New("is corrupt: its delta does not fit its base")

// deltaSizes reads the sizes of base and result, and returns the instructions.
func deltaSizes(delta []byte) (base, result int64, rest []byte, err error) {
	read := func() (n int64) {
		for shift := 0; ; shift += 7 {
			if len(delta) == 0 || shift > 56 {
				err = errDelta
				return 0
			}
			c := delta[0]
			delta = delta[1:]
			n |= int64(c&0x7f) << shift
			if c&0x80 == 0 {
				return n
			}
		}
	}
	base, result = read(), read()
	return base, result, delta, err
}

// applyDelta appends the result to dst, which must have room for just that.
func applyDelta(dst, base, code []byte, result int64) ([]byte, error) {
	for len(code) > 0 {
		c := code[0]
		code = code[1:]
		if c == 0 {
			return nil, errDelta
		}
		if c&0x80 == 0 { // insert
			n := int(c)
			if n > len(code) || int64(len(dst)+n) > result {
				return nil, errDelta
			}
			dst = append(dst, code[:n]...)
			code = code[n:]
			continue
		}
		var offset, size uint32
		for i := range 4 {
			if c&(1<<i) != 0 {
				if len(code) == 0 {
					return nil, errDelta
				}
				offset |= uint32(code[0]) << (8 * i)
				code = code[1:]
			}
		}
		for i := range 3 {
			if c&(0x10<<i) != 0 {
				if len(code) == 0 {
					return nil, errDelta
				}
				size |= uint32(code[0]) << (8 * i)
				code = code[1:]
			}
		}
		if size == 0 {
			size = 0x10000
		}
		end := uint64(offset) + uint64(size)
		if end > uint64(len(base)) || int64(len(dst))+int64(size) > result {
			return nil, errDelta
		}
		dst = append(dst, base[offset:end]...)
	}
	if int64(len(dst)) != result {
		return nil, errDelta
	}
	return dst, nil
}

// maxCopies bounds what is said about the base of a delta: where so little is
// connected, nothing is gained by it.
const maxCopies = 500

// copies returns what a delta, which was applied, copies from its base, in order
// of the result; nil if that is too much to say.
func copies(code []byte) []gatehouse.Stretch {
	var out []gatehouse.Stretch
	at := 0
	for len(code) > 0 {
		c := code[0]
		code = code[1:]
		if c&0x80 == 0 {
			at += int(c)
			code = code[c:]
			continue
		}
		offset, size := 0, 0
		for i := range 4 {
			if c&(1<<i) != 0 {
				offset |= int(code[0]) << (8 * i)
				code = code[1:]
			}
		}
		for i := range 3 {
			if c&(0x10<<i) != 0 {
				size |= int(code[0]) << (8 * i)
				code = code[1:]
			}
		}
		if size == 0 {
			size = 0x10000
		}
		if n := len(out); n > 0 && out[n-1].At+out[n-1].Bytes == at && out[n-1].From+out[n-1].Bytes == offset {
			out[n-1].Bytes += size
		} else if n == maxCopies {
			return nil
		} else {
			out = append(out, gatehouse.Stretch{At: at, From: offset, Bytes: size})
		}
		at += size
	}
	return out
}
