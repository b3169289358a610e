package gitstore

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// indexEntry is a file of the index.
type indexEntry struct {
	path string
	id   ID
	mode uint32
}

// index reads the index; it is empty if there is none. See gitformat-index.
func (s *Store) index() ([]indexEntry, error) {
	data, err := readBounded(filepath.Join(s.gitDir, "index"), limits.MaxIndexBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", errNoIndex, cause(err))
	}
	list, err := parseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; run git status, or git read-tree", errNoIndex, err)
	}
	return list, nil
}

func parseIndex(data []byte) ([]indexEntry, error) {
	corrupt := errors.New("it is corrupt")
	if len(data) < 12+sha1.Size || string(data[:4]) != "DIRC" {
		return nil, corrupt
	}
	body, sum := data[:len(data)-sha1.Size], ID(data[len(data)-sha1.Size:])
	// A sum of zeros means that none was made (index.skipHash).
	if !sum.IsZero() && sha1.Sum(body) != sum {
		return nil, corrupt
	}
	version := binary.BigEndian.Uint32(data[4:])
	if version < 2 || version > 4 {
		return nil, fmt.Errorf("its version is %d: want 2 to 4", version)
	}
	count := int(binary.BigEndian.Uint32(data[8:]))
	rest := body[12:]
	if count > len(rest)/62 && version < 4 || count > len(rest)/20 {
		return nil, corrupt
	}
	list := make([]indexEntry, 0, count)
	var path []byte
	for range count {
		const fixed = 40 + sha1.Size + 2
		if len(rest) < fixed {
			return nil, corrupt
		}
		e := indexEntry{mode: binary.BigEndian.Uint32(rest[24:]), id: ID(rest[40 : 40+sha1.Size])}
		flags := binary.BigEndian.Uint16(rest[fixed-2:])
		head := fixed
		if flags&0x4000 != 0 && version >= 3 {
			head += 2
		}
		if len(rest) < head {
			return nil, corrupt
		}
		name := rest[head:]
		if version == 4 {
			drop := 0
			for i := 0; ; i++ {
				if i >= len(name) || i > 4 {
					return nil, corrupt
				}
				c := name[i]
				if i > 0 {
					drop++
				}
				drop = drop<<7 | int(c&0x7f)
				if c&0x80 == 0 {
					name = name[i+1:]
					break
				}
			}
			end := bytes.IndexByte(name, 0)
			if end < 0 || drop > len(path) {
				return nil, corrupt
			}
			path = append(path[:len(path)-drop], name[:end]...)
			rest = name[end+1:]
		} else {
			end := bytes.IndexByte(name, 0)
			if end < 0 {
				return nil, corrupt
			}
			path = append(path[:0], name[:end]...)
			size := (head + end + 8) / 8 * 8
			if size > len(rest) {
				return nil, corrupt
			}
			rest = rest[size:]
		}
		if len(path) > limits.MaxIndexBytes/1000 {
			return nil, corrupt
		}
		e.path = cleanPath(path)
		list = append(list, e)
	}
	// Extensions in capitals may be ignored; a lower case one may not.
	for len(rest) >= 8 {
		name, size := rest[:4], int64(binary.BigEndian.Uint32(rest[4:]))
		if size > int64(len(rest)-8) {
			return nil, corrupt
		}
		switch {
		case string(name) == "link":
			return nil, errors.New("it is split in two; run git update-index --no-split-index")
		case string(name) == "sdir":
			return nil, errors.New("it is sparse; run git sparse-checkout reapply --no-sparse-index")
		case name[0] < 'A' || name[0] > 'Z':
			return nil, fmt.Errorf("it has the unknown extension %q", name)
		}
		rest = rest[8+size:]
	}
	return list, nil
}

// addStaged lists what the index has and HEAD has not at the same path.
func (h *History) addStaged(w *treeWalk, head ID) error {
	list, err := h.store.index()
	if err != nil {
		return err
	}
	committed := map[string]ID{}
	if !head.IsZero() {
		c, err := h.store.Commit(head)
		if err != nil {
			return err
		}
		h.eachFile(w.ctx, c.Tree, func(path string, id ID) { committed[path], h.atHead[id] = id, true }, true)
	}
	w.order = -1
	for _, e := range list {
		w.path = append(w.path[:0], e.path...)
		switch {
		case e.mode&modeType == modeGitlink:
			if !head.IsZero() {
				continue // it is a commit of another repository, not content
			}
			w.link(e.id)
		case committed[e.path] == e.id || emptyBlob == e.id && e.mode == 0:
		case !w.see(&e.id):
			h.Blobs = append(h.Blobs, Blob{ID: e.id, Path: e.path, order: -1})
			if id, ok := committed[e.path]; ok {
				w.before[e.path] = []ID{id}
			}
		}
	}
	h.addBefore(w.before)
	return nil
}

// emptyBlob is the id of content without a byte.
var emptyBlob = ID(sha1.Sum([]byte("blob 0\x00")))
