package gitstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/zlib"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Read returns an object, checked against its id. The data must not be changed.
// The error is an [*ObjectError]. It may be called concurrently.
func (s *Store) Read(id ID) (Type, []byte, error) {
	o, err := s.read(id, nil)
	if err != nil {
		return 0, nil, &ObjectError{id, err}
	}
	s.cache.giveAway(o)
	return o.kind, o.data, nil
}

// readAs is Read for one type.
func (s *Store) readAs(id ID, want Type) ([]byte, error) {
	t, data, err := s.Read(id)
	if err == nil && t != want {
		err = wrongType(id, t, want)
	}
	return data, err
}

func wrongType(id ID, is, want Type) error {
	return &ObjectError{id, fmt.Errorf("is a %s, not a %s", is, want)}
}

// borrow is readAs for data that is read for a while only: until what it returns
// is released.
func (s *Store) borrow(id ID, want Type) (*cached, error) {
	return s.borrowDelta(id, want, nil)
}

// borrowDelta also says how the object is stored. It keeps it for those that are
// stored as changes of it.
func (s *Store) borrowDelta(id ID, want Type, d *delta) (*cached, error) {
	o, err := s.read(id, d)
	if err != nil {
		return nil, &ObjectError{id, err}
	}
	if o.kind != want {
		s.cache.release(o)
		return nil, wrongType(id, o.kind, want)
	}
	return o, nil
}

// delta is how an object is stored: as changes of base, with which it has same in
// common. Base is zero if it is not, or if base was not read and checked a short
// while ago.
type delta struct {
	base ID
	same []gatehouse.Stretch
}

// read tries each copy of the object until one can be read. D may be nil.
func (s *Store) read(id ID, d *delta) (o *cached, err error) {
	err = ErrMissing
	for _, p := range s.packs {
		n, ok := p.find(&id)
		if !ok {
			continue
		}
		var offset int64
		if offset, err = p.offset(n); err == nil {
			o, err = s.resolve(p, offset, 0, d)
		}
		if err != nil {
			continue
		}
		if err = verify(id, o.kind, o.data); err == nil {
			s.cache.check(o, id)
			return o, nil
		}
		s.cache.release(o)
	}
	if d != nil {
		*d = delta{}
	}
	kind, data, lerr := s.readLoose(id)
	if lerr == nil {
		lerr = verify(id, kind, data)
	}
	if lerr == nil {
		return &cached{kind: kind, data: data, users: 1, out: true}, nil
	}
	if errors.Is(err, ErrMissing) {
		err = lerr
	}
	return nil, err
}

// link is one delta of a chain.
type link struct {
	offset int64
	delta  []byte
}

// resolve reads the object at offset of a packfile. If it is a delta, it goes
// down the chain to an object that is whole or known, and back up. With d, which
// may be nil, it says how the object is stored, and keeps it.
func (s *Store) resolve(p *pack, offset int64, depth int, d *delta) (*cached, error) {
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)

	var room [4]link
	chain := room[:0]
	var o *cached
	work := int64(0)
	for {
		if o = s.cache.get(cacheKey{p, offset}); o != nil {
			break
		}
		h, err := in.open(p, offset)
		if err != nil {
			return nil, err
		}
		if h.size > limits.MaxFileBytes {
			return nil, fmt.Errorf("%w: %d bytes are more than the limit of %d", ErrTooLarge, h.size, limits.MaxFileBytes)
		}
		if work += h.size; work > limits.MaxDeltaWork {
			return nil, fmt.Errorf("%w: its chain of deltas needs more than %d bytes", ErrTooLarge, int64(limits.MaxDeltaWork))
		}
		if h.kind != typeOfsDelta && h.kind != typeRefDelta {
			data, err := in.inflate(p, &h, s.cache.room(h.size))
			if err != nil {
				return nil, err
			}
			if len(chain) > 0 || d != nil {
				o = s.cache.put(cacheKey{p, offset}, h.kind, data)
			} else {
				o = &cached{kind: h.kind, data: data, users: 1}
			}
			break
		}
		content, err := in.inflate(p, &h, in.delta(len(chain)))
		if err != nil {
			return nil, err
		}
		in.keepDelta(len(chain), content)
		if len(chain)+depth >= limits.MaxDeltaDepth {
			return nil, fmt.Errorf("%w: its chain of deltas has more than %d links", ErrTooLarge, limits.MaxDeltaDepth)
		}
		chain = append(chain, link{offset, content})
		if h.kind == typeOfsDelta {
			offset = h.baseOffset
			continue
		}
		if n, ok := p.find(&h.baseID); ok {
			if offset, err = p.offset(n); err != nil {
				return nil, err
			}
			continue
		}
		// Only a pack that is not complete has its base elsewhere.
		if o, err = s.readElsewhere(p, h.baseID, depth+len(chain)); err != nil {
			return nil, fmt.Errorf("the base of its delta, %s, %w", h.baseID, err)
		}
		break
	}
	for i := len(chain) - 1; i >= 0; i-- {
		next, err := s.apply(o, cacheKey{p, chain[i].offset}, chain[i].delta, &work, d, i == 0)
		s.cache.release(o)
		if err != nil {
			return nil, err
		}
		o = next
	}
	return o, nil
}

// apply makes an object of another one and a delta.
func (s *Store) apply(o *cached, k cacheKey, code []byte, work *int64, d *delta, last bool) (*cached, error) {
	base, result, code, err := deltaSizes(code)
	if err != nil {
		return nil, err
	}
	if base != int64(len(o.data)) {
		return nil, errDelta
	}
	if result > limits.MaxFileBytes {
		return nil, fmt.Errorf("%w: %d bytes are more than the limit of %d", ErrTooLarge, result, limits.MaxFileBytes)
	}
	if *work += result; *work > limits.MaxDeltaWork {
		return nil, fmt.Errorf("%w: its chain of deltas needs more than %d bytes", ErrTooLarge, int64(limits.MaxDeltaWork))
	}
	data, err := applyDelta(s.cache.room(result), o.data, code, result)
	if err != nil {
		return nil, err
	}
	if d != nil && last {
		if d.base = s.cache.checked(o); !d.base.IsZero() {
			d.same = copies(code)
		}
	}
	return s.cache.put(k, o.kind, data), nil
}

// readElsewhere reads the base of a delta that is not in the same pack.
func (s *Store) readElsewhere(not *pack, id ID, depth int) (*cached, error) {
	for _, p := range s.packs {
		if p == not {
			continue
		}
		if n, ok := p.find(&id); ok {
			offset, err := p.offset(n)
			if err != nil {
				return nil, err
			}
			return s.resolve(p, offset, depth+1, nil)
		}
	}
	kind, data, err := s.readLoose(id)
	if err != nil {
		return nil, err
	}
	return &cached{kind: kind, data: data, users: 1, out: true}, nil
}

// readLoose reads an object that has a file of its own.
func (s *Store) readLoose(id ID) (Type, []byte, error) {
	name := id.String()
	for _, dir := range s.objectDirs {
		f, err := os.Open(filepath.Join(dir, name[:2], name[2:]))
		if err != nil {
			continue
		}
		t, data, err := inflateLoose(f)
		f.Close()
		return t, data, err
	}
	return 0, nil, ErrMissing
}

func inflateLoose(f io.Reader) (Type, []byte, error) {
	z, err := zlib.NewReader(f)
	if err != nil {
		return 0, nil, errCorrupt
	}
	defer z.Close()
	var head [32]byte
	n, end := 0, -1
	for n < len(head) && end < 0 {
		k, err := z.Read(head[n : n+1])
		if n += k; k > 0 && head[n-1] == 0 {
			end = n - 1
		} else if err != nil {
			return 0, nil, errCorrupt
		}
	}
	name, size, ok := bytes.Cut(head[:max(end, 0)], []byte(" "))
	length, err := strconv.ParseInt(string(size), 10, 64)
	if !ok || err != nil || length < 0 {
		return 0, nil, errCorrupt
	}
	if length > limits.MaxFileBytes {
		return 0, nil, fmt.Errorf("%w: %d bytes are more than the limit of %d", ErrTooLarge, length, limits.MaxFileBytes)
	}
	for t, n := range typeNames {
		if n != string(name) {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(z, length+1))
		if err != nil || int64(len(data)) != length {
			return 0, nil, errCorrupt
		}
		return t, data, nil
	}
	return 0, nil, errCorrupt
}
