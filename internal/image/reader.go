package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// layerReader gives the contents of files of a layer. They are cheap in the order
// of the tar; what is passed before it is asked for is kept, and what is asked for
// after it is gone makes it start again.
type layerReader struct {
	open   func() (io.ReadCloser, error) // the tar from its beginning
	wanted map[int]int                   // entries that will be asked for, and how often: hard links have one content

	mu     sync.Mutex
	stream io.ReadCloser
	tar    *tar.Reader
	next   int // the entry that tar gives next
	kept   map[int][]byte
	bytes  int64
}

// errAgain says that a layer had to be read too often.
var errAgain = errors.New("the layer changed while it was read")

// read returns the content of the entry, which has size bytes.
func (r *layerReader) read(ctx context.Context, index int, size int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted[index]--
	if b, ok := r.kept[index]; ok {
		r.drop(index)
		return b, nil
	}
	if r.stream == nil || r.next > index {
		if err := r.start(); err != nil {
			return nil, err
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := r.tar.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errAgain
			}
			return nil, errors.Join(err, r.stop())
		}
		e, skip := entryOf(h)
		if skip {
			continue
		}
		at := r.next
		r.next++
		switch {
		case at == index:
			if e.Kind != kindFile || e.Size != size {
				return nil, errors.Join(errAgain, r.stop())
			}
			b, err := r.content(size)
			if err == nil && r.wanted[at] > 0 && r.bytes+size <= limits.LayerWindowBytes {
				r.kept[at] = b
				r.bytes += size
			}
			return b, err
		case at > index:
			return nil, errors.Join(errAgain, r.stop())
		case r.wanted[at] > 0 && e.Kind == kindFile && r.bytes+e.Size <= limits.LayerWindowBytes:
			b, err := r.content(e.Size)
			if err != nil {
				return nil, err
			}
			r.kept[at] = b
			r.bytes += e.Size
		}
	}
}

func (r *layerReader) content(size int64) ([]byte, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(r.tar, b); err != nil {
		return nil, errors.Join(fmt.Errorf("read from the layer: %w", err), r.stop())
	}
	return b, nil
}

func (r *layerReader) start() error {
	if err := r.stop(); err != nil {
		return err
	}
	stream, err := r.open()
	if err != nil {
		return err
	}
	r.stream, r.tar, r.next = stream, tar.NewReader(stream), 0
	return nil
}

func (r *layerReader) stop() error {
	if r.stream == nil {
		return nil
	}
	err := r.stream.Close()
	r.stream = nil
	return err
}

// release says that an entry will not be asked for.
func (r *layerReader) release(index int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted[index]--
	r.drop(index)
}

// drop forgets what nobody will ask for again.
func (r *layerReader) drop(index int) {
	if b, ok := r.kept[index]; ok && r.wanted[index] <= 0 {
		delete(r.kept, index)
		r.bytes -= int64(len(b))
	}
}

func (r *layerReader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = nil
	return r.stop()
}
