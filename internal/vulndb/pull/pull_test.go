package pull_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/builder"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/pull"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

var opts = pull.Options{Now: now, Keychain: authn.NewMultiKeychain()}

// source builds a database and returns its directory.
func source(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	b, err := builder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	src := builder.Source{Source: vulndb.Source{ID: "ghsa", Name: "GitHub Security Advisory npm"}, License: "CC-BY-4.0", Attribution: "GitHub"}
	for i := range 50 {
		id := fmt.Sprintf("CVE-2026-%04d", i)
		e, _, err := b.Entry(src.Source, id, now, vulndb.Detail{Title: "t"})
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Advisory("npm", src, fmt.Sprintf("pkg-%d", i), vulndb.Advisory{ID: id, VulnerableVersions: []string{"<1.0.0"}}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.Finish(vulndb.Metadata{Version: 2, UpdatedAt: now.Add(-time.Hour)}, vulndb.Manifest{Rejected: 7})
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range []string{"trivy.db", "metadata.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = data
	}
	return out
}

func tarball(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(files[name])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		w.Write(files[name])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func packed(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(data)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func image(t testing.TB, mt types.MediaType, layers ...[]byte) v1.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), pull.ConfigType)
	for _, l := range layers {
		var err error
		if img, err = mutate.AppendLayers(img, static.NewLayer(l, mt)); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func quietRegistry() http.Handler { return registry.New(registry.Logger(log.New(io.Discard, "", 0))) }

func put(t testing.TB, ref string, img v1.Image) {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(r, img); err != nil {
		t.Fatal(err)
	}
}

// check says whether dst holds the whole database of [source].
func check(t testing.TB, dst string, m vulndb.Manifest, origin string) {
	t.Helper()
	if err := vulndb.Verify(dst); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.Open(dst)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := db.Status(now)
	if err != nil || s.Advisories != 50 || m.Advisories != 50 || s.Digest != m.Digest || !s.DownloadedAt.Equal(now) || s.Age != time.Hour || !strings.HasPrefix(s.Origin, origin) {
		t.Errorf("got %+v, %v", s, err)
	}
	entries, err := os.ReadDir(dst)
	if err != nil || len(entries) != 4 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

func TestPushAndPull(t *testing.T) {
	src := source(t)
	host := serve(t, quietRegistry())
	lay := filepath.Join(t.TempDir(), "layout")
	for _, base := range []string{host + "/mirror/db", "oci:" + lay} {
		digest, err := pull.Push(t.Context(), src, base+":2", opts)
		if err != nil {
			t.Fatal(err)
		}
		again, err := pull.Push(t.Context(), src, base+":2", opts)
		if err != nil || again != digest {
			t.Errorf("pushed twice: %s and %s, %v", digest, again, err)
		}
		refs := []string{base + ":2", base + "@" + digest}
		if strings.HasPrefix(base, "oci:") {
			refs = append(refs, base)
		}
		for _, ref := range refs {
			dst := t.TempDir()
			var done, total int64
			o := opts
			o.Progress = func(d, t int64) { done, total = d, t }
			m, err := pull.Pull(t.Context(), dst, ref, o)
			if err != nil {
				t.Fatal(err)
			}
			check(t, dst, m, base+"@"+digest)
			if m.Rejected != 7 || m.Sources[0].License != "CC-BY-4.0" || m.Sources[0].Attribution != "GitHub" {
				t.Errorf("what the manifest says was lost: %+v", m)
			}
			if done == 0 || done != total {
				t.Errorf("progress ended at %d of %d", done, total)
			}
		}
	}
}

// TestPullArchives reads files as they are published and saved elsewhere.
func TestPullArchives(t *testing.T) {
	db := files(t, source(t))
	layer := packed(t, tarball(t, db))
	lay := t.TempDir()
	p, err := layout.Write(lay, empty.Index)
	if err == nil {
		err = p.AppendImage(image(t, pull.LayerType, layer))
	}
	if err != nil {
		t.Fatal(err)
	}
	oci := map[string][]byte{}
	err = fs.WalkDir(os.DirFS(lay), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			oci[name], err = os.ReadFile(filepath.Join(lay, name))
		}
		return err
	})
	if err != nil || len(oci) != 5 {
		t.Fatal(len(oci), err)
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "c.json", "Layers": []string{"l/layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"db.tar.gz":     layer,
		"db.tar":        tarball(t, db),
		"oci.tar":       tarball(t, oci),
		"oci.tgz":       packed(t, tarball(t, oci)),
		"docker.tar":    tarball(t, map[string][]byte{"manifest.json": manifest, "c.json": []byte("{}"), "l/layer.tar": tarball(t, db)}),
		"docker.tar.gz": packed(t, tarball(t, map[string][]byte{"manifest.json": manifest, "l/layer.tar": layer})),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, ref := range []string{path, "tar:" + path} {
				dst := t.TempDir()
				m, err := pull.Pull(t.Context(), dst, ref, opts)
				if err != nil {
					t.Fatal(err)
				}
				check(t, dst, m, "tar:"+path+"@sha256:")
			}
			for _, n := range []int{0, 1, 100, len(data) / 2, len(data) - 1024} {
				if err := os.WriteFile(path, data[:n], 0o644); err != nil {
					t.Fatal(err)
				}
				if _, err := pull.Pull(t.Context(), t.TempDir(), path, opts); err == nil && n < len(data)-1024 {
					t.Errorf("an archive of %d bytes cut to %d was accepted", len(data), n)
				}
			}
		})
	}
}

// TestPullRefuses publishes what is not a good database. The old one stays.
func TestPullRefuses(t *testing.T) {
	db := files(t, source(t))
	with := func(changes map[string][]byte) map[string][]byte {
		out := maps.Clone(db)
		for k, v := range changes {
			if out[k] = v; v == nil {
				delete(out, k)
			}
		}
		return out
	}
	layer := func(changes map[string][]byte) []byte { return packed(t, tarball(t, with(changes))) }
	var twice bytes.Buffer
	w := tar.NewWriter(&twice)
	for range 2 {
		w.WriteHeader(&tar.Header{Name: "trivy.db", Size: 1, Mode: 0o644})
		w.Write([]byte("x"))
	}
	w.Close()
	var link bytes.Buffer
	w = tar.NewWriter(&link)
	w.WriteHeader(&tar.Header{Name: "trivy.db", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"})
	w.Close()
	tests := map[string]struct {
		img   v1.Image
		words string
	}{
		"no layer":      {image(t, pull.LayerType), "has 0 layers"},
		"two layers":    {image(t, pull.LayerType, layer(nil), layer(map[string][]byte{"metadata.json": []byte("{}")})), "has 2 layers"},
		"media type":    {image(t, types.OCILayer, layer(nil)), "media type"},
		"other file":    {image(t, pull.LayerType, layer(map[string][]byte{"evil.sh": []byte("x")})), "evil.sh"},
		"way out":       {image(t, pull.LayerType, layer(map[string][]byte{"../trivy.db": []byte("x")})), "../trivy.db"},
		"twice":         {image(t, pull.LayerType, packed(t, twice.Bytes())), "twice"},
		"link":          {image(t, pull.LayerType, packed(t, link.Bytes())), "not a regular file"},
		"no database":   {image(t, pull.LayerType, layer(map[string][]byte{"trivy.db": nil})), "no trivy.db"},
		"no metadata":   {image(t, pull.LayerType, layer(map[string][]byte{"metadata.json": nil})), "no metadata.json"},
		"schema":        {image(t, pull.LayerType, layer(map[string][]byte{"metadata.json": []byte(`{"Version":3,"UpdatedAt":"2026-11-25T00:00:00Z"}`)})), "schema version 3"},
		"no time":       {image(t, pull.LayerType, layer(map[string][]byte{"metadata.json": []byte(`{"Version":2}`)})), "when the data was updated"},
		"cut database":  {image(t, pull.LayerType, layer(map[string][]byte{"trivy.db": db["trivy.db"][:8192]})), "corrupt"},
		"no database 2": {image(t, pull.LayerType, layer(map[string][]byte{"trivy.db": bytes.Repeat([]byte("x"), 20000)})), "not a bbolt file"},
		"not gzip":      {image(t, pull.LayerType, []byte("hello, this is no archive")), "archive"},
		"bomb":          {image(t, pull.LayerType, layer(map[string][]byte{"trivy.db": make([]byte, 100<<20)})), "times its size"},
	}
	host := serve(t, quietRegistry())
	dst := t.TempDir()
	if err := vulndb.Install(dst, func(tmp string) error {
		for name, data := range db {
			if err := os.WriteFile(filepath.Join(tmp, name), data, 0o644); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		ref := host + "/db:" + strings.ReplaceAll(name, " ", "-")
		put(t, ref, tt.img)
		_, err := pull.Pull(t.Context(), dst, ref, opts)
		if err == nil || !strings.Contains(err.Error(), tt.words) || !strings.Contains(err.Error(), ref) {
			t.Errorf("%s: got %v, want %q and the reference", name, err, tt.words)
		}
	}
	if err := vulndb.Verify(dst); err != nil {
		t.Errorf("the old database: %v", err)
	}
	entries, err := os.ReadDir(dst)
	if err != nil || len(entries) != 2 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

// TestPullDamagedLayout changes a blob of a layout, which nothing but the
// digest can notice.
func TestPullDamagedLayout(t *testing.T) {
	for _, what := range []string{"layer", "manifest"} {
		lay := t.TempDir()
		img := image(t, pull.LayerType, packed(t, tarball(t, files(t, source(t)))))
		p, err := layout.Write(lay, empty.Index)
		if err == nil {
			err = p.AppendImage(img)
		}
		if err != nil {
			t.Fatal(err)
		}
		layers, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		h, err := layers[0].Digest()
		if what == "manifest" {
			h, err = img.Digest()
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(lay, "blobs", "sha256", h.Hex)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if what == "layer" {
			// Another header of gzip, the same content.
			data[9] ^= 1
		} else {
			data = append(data, ' ')
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := pull.Pull(t.Context(), t.TempDir(), "oci:"+lay, opts); err == nil || !strings.Contains(err.Error(), "digest of the "+what) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestPullErrors(t *testing.T) {
	status := func(code int) string {
		return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) })) + "/db:2"
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, tt := range []struct{ ref, words string }{
		{status(http.StatusTooManyRequests), "mirror"},
		{status(http.StatusForbidden), "log in"},
		{serve(t, quietRegistry()) + "/db:2", "check repository and tag"},
		{strings.TrimPrefix(gone.URL, "http://") + "/db:2", "check the network"},
		{"trivy-db:2", "want registry/repository:tag"},
		{"ghcr.io/aquasecurity/trivy-db", "want registry/repository:tag"},
		{"oci:" + t.TempDir(), "OCI layout"},
		{"oci:/nowhere:2", "/nowhere"},
		{"/nowhere/db.tar.gz", "no such file"},
		{"tar:" + t.TempDir(), "not a regular file"},
	} {
		_, err := pull.Pull(t.Context(), t.TempDir(), tt.ref, opts)
		if err == nil || !strings.Contains(err.Error(), tt.words) || !strings.Contains(err.Error(), tt.ref) {
			t.Errorf("%s: got %v, want %q", tt.ref, err, tt.words)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pull.Pull(ctx, t.TempDir(), serve(t, quietRegistry())+"/db:2", opts); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestConcurrentPulls(t *testing.T) {
	host := serve(t, quietRegistry())
	ref := host + "/db:2"
	if _, err := pull.Push(t.Context(), source(t), ref, opts); err != nil {
		t.Fatal(err)
	}
	dst := t.TempDir()
	var m vulndb.Manifest
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			got, err := pull.Pull(t.Context(), dst, ref, opts)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			m = got
			mu.Unlock()
		})
	}
	wg.Wait()
	check(t, dst, m, host+"/db@")
}
