package cache

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func key(i int) [32]byte { return sha256.Sum256(fmt.Append(nil, i)) }

func open(t *testing.T, dir string) *Cache {
	t.Helper()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fill(t *testing.T, dir string, from, to int) {
	t.Helper()
	c := open(t, dir)
	for i := from; i < to; i++ {
		c.Put(key(i), fmt.Appendf(nil, "value %d", i))
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func hits(t *testing.T, dir string, n int) (found int) {
	t.Helper()
	c := open(t, dir)
	for i := range n {
		v, ok := c.Get(key(i))
		if !ok {
			continue
		}
		if want := fmt.Appendf(nil, "value %d", i); !bytes.Equal(v, want) {
			t.Fatalf("key %d: got %q, want %q", i, v, want)
		}
		found++
	}
	return found
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	if got := hits(t, dir, 100); got != 0 {
		t.Fatalf("an empty cache has %d entries", got)
	}
	fill(t, dir, 0, 1000)
	fill(t, dir, 1000, 2000)
	if got := hits(t, dir, 2000); got != 2000 {
		t.Fatalf("got %d of 2000", got)
	}
}

func TestEmptyValueIsKept(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	c.Put(key(1), nil)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if v, ok := open(t, dir).Get(key(1)); !ok || len(v) != 0 {
		t.Fatalf("got %q, %v", v, ok)
	}
}

// Each byte of a log is damaged in turn: what is returned is right or missing,
// and the next run heals the log.
//
// It guards against TM-13.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 0, 200)
	logs, _ := filepath.Glob(filepath.Join(dir, version, "*.log"))
	if len(logs) == 0 {
		t.Fatal("no log was written")
	}
	path := logs[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x41
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hits(t, dir, 200); got >= 200 {
			t.Fatalf("byte %d: damage was not noticed", i)
		}
	}
	for cut := range whole {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		hits(t, dir, 200)
	}
	fill(t, dir, 0, 200)
	if got := hits(t, dir, 200); got != 200 {
		t.Fatalf("after another run: %d of 200", got)
	}
}

func TestConcurrentRuns(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for run := range 8 {
		wg.Go(func() { fill(t, dir, run*500, run*500+500) })
	}
	wg.Wait()
	if got := hits(t, dir, 4000); got != 4000 {
		t.Fatalf("got %d of 4000", got)
	}
}

func TestBounded(t *testing.T) {
	dir := t.TempDir()
	big := make([]byte, maxLogBytes/5)
	var last [32]byte
	for i := range 40 {
		c := open(t, dir)
		k := key(i)
		k[0] = 7 // all in one log
		c.Put(k, big)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		last = k
	}
	info, err := os.Stat(filepath.Join(dir, version, "07.log"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxLogBytes {
		t.Fatalf("the log has %d bytes", info.Size())
	}
	if _, ok := open(t, dir).Get(last); !ok {
		t.Fatal("the newest entry is gone")
	}
}

func TestUnusableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil {
		t.Fatal("a file was taken for a directory")
	}
	dir := t.TempDir()
	c := open(t, dir)
	if err := os.RemoveAll(filepath.Join(dir, version)); err != nil {
		t.Fatal(err)
	}
	c.Put(key(1), []byte("x"))
	if err := c.Close(); err == nil {
		t.Fatal("a lost directory went unnoticed")
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	encode(&b, key(1), []byte("value"))
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		k, v, rest, ok := decode(data)
		if !ok {
			return
		}
		var again bytes.Buffer
		encode(&again, k, v)
		if !bytes.Equal(again.Bytes(), data[:len(data)-len(rest)]) {
			t.Fatal("a decoded record does not encode to the same bytes")
		}
	})
}
