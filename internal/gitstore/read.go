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
	o, err := s.read(id, false)
	if err != nil {
		return 0, nil, &ObjectError{id, err}
	}
	return o.kind, o.data, nil
}

// object is an object that was read.
type object struct {
	kind Type
	data []byte
	// base is the object that data is stored as changes of, and same says what
	// the two have in common; zero and nil if that was not asked for, or base was
	// not read and checked a short while ago.
	base ID
	same []gatehouse.Stretch
}

// readVersion reads a content that may be like others that are read before and
// after it.
func (s *Store) readVersion(id ID) (object, error) {
	o, err := s.read(id, true)
	if err == nil && o.kind != TypeBlob {
		err = fmt.Errorf("is a %s, not a %s", o.kind, TypeBlob)
	}
	if err != nil {
		return o, &ObjectError{id, err}
	}
	return o, nil
}

// readAs is Read for one type.
func (s *Store) readAs(id ID, want Type) ([]byte, error) {
	t, data, err := s.Read(id)
	if err == nil && t != want {
		err = &ObjectError{id, fmt.Errorf("is a %s, not a %s", t, want)}
	}
	return data, err
}

// read tries each copy of the object until one can be read. If it is a version
// of others, it is kept for those that are stored as changes of it.
func (s *Store) read(id ID, version bool) (o object, err error) {
	err = ErrMissing
	for _, p := range s.packs {
		n, ok := p.find(&id)
		if !ok {
			continue
		}
		var offset int64
		var last lastLink
		if offset, err = p.offset(n); err == nil {
			o.kind, o.data, err = s.resolve(p, offset, 0, &last)
		}
		if err == nil {
			err = verify(id, o.kind, o.data)
		}
		if err == nil {
			if version {
				if o.base = s.cache.checked(last.base); !o.base.IsZero() {
					o.same = last.same
				}
				s.cache.put(cacheKey{p, offset}, o.kind, o.data)
				s.cache.check(cacheKey{p, offset}, id)
			}
			return o, nil
		}
	}
	lt, ldata, lerr := s.readLoose(id)
	if lerr == nil {
		lerr = verify(id, lt, ldata)
	}
	if lerr == nil {
		return object{kind: lt, data: ldata}, nil
	}
	if errors.Is(err, ErrMissing) {
		err = lerr
	}
	return object{}, err
}

// link is one delta of a chain.
type link struct {
	offset int64
	delta  []byte
}

// lastLink is the delta that gives the object itself.
type lastLink struct {
	base cacheKey
	same []gatehouse.Stretch
}

// resolve reads the object at offset of a packfile. If it is a delta, it goes
// down the chain to an object that is whole or known, and back up. Last may be
// nil.
func (s *Store) resolve(p *pack, offset int64, depth int, last *lastLink) (Type, []byte, error) {
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)

	var room [4]link
	chain := room[:0]
	var kind Type
	var data []byte
	work := int64(0)
	for {
		var known bool
		if kind, data, known = s.cache.get(cacheKey{p, offset}); known {
			break
		}
		h, err := in.open(p, offset)
		if err != nil {
			return 0, nil, err
		}
		if h.size > limits.MaxFileBytes {
			return 0, nil, fmt.Errorf("%w: %d bytes are more than the limit of %d", ErrTooLarge, h.size, limits.MaxFileBytes)
		}
		if work += h.size; work > limits.MaxDeltaWork {
			return 0, nil, fmt.Errorf("%w: its chain of deltas needs more than %d bytes", ErrTooLarge, int64(limits.MaxDeltaWork))
		}
		if h.kind != typeOfsDelta && h.kind != typeRefDelta {
			if data, err = in.inflate(p, &h, nil); err != nil {
				return 0, nil, err
			}
			kind = h.kind
			if len(chain) > 0 {
				s.cache.put(cacheKey{p, offset}, kind, data)
			}
			break
		}
		content, err := in.inflate(p, &h, in.delta(len(chain)))
		if err != nil {
			return 0, nil, err
		}
		in.keepDelta(len(chain), content)
		if len(chain)+depth >= limits.MaxDeltaDepth {
			return 0, nil, fmt.Errorf("%w: its chain of deltas has more than %d links", ErrTooLarge, limits.MaxDeltaDepth)
		}
		chain = append(chain, link{offset, content})
		if h.kind == typeOfsDelta {
			offset = h.baseOffset
			continue
		}
		if n, ok := p.find(&h.baseID); ok {
			if offset, err = p.offset(n); err != nil {
				return 0, nil, err
			}
			continue
		}
		// Only a pack that is not complete has its base elsewhere.
		if kind, data, err = s.readElsewhere(p, h.baseID, depth+len(chain)); err != nil {
			return 0, nil, fmt.Errorf("the base of its delta, %s, %w", h.baseID, err)
		}
		offset = 0 // of no object
		break
	}
	for i := len(chain) - 1; i >= 0; i-- {
		base, result, code, err := deltaSizes(chain[i].delta)
		if err != nil {
			return 0, nil, err
		}
		if base != int64(len(data)) {
			return 0, nil, errDelta
		}
		if result > limits.MaxFileBytes {
			return 0, nil, fmt.Errorf("%w: %d bytes are more than the limit of %d", ErrTooLarge, result, limits.MaxFileBytes)
		}
		if work += result; work > limits.MaxDeltaWork {
			return 0, nil, fmt.Errorf("%w: its chain of deltas needs more than %d bytes", ErrTooLarge, int64(limits.MaxDeltaWork))
		}
		if data, err = applyDelta(make([]byte, 0, result), data, code, result); err != nil {
			return 0, nil, err
		}
		if i == 0 && last != nil {
			last.base, last.same = cacheKey{p, offset}, copies(code)
		}
		s.cache.put(cacheKey{p, chain[i].offset}, kind, data)
		offset = chain[i].offset
	}
	return kind, data, nil
}

// readElsewhere reads the base of a delta that is not in the same pack.
func (s *Store) readElsewhere(not *pack, id ID, depth int) (Type, []byte, error) {
	for _, p := range s.packs {
		if p == not {
			continue
		}
		if n, ok := p.find(&id); ok {
			offset, err := p.offset(n)
			if err != nil {
				return 0, nil, err
			}
			return s.resolve(p, offset, depth+1, nil)
		}
	}
	return s.readLoose(id)
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
