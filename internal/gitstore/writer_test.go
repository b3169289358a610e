package gitstore

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// repo is a repository that a test writes, object by object.
type repo struct {
	t   testing.TB
	dir string // the git directory
}

func newRepo(t testing.TB) *repo {
	t.Helper()
	r := &repo{t, t.TempDir()}
	r.write("HEAD", "ref: refs/heads/main\n")
	r.write("config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
	for _, d := range []string{"objects/pack", "refs/heads"} {
		if err := os.MkdirAll(filepath.Join(r.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *repo) write(name, data string) {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repo) open() *Store {
	r.t.Helper()
	s, err := Open(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Close() })
	return s
}

func (r *repo) history(rng Range) *History {
	r.t.Helper()
	h, err := r.open().History(r.t.Context(), rng)
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

func hashOf(kind string, data string) ID {
	return sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", kind, len(data), data))
}

func deflate(data string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write([]byte(data))
	z.Close()
	return b.String()
}

// loose writes an object with a file of its own.
func (r *repo) loose(kind, data string) ID {
	r.t.Helper()
	id := hashOf(kind, data)
	r.write("objects/"+id.String()[:2]+"/"+id.String()[2:], deflate(fmt.Sprintf("%s %d\x00%s", kind, len(data), data)))
	return id
}

func entry(mode, name string, id ID) string { return mode + " " + name + "\x00" + string(id[:]) }

// commit writes a commit that is date seconds old, and makes it HEAD.
func (r *repo) commit(tree ID, date int, parents ...ID) ID {
	r.t.Helper()
	id := r.loose("commit", commitText(tree, date, parents...))
	r.write("refs/heads/main", id.String()+"\n")
	return id
}

func commitText(tree ID, date int, parents ...ID) string {
	text := fmt.Sprintf("tree %s\n", tree)
	for _, p := range parents {
		text += fmt.Sprintf("parent %s\n", p)
	}
	return text + fmt.Sprintf("author Ann Other <a@example.org> %d +0130\ncommitter Bob <b@example.org> %d +0000\n\nmessage\n", 1_000_000_000+date, 1_000_000_000+date)
}

// packed is an object of a packfile: whole, or a delta of the one that many
// back (ofs) or of an id (ref).
type packed struct {
	id   ID
	kind Type
	data string // content, or delta
	back int    // of an ofs-delta
	base ID     // of a ref-delta
	// size is what the header says; 0 is the truth.
	size int
}

// pack writes a packfile and its index.
func (r *repo) pack(name string, objects ...packed) {
	r.t.Helper()
	var b bytes.Buffer
	b.WriteString("PACK\x00\x00\x00\x02")
	binary.Write(&b, binary.BigEndian, uint32(len(objects)))
	offsets := make([]int, len(objects))
	sums := make([]uint32, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		size := len(o.data)
		if o.size != 0 {
			size = o.size
		}
		c := byte(o.kind)<<4 | byte(size&15)
		for size >>= 4; size > 0; size >>= 7 {
			b.WriteByte(c | 0x80)
			c = byte(size & 0x7f)
		}
		b.WriteByte(c)
		switch o.kind {
		case typeOfsDelta:
			back := offsets[i] - offsets[i-o.back]
			digits := []byte{byte(back & 0x7f)}
			for back >>= 7; back > 0; back >>= 7 {
				back--
				digits = append(digits, byte(back&0x7f)|0x80)
			}
			slices.Reverse(digits)
			b.Write(digits)
		case typeRefDelta:
			b.Write(o.base[:])
		}
		b.WriteString(deflate(o.data))
		sums[i] = crc32.ChecksumIEEE(b.Bytes()[offsets[i]:])
	}
	sum := sha1.Sum(b.Bytes())
	b.Write(sum[:])
	r.write("objects/pack/"+name+".pack", b.String())

	order := make([]int, len(objects))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(objects[a].id[:], objects[b].id[:]) })
	var x bytes.Buffer
	x.WriteString("\xfftOc\x00\x00\x00\x02")
	for first := range 256 {
		n := uint32(0)
		for _, o := range objects {
			if int(o.id[0]) <= first {
				n++
			}
		}
		binary.Write(&x, binary.BigEndian, n)
	}
	for _, i := range order {
		x.Write(objects[i].id[:])
	}
	for _, i := range order {
		binary.Write(&x, binary.BigEndian, sums[i])
	}
	for _, i := range order {
		binary.Write(&x, binary.BigEndian, uint32(offsets[i]))
	}
	x.Write(sum[:])
	sum = sha1.Sum(x.Bytes())
	x.Write(sum[:])
	r.write("objects/pack/"+name+".idx", x.String())
}

func varint(n int) string {
	var b []byte
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return string(append(b, byte(n)))
}

// copyOp is an instruction of a delta; size is below 0x1000000.
func copyOp(offset, size int) string {
	return string([]byte{0xff, byte(offset), byte(offset >> 8), byte(offset >> 16), byte(offset >> 24), byte(size), byte(size >> 8), byte(size >> 16)})
}

func insertOp(s string) string { return string([]byte{byte(len(s))}) + s }
