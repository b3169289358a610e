package boltfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb/boltfile"
)

// tree is the content of a bucket: a []byte is a value, a tree a bucket.
type tree map[string]any

func sample(seed uint64) tree {
	r := rand.New(rand.NewPCG(seed, 1))
	value := func(max int) []byte {
		b := make([]byte, r.IntN(max))
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return b
	}
	flat := func(n, size int) tree {
		t := tree{}
		for range n {
			t[fmt.Sprintf("key-%07d", r.IntN(10_000_000))] = value(size)
		}
		return t
	}
	many := tree{}
	for i := range 300 {
		many[fmt.Sprintf("package-%d", i)] = flat(r.IntN(40)+1, 300)
	}
	return tree{
		"many small buckets": many,
		"deep":               flat(20_000, 60),
		"one":                flat(1, 10),
		"empty":              tree{},
		"big values":         flat(5, 100_000),
		"long keys":          tree{strings.Repeat("k", 30_000): []byte("v"), strings.Repeat("l", 30_000): []byte("w")},
	}
}

func write(t testing.TB, path string, content tree) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := boltfile.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(fill(t, w, content)); err != nil {
		t.Fatal(err)
	}
}

func fill(t testing.TB, w *boltfile.Writer, content tree) *boltfile.BucketWriter {
	b := w.Bucket()
	for _, k := range slices.Sorted(maps.Keys(content)) {
		var err error
		switch v := content[k].(type) {
		case []byte:
			err = b.Put([]byte(k), v)
		case tree:
			err = b.PutBucket([]byte(k), fill(t, w, v))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func read(b boltfile.Bucket) (tree, error) {
	out := tree{}
	return out, b.ForEach(func(e boltfile.Entry) error {
		if !e.IsBucket {
			out[string(e.Key)] = e.Value
			return nil
		}
		child, err := b.Open(e)
		if err != nil {
			return err
		}
		out[string(e.Key)], err = read(child)
		return err
	})
}

func equal(a, b tree) bool {
	return maps.EqualFunc(a, b, func(x, y any) bool {
		switch x := x.(type) {
		case []byte:
			y, ok := y.([]byte)
			return ok && bytes.Equal(x, y)
		case tree:
			y, ok := y.(tree)
			return ok && equal(x, y)
		}
		return false
	})
}

// TestWriterAgainstBolt lets bbolt check and read what the writer wrote.
func TestWriterAgainstBolt(t *testing.T) {
	for seed := range uint64(3) {
		path := filepath.Join(t.TempDir(), "db")
		want := sample(seed)
		write(t, path, want)
		db, err := bolt.Open(path, 0o600, &bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = db.View(func(tx *bolt.Tx) error {
			for err := range tx.Check() {
				t.Error(err)
			}
			got := tree{}
			tx.ForEach(func(name []byte, b *bolt.Bucket) error {
				got[string(name)] = readBolt(b)
				return nil
			})
			if !equal(got, want) {
				t.Error("bbolt reads other content than was written")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// And it can go on writing.
		err = db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte("deep")).Put([]byte("new"), []byte("x")) })
		if err := errors.Join(err, db.Close()); err != nil {
			t.Error(err)
		}
	}
}

func readBolt(b *bolt.Bucket) tree {
	out := tree{}
	b.ForEach(func(k, v []byte) error {
		if v == nil {
			out[string(k)] = readBolt(b.Bucket(k))
			return nil
		}
		out[string(k)] = bytes.Clone(v)
		return nil
	})
	return out
}

// TestReaderAgainstBolt reads what bbolt wrote, with holes and free pages.
func TestReaderAgainstBolt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	want := sample(9)
	var put func(get func([]byte) (*bolt.Bucket, error), content tree) error
	put = func(get func([]byte) (*bolt.Bucket, error), content tree) error {
		for k, v := range content {
			b, err := get([]byte(k))
			if err != nil {
				return err
			}
			for k, v := range v.(tree) {
				switch v := v.(type) {
				case []byte:
					err = b.Put([]byte(k), v)
				case tree:
					err = put(b.CreateBucketIfNotExists, tree{k: v})
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
	for range 3 { // the second and third time pages are freed
		if err := db.Update(func(tx *bolt.Tx) error { return put(tx.CreateBucketIfNotExists, want) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := boltfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := read(f.Root())
	if err != nil || !equal(got, want) {
		t.Fatalf("got other content than bbolt wrote: %v", err)
	}
	deep, ok, err := f.Root().Bucket("deep")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for k, v := range want["deep"].(tree) {
		if got, ok, err := deep.Get(k); err != nil || !ok || !bytes.Equal(got, v.([]byte)) {
			t.Fatalf("Get(%q): %v, %v", k, ok, err)
		}
		if _, ok, err := deep.Get(k + "x"); ok || err != nil {
			t.Fatalf("Get of a key that is not there: %v, %v", ok, err)
		}
	}
	if _, ok, err := deep.Get("a"); ok || err != nil {
		t.Fatalf("Get of a key before all others: %v, %v", ok, err)
	}
	if _, _, err := f.Root().Get("deep"); err == nil {
		t.Error("a bucket was read as a value")
	}
}

func TestWriterIsDeterministic(t *testing.T) {
	var first []byte
	for range 3 {
		path := filepath.Join(t.TempDir(), "db")
		write(t, path, sample(5))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = data
		}
		if !bytes.Equal(first, data) {
			t.Fatal("the same content gave other bytes")
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := boltfile.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	b := w.Bucket()
	if err := b.Put([]byte("b"), nil); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b", "", strings.Repeat("x", 40_000)} {
		if b.Put([]byte(key), nil) == nil {
			t.Errorf("the key %.20q was accepted", key)
		}
	}
}

// TestDamage flips bytes everywhere. Whatever comes of it must be an error or
// a value, within the time of one walk.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	small := sample(3)
	delete(small, "deep")
	delete(small, "big values")
	write(t, path, small)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	failed := 0
	const rounds = 600
	for range rounds {
		bad := bytes.Clone(data)
		for range r.IntN(3) + 1 {
			// Mostly in the heads of pages, where it hurts.
			at := r.IntN(len(bad)/4096)*4096 + r.IntN(64)
			bad[at] ^= byte(1 << r.IntN(8))
		}
		if exercise(bad) != nil {
			failed++
		}
	}
	if failed < rounds/2 {
		t.Errorf("only %d of %d damaged files were noticed", failed, rounds)
	}
	for n := 0; n < len(data); n += 1024 {
		if exercise(data[:n]) == nil {
			t.Errorf("a file cut to %d bytes was not noticed", n)
		}
	}
}

func exercise(data []byte) error {
	f, err := boltfile.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	_, err = read(f.Root().Bounded())
	_, _, getErr := f.Root().Bucket("many small buckets")
	return errors.Join(err, getErr)
}

// TestLoop points a branch page to itself.
func TestLoop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	write(t, path, tree{"deep": sample(1)["deep"]})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	loops := 0
	for page := 3; page < len(data)/4096; page++ {
		p := data[page*4096:]
		if p[8] != 1 { // not a branch page
			continue
		}
		bad := bytes.Clone(data)
		for i := range int(p[10]) + int(p[11])<<8 {
			copy(bad[page*4096+16+i*16+8:], []byte{byte(page), byte(page >> 8), byte(page >> 16), 0, 0, 0, 0, 0})
		}
		err := exercise(bad)
		if !errors.Is(err, boltfile.ErrCorrupt) {
			t.Errorf("page %d points to itself: got %v", page, err)
		}
		f, err := boltfile.New(bytes.NewReader(bad), int64(len(bad)))
		if err != nil {
			t.Fatal(err)
		}
		if b, ok, err := f.Root().Bucket("deep"); err == nil && ok {
			b.Get("key-5000000")
		}
		loops++
	}
	if loops == 0 {
		t.Fatal("there is no branch page")
	}
}

// TestSharedPages gives thousands of buckets the same pages.
func TestSharedPages(t *testing.T) {
	many := tree{}
	for i := range 2000 {
		many[fmt.Sprintf("bucket-%d", i)] = tree{"k": bytes.Repeat([]byte("v"), 3000)}
	}
	many["a"] = tree{}
	for i := range 2000 {
		many["a"].(tree)[fmt.Sprintf("%d", i)] = []byte(strings.Repeat("v", 100))
	}
	path := filepath.Join(t.TempDir(), "db")
	write(t, path, tree{"deep": many})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The bucket "a" is the first; point all others to its root.
	f, err := boltfile.New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	deep, _, err := f.Root().Bucket("deep")
	if err != nil {
		t.Fatal(err)
	}
	var root []byte
	changed := 0
	err = deep.ForEach(func(e boltfile.Entry) error {
		if root == nil {
			root = e.Value[:8]
			return nil
		}
		// The keys are unique, and the value follows the key.
		if i := bytes.Index(data, e.Key); i >= 0 {
			at := i + len(e.Key)
			for ; !bytes.Equal(data[at:at+16], e.Value); at++ {
			}
			copy(data[at:], root)
			changed++
		}
		return nil
	})
	if err != nil || changed != 2000 {
		t.Fatal(changed, err)
	}
	if err := exercise(data); !errors.Is(err, boltfile.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := boltfile.Open(path, nil); !errors.Is(err, boltfile.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := boltfile.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	second, err := boltfile.Open(path, nil)
	if err != nil {
		t.Fatalf("a second reader: %v", err)
	}
	second.Close()
}

func FuzzRead(f *testing.F) {
	path := filepath.Join(f.TempDir(), "db")
	write(f, path, tree{"a": tree{"b": []byte("c"), "d": tree{"e": []byte("f")}}})
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(_ *testing.T, data []byte) { exercise(data) })
}
