package pull_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/pull"
)

// flaky breaks off the download of large blobs.
type flaky struct {
	http.Handler
	// ranges is true if parts can be asked for.
	ranges bool

	mu sync.Mutex
	// breaks is how many downloads still break off, each after so many bytes.
	breaks, after int
	asked         []string // the Range of each request
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/sha256:") {
		f.Handler.ServeHTTP(w, r)
		return
	}
	asked := r.Header.Get("Range")
	r.Header.Del("Range")
	rec := httptest.NewRecorder()
	f.Handler.ServeHTTP(rec, r)
	data := rec.Body.Bytes()
	if len(data) < 700 {
		w.Write(data)
		return
	}
	f.mu.Lock()
	f.asked = append(f.asked, asked)
	broken := f.breaks > 0
	f.breaks--
	after := f.after
	f.mu.Unlock()
	start := 0
	if _, err := fmt.Sscanf(asked, "bytes=%d-", &start); err == nil && f.ranges {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(data)-1, len(data)))
		w.Header().Set("Content-Length", fmt.Sprint(len(data)-start))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		start = 0
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	}
	if broken {
		w.Write(data[start:min(len(data), start+after)])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	w.Write(data[start:])
}

func partials(t *testing.T, dst string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dst, ".gatehouse-*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPullResumes(t *testing.T) {
	for _, ranges := range []bool{true, false} {
		f := &flaky{Handler: quietRegistry(), ranges: ranges}
		ref := serve(t, f) + "/db:2"
		if _, err := pull.Push(t.Context(), source(t), ref, opts); err != nil {
			t.Fatal(err)
		}
		// One that breaks off twice is completed by the same call.
		f.breaks, f.after = 2, 200
		dst := t.TempDir()
		if _, err := pull.Pull(t.Context(), dst, ref, opts); err != nil {
			t.Fatal(err)
		}
		if err := vulndb.Verify(dst); err != nil {
			t.Error(err)
		}
		if ranges && (len(f.asked) != 3 || f.asked[2] != "bytes=400-") {
			t.Errorf("it was asked for %q", f.asked)
		}
		if left := partials(t, dst); len(left) > 0 {
			t.Errorf("%v was left", left)
		}
	}
}

// brokenOff pulls from a server that is gone after 300 bytes, and returns the
// server, which is there again, and what was left of the download.
func brokenOff(t *testing.T) (f *flaky, ref, dst, part string) {
	t.Helper()
	f = &flaky{Handler: quietRegistry(), ranges: true}
	ref = serve(t, f) + "/db:2"
	if _, err := pull.Push(t.Context(), source(t), ref, opts); err != nil {
		t.Fatal(err)
	}
	f.breaks, f.after = 1, 300
	dst = t.TempDir()
	gone := opts
	gone.Transport = &once{}
	if _, err := pull.Pull(t.Context(), dst, ref, gone); err == nil || !strings.Contains(err.Error(), "300 of") {
		t.Fatalf("got %v", err)
	}
	left := partials(t, dst)
	if len(left) != 1 {
		t.Fatalf("what was downloaded is gone: %v", left)
	}
	return f, ref, dst, left[0]
}

func TestPullContinuesLater(t *testing.T) {
	f, ref, dst, _ := brokenOff(t)
	f.asked = nil
	if _, err := pull.Pull(t.Context(), dst, ref, opts); err != nil {
		t.Fatal(err)
	}
	if len(f.asked) != 1 || f.asked[0] != "bytes=300-" {
		t.Errorf("it was asked for %q", f.asked)
	}
	if left := partials(t, dst); len(left) > 0 {
		t.Errorf("%v was left", left)
	}
	if err := vulndb.Verify(dst); err != nil {
		t.Error(err)
	}
}

// once is a network that fails for each blob but the first.
type once struct {
	mu   sync.Mutex
	seen bool
}

func (o *once) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	blob := strings.Contains(r.URL.Path, "/blobs/")
	fail := blob && o.seen
	o.seen = o.seen || blob
	o.mu.Unlock()
	if fail {
		return nil, fmt.Errorf("the network is down")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestPullDamagedPart finds a partial download with other content: it is
// noticed, and gone at the next call.
func TestPullDamagedPart(t *testing.T) {
	_, ref, dst, part := brokenOff(t)
	if err := os.WriteFile(part, bytes.Repeat([]byte("x"), 400), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := pull.Pull(t.Context(), dst, ref, opts); err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), "pull again") {
		t.Errorf("got %v", err)
	}
	if _, err := pull.Pull(t.Context(), dst, ref, opts); err != nil {
		t.Error(err)
	}
}
