// Package cache keeps scan results on disk between runs, by content.
//
// The results are spread over a number of append-only logs. A record is
//
//	magic 4 | key 32 | length 4 | CRC-32C over key, length and value 4 | value
//
// in little endian. Reading stops at the first record that is not whole, and
// the log is rewritten without it. New records of a run are kept in memory and
// appended with one write for each log by [Cache.Close], so that any number of
// processes can use one directory: the worst that can happen is that a result
// is lost.
package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

const (
	shards = 64
	// maxLogBytes bounds one log, and so the cache to 256 MiB. A log that would
	// grow beyond it keeps its newer half.
	maxLogBytes = 4 << 20
	headerBytes = 4 + 32 + 4 + 4
	// version is part of the name of the directory: change it with the format.
	version = "v1"
)

var (
	magic      = [4]byte{'g', 'h', 'c', '1'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Cache is a directory of results. Its methods may be called concurrently.
type Cache struct {
	dir  string
	logs [shards]log
}

type log struct {
	mu      sync.Mutex
	loaded  bool
	damaged bool
	old     map[[32]byte][]byte // slices of data
	size    int
	fresh   map[[32]byte][]byte
	order   [][32]byte // keys of fresh, in the order they came
}

// Open uses the cache in dir, making it if needed. An error means that the
// directory cannot be used at all.
func Open(dir string) (*Cache, error) {
	dir = filepath.Join(dir, version)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open cache: %w", err)
	}
	return &Cache{dir: dir}, nil
}

// Get returns the value put under key, which must not be changed.
func (c *Cache) Get(key [32]byte) ([]byte, bool) {
	l := &c.logs[key[0]%shards]
	l.mu.Lock()
	defer l.mu.Unlock()
	if v, ok := l.fresh[key]; ok {
		return v, true
	}
	if !l.loaded {
		l.load(c.path(key[0] % shards))
	}
	v, ok := l.old[key]
	return v, ok
}

// Put keeps value under key. It is on disk only after [Cache.Close].
func (c *Cache) Put(key [32]byte, value []byte) {
	if len(value) > maxLogBytes/4 {
		return // would push out too much else
	}
	l := &c.logs[key[0]%shards]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fresh == nil {
		l.fresh = map[[32]byte][]byte{}
	}
	if _, ok := l.fresh[key]; !ok {
		l.order = append(l.order, key)
	}
	l.fresh[key] = value
}

// Close writes what is new. An error (a full disk, a read-only directory) means
// that later runs have less to reuse; nothing else is lost.
func (c *Cache) Close() error {
	var errs []error
	for i := range c.logs {
		l := &c.logs[i]
		l.mu.Lock()
		if err := l.flush(c.path(byte(i))); err != nil {
			errs = append(errs, err)
		}
		l.mu.Unlock()
		if len(errs) > 0 {
			break // the others would say the same
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("write cache: %w", err)
	}
	return nil
}

func (c *Cache) path(shard byte) string {
	return filepath.Join(c.dir, fmt.Sprintf("%02x.log", shard))
}

func (l *log) load(path string) {
	l.loaded = true
	l.old = map[[32]byte][]byte{}
	data, err := readBounded(path)
	if err != nil {
		return
	}
	l.size = len(data)
	for len(data) > 0 {
		key, value, rest, ok := decode(data)
		if !ok {
			l.damaged = true
			return
		}
		l.old[key] = value
		data = rest
	}
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 2*maxLogBytes))
}

func (l *log) flush(path string) error {
	if len(l.fresh) == 0 && !l.damaged {
		return nil
	}
	if !l.loaded {
		l.load(path)
	}
	var add bytes.Buffer
	for _, key := range l.order {
		encode(&add, key, l.fresh[key])
	}
	l.fresh, l.order = nil, nil
	if l.damaged || l.size+add.Len() > maxLogBytes {
		return l.rewrite(path, add.Bytes())
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(add.Bytes()) // one write: appends of other processes do not mix in
	return errors.Join(err, f.Close())
}

// rewrite replaces a log that is damaged or too large. It reads it again, as
// another process may have added to it.
func (l *log) rewrite(path string, add []byte) error {
	data, err := readBounded(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var records [][]byte
	size := len(add)
	for len(data) > 0 {
		_, _, rest, ok := decode(data)
		if !ok {
			break
		}
		records = append(records, data[:len(data)-len(rest)])
		size += len(data) - len(rest)
		data = rest
	}
	for len(records) > 0 && size > maxLogBytes/2 {
		size -= len(records[0])
		records = records[1:]
	}
	if len(add) > maxLogBytes {
		add = nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".log-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(bytes.Join(records, nil), add...))
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func encode(w *bytes.Buffer, key [32]byte, value []byte) {
	var h [headerBytes]byte
	copy(h[:4], magic[:])
	copy(h[4:36], key[:])
	binary.LittleEndian.PutUint32(h[36:40], uint32(len(value)))
	binary.LittleEndian.PutUint32(h[40:44], checksum(h[4:40], value))
	w.Write(h[:])
	w.Write(value)
}

func decode(data []byte) (key [32]byte, value, rest []byte, ok bool) {
	if len(data) < headerBytes || [4]byte(data[:4]) != magic {
		return key, nil, nil, false
	}
	n := int(binary.LittleEndian.Uint32(data[36:40]))
	if n > maxLogBytes || len(data)-headerBytes < n {
		return key, nil, nil, false
	}
	value, rest = data[headerBytes:headerBytes+n:headerBytes+n], data[headerBytes+n:]
	if binary.LittleEndian.Uint32(data[40:44]) != checksum(data[4:40], value) {
		return key, nil, nil, false
	}
	return [32]byte(data[4:36]), value, rest, true
}

func checksum(head, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, value)
}
