package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/klauspost/compress/zstd"

	"github.com/gatehouse-sec/gatehouse/internal/image"
	own "github.com/gatehouse-sec/gatehouse/internal/registry"
)

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// rawLayout writes a layout with one image of one layer, as it is given. A nil blob is
// missing.
func rawLayout(t *testing.T, blob []byte, mediaType, diffID string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	type descriptor map[string]any
	put := func(mediaType string, b []byte) descriptor {
		t.Helper()
		d := digestOf(b)
		if b != nil {
			if err := os.WriteFile(filepath.Join(dir, "blobs/sha256", strings.TrimPrefix(d, "sha256:")), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return descriptor{"mediaType": mediaType, "digest": d, "size": len(b)}
	}
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	config := put("application/vnd.oci.image.config.v1+json", encode(map[string]any{"os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": []string{diffID}}}))
	manifest := put("application/vnd.oci.image.manifest.v1+json", encode(map[string]any{"schemaVersion": 2, "config": config, "layers": []descriptor{put(mediaType, blob)}}))
	if err := os.WriteFile(filepath.Join(dir, "index.json"), encode(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}}), 0o600); err != nil {
		t.Fatal(err)
	}
	return "oci:" + dir
}

func tarOf(t *testing.T, h *tar.Header, content string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// gzipBomb is a tar with one file of zeros that says it has 8 GiB.
func gzipBomb(t *testing.T) []byte {
	t.Helper()
	member := func(b []byte) []byte {
		var buf bytes.Buffer
		w := gzip.NewWriter(&buf)
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: "zeros", Mode: 0o644, Size: 8 << 30, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	return append(member(buf.Bytes()), bytes.Repeat(member(make([]byte, 64<<20)), 128)...)
}

// sparse is a tar in the old form of GNU with a file of 1 TiB that is one hole.
//
// https://www.gnu.org/software/tar/manual/html_node/Standard.html
func sparse() []byte {
	h := make([]byte, 512)
	put := func(at int, s string) { copy(h[at:], s) }
	put(0, "hole")
	put(100, "0000644\x00")
	put(108, "0000000\x00")
	put(116, "0000000\x00")
	put(124, "00000000000\x00")
	put(136, "00000000000\x00")
	put(148, "        ")
	h[156] = 'S'
	put(257, "ustar  \x00")
	huge := func(at int, n int64) { // base 256
		h[at] = 0x80
		for i := range 8 {
			h[at+11-i] = byte(n >> (8 * i))
		}
	}
	huge(386, 1<<40)
	put(398, "00000000000\x00")
	huge(483, 1<<40)
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	put(148, fmt.Sprintf("%06o\x00 ", sum))
	return append(h, make([]byte, 1024)...)
}

// TestBadLayers: a layer that cannot be read is a gap that names it and says why, in
// little time and memory.
func TestBadLayers(t *testing.T) {
	good := tarOf(t, &tar.Header{Name: "a", Mode: 0o644, Size: 1}, "x")
	var window bytes.Buffer
	z, err := zstd.NewWriter(&window, zstd.WithWindowSize(zstd.MaxWindowSize), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	const plain = "application/vnd.oci.image.layer.v1.tar"
	for name, tc := range map[string]struct {
		blob      []byte
		mediaType string
		want      string
	}{
		"gzip bomb":          {gzipBomb(t), plain + "+gzip", "bytes that are allowed"},
		"zstd window":        {window.Bytes(), plain + "+zstd", "window"},
		"sparse giant":       {sparse(), plain, "bytes that are allowed"},
		"encrypted":          {good, plain + "+gzip+encrypted", "it is encrypted"},
		"foreign":            {nil, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "not passed on with the image"},
		"other tar":          {good, plain, "not the one that the configuration names"},
		"unknown media type": {[]byte(strings.Repeat("no tar at all ", 100)), "application/x", "tar cannot be read"},
		"gzip of nothing":    {[]byte{0x1f, 0x8b}, plain + "+gzip", "not gzip"},
		"cut off":            {good[:512], plain, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			root := open(t, rawLayout(t, tc.blob, tc.mediaType, digestOf(nil)), image.Selection{})
			r, seen, _ := scan(t, root, nil)
			if len(seen) != 0 || len(r.Coverage.Gaps) != 1 {
				t.Fatalf("saw %q, gaps %+v", seen, r.Coverage.Gaps)
			}
			if g := r.Coverage.Gaps[0]; !strings.Contains(g.Reason, tc.want) || !strings.Contains(g.Entry, "layer 1 (sha256:") {
				t.Errorf("got %s: %s", g.Entry, g.Reason)
			}
		})
	}
}

func TestManyFiles(t *testing.T) {
	const n = 100_000
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range n {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("d%d/f%d", i%100, i), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	root := open(t, rawLayout(t, buf.Bytes(), "application/vnd.oci.image.layer.v1.tar", digestOf(buf.Bytes())), image.Selection{})
	if r, seen, _ := scan(t, root, nil); len(seen) != n || len(r.Coverage.Gaps) != 0 {
		t.Errorf("%d files, gaps %+v", len(seen), r.Coverage.Gaps)
	}
}

// keychain gives the same credentials for each registry.
type keychain struct{}

func (keychain) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: "user", Password: "word"}, nil
}

// TestBadRegistries: a registry that hangs, lies, refuses or sends elsewhere is an error
// or a gap in bounded time, and nobody else gets the credentials.
func TestBadRegistries(t *testing.T) {
	real := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	elsewhere := ""
	var stolen []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			stolen = append(stolen, a)
		}
		real.ServeHTTP(w, r)
	}))
	defer other.Close()
	// By another name, so that it is another host.
	elsewhere = strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	blobs := func(r *http.Request) bool {
		return strings.Contains(r.URL.Path, "/blobs/") && r.Method == http.MethodGet
	}
	for name, tc := range map[string]struct {
		handle func(w http.ResponseWriter, r *http.Request) bool
		opens  bool
		want   string
	}{
		"stalls": {func(w http.ResponseWriter, r *http.Request) bool {
			if !blobs(r) {
				return false
			}
			w.Header().Set("Content-Length", "100000")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		}, false, "sent nothing"},
		"lies about length": {func(w http.ResponseWriter, r *http.Request) bool {
			if !blobs(r) {
				return false
			}
			_, _ = io.WriteString(w, "{}")
			return true
		}, false, "configuration"},
		"limits the rate": {func(w http.ResponseWriter, r *http.Request) bool {
			if !blobs(r) {
				return false
			}
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}, false, "limits the rate"},
		"another manifest": {func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", digestOf([]byte("{}")))
			_, _ = io.WriteString(w, `{"schemaVersion":2}`)
			return true
		}, false, ""},
		"sends elsewhere": {func(w http.ResponseWriter, r *http.Request) bool {
			if !blobs(r) {
				return false
			}
			http.Redirect(w, r, elsewhere+r.URL.Path, http.StatusTemporaryRedirect)
			return true
		}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !tc.handle(w, r) {
					real.ServeHTTP(w, r)
				}
			}))
			defer server.Close()
			push, err := reference(other.URL)
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(push, example(t)); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			client := own.New(own.Options{Keychain: keychain{}, Stall: 200 * time.Millisecond})
			root, err := image.Open(t.Context(), strings.TrimPrefix(server.URL, "http://")+"/team/app:1", client, image.Selection{})
			if !tc.opens {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v, want %q", err, tc.want)
				}
				if took := time.Since(start); took > 30*time.Second {
					t.Errorf("it took %v", took)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r, _, _ := scan(t, root, nil); len(r.Coverage.Gaps) != 0 {
				t.Errorf("gaps: %+v", r.Coverage.Gaps)
			}
			if len(stolen) != 0 {
				t.Errorf("the other host got %q", stolen)
			}
		})
	}
}

func reference(url string) (name.Reference, error) {
	return name.ParseReference(strings.TrimPrefix(url, "http://") + "/team/app:1")
}
