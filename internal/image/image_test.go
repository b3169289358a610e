package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	own "github.com/gatehouse-sec/gatehouse/internal/registry"
)

// file is an entry of a layer of a test: "name=content", "name->link" for a hard
// link, "name~>link" for a symbolic one, "name/" for a directory.
func layer(t *testing.T, files ...string) v1.Layer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range files {
		h := &tar.Header{Mode: 0o644, Format: tar.FormatPAX}
		content := ""
		if n, link, ok := strings.Cut(f, "~>"); ok {
			h.Name, h.Linkname, h.Typeflag = n, link, tar.TypeSymlink
		} else if n, link, ok := strings.Cut(f, "->"); ok {
			h.Name, h.Linkname, h.Typeflag = n, link, tar.TypeLink
		} else if n, c, ok := strings.Cut(f, "="); ok {
			h.Name, h.Typeflag, content = n, tar.TypeReg, c
		} else {
			h.Name, h.Typeflag, h.Mode = f, tar.TypeDir, 0o755
		}
		h.Size = int64(len(content))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data := buf.Bytes()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func build(t *testing.T, layers ...v1.Layer) v1.Image {
	t.Helper()
	var add []mutate.Addendum
	for i, l := range layers {
		add = append(add, mutate.Addendum{Layer: l, History: v1.History{CreatedBy: fmt.Sprintf("RUN step %d", i+1)}})
	}
	img, err := mutate.Append(empty.Image, add...)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// example has, in its three layers, a file that is replaced, one that is deleted, a
// directory that is made opaque, and hard links.
func example(t *testing.T) v1.Image {
	return build(t,
		layer(t, "etc/", "etc/a=first", "etc/b=gone", "opt/x/one=1", "opt/x/two=2", "opt/link->opt/x/one"),
		layer(t, "etc/a=second", "etc/.wh.b=", "opt/x/.wh..wh..opq=", "opt/x/three=3"),
		layer(t, "etc/c=third", "opt/again->etc/c", "opt/far->etc/a"),
	)
}

// scan lists what a scanner that looks at everything sees: path=content.
func scan(t *testing.T, root *image.Root, cache gatehouse.Cache) (*gatehouse.Report, []string, *image.FS) {
	t.Helper()
	if len(root.Images) != 1 {
		t.Fatalf("%d images", len(root.Images))
	}
	files := root.Images[0].Files(cache)
	t.Cleanup(func() {
		if err := files.Close(); err != nil {
			t.Error(err)
		}
	})
	var mu sync.Mutex
	var seen []string
	s := &gatehouse.Scanner{
		Name: "all", Doc: "All", Reads: "all", Version: "1", Hidden: true,
		Want: func(f gatehouse.FileInfo) gatehouse.Want {
			return gatehouse.Want{Scan: !strings.HasPrefix(f.Path, "//")}
		},
		ScanFile: func(_ context.Context, f *gatehouse.File, _ *gatehouse.Pass) error {
			mu.Lock()
			defer mu.Unlock()
			text := f.Path + "=" + string(f.Data)
			if f.Hidden {
				text += " (hidden)"
			}
			seen = append(seen, text)
			return nil
		},
	}
	r, err := gatehouse.Scan(t.Context(), files.Target(), []*gatehouse.Scanner{s}, gatehouse.ScanOptions{Parallelism: 4, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(seen)
	return r, seen, files
}

func open(t *testing.T, ref string, want image.Selection) *image.Root {
	t.Helper()
	root, err := image.Open(t.Context(), ref, own.New(own.Options{}), want)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	})
	return root
}

var exampleFiles = []string{
	"etc/a=first (hidden)", "etc/a=second", "etc/b=gone (hidden)", "etc/c=third",
	"opt/again=third", "opt/far=second", "opt/link=1", "opt/x/one=1 (hidden)", "opt/x/three=3", "opt/x/two=2 (hidden)",
}

// sources writes the image in all the forms in which it can be opened.
func sources(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	dir := t.TempDir()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		t.Fatal(err)
	}
	if p, err := layout.Write(filepath.Join(dir, "layout"), empty.Index); err != nil {
		t.Fatal(err)
	} else if err := p.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(dir, "saved.tar")
	if err := tarball.WriteToFile(saved, ref, img); err != nil {
		t.Fatal(err)
	}
	oci := filepath.Join(dir, "oci.tar")
	archive(t, oci, filepath.Join(dir, "layout"))
	return map[string]string{"registry": ref.String(), "layout": "oci:" + filepath.Join(dir, "layout"), "saved": "tar:" + saved, "archive": "tar:" + oci, "archive with gzip": "tar:" + zip(t, oci)}
}

func archive(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func zip(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file+".gz", buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file + ".gz"
}

func TestSources(t *testing.T) {
	img := example(t)
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for name, ref := range sources(t, img) {
		t.Run(name, func(t *testing.T) {
			root := open(t, ref, image.Selection{})
			if name != "saved" && root.Digest != digest.String() {
				t.Errorf("the digest is %s, want %s", root.Digest, digest)
			}
			r, seen, _ := scan(t, root, nil)
			if !slices.Equal(seen, exampleFiles) {
				t.Errorf("got  %q\nwant %q", seen, exampleFiles)
			}
			if len(r.Coverage.Gaps) != 0 {
				t.Errorf("gaps: %+v", r.Coverage.Gaps)
			}
			if got := root.Images[0].Layers[1].Instruction; got != "RUN step 2" {
				t.Errorf("layer 2 was made by %q", got)
			}
		})
	}
}

// memory is a cache in memory.
type memory struct {
	mu sync.Mutex
	m  map[[32]byte][]byte
}

func (c *memory) Get(key [32]byte) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.m[key]
	return b, ok
}

func (c *memory) Put(key [32]byte, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[key] = value
}

// TestCache: a second scan opens no layer, and a second image only its own.
func TestCache(t *testing.T) {
	base := layer(t, "etc/os-release=ID=x")
	first := build(t, base, layer(t, "app/one=1"))
	second := build(t, base, layer(t, "app/two=2"))
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	cache := &memory{m: map[[32]byte][]byte{}}
	requests := func(img v1.Image, tag string) int64 {
		t.Helper()
		ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/team/app:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img); err != nil {
			t.Fatal(err)
		}
		client := own.New(own.Options{})
		root, err := image.Open(t.Context(), ref.String(), client, image.Selection{})
		if err != nil {
			t.Fatal(err)
		}
		before := client.Requests()
		if r, _, _ := scan(t, root, cache); len(r.Coverage.Gaps) != 0 || r.Target.Files != 4 {
			t.Errorf("%s: %d files, gaps %+v", tag, r.Target.Files, r.Coverage.Gaps)
		}
		return client.Requests() - before
	}
	cold := requests(first, "1")
	warm := requests(first, "1")
	other := requests(second, "2")
	if cold == 0 || warm != 0 || other == 0 || other >= cold {
		t.Errorf("cold %d requests for layers, warm %d, another on the same base %d", cold, warm, other)
	}
}

func TestIndex(t *testing.T) {
	platform := func(arch string) mutate.IndexAddendum {
		return mutate.IndexAddendum{Add: build(t, layer(t, "arch="+arch)), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}}
	}
	attached := mutate.IndexAddendum{Add: build(t, layer(t, "x=y")), Descriptor: v1.Descriptor{
		Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}, Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest"}}}
	index := mutate.AppendManifests(empty.Index, platform("amd64"), platform("arm64"), attached)
	dir := t.TempDir()
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendIndex(index); err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	root := open(t, "oci:"+dir, image.Selection{})
	if !root.Index || !root.Complete || root.Digest != digest.String() || len(root.Images) != 2 || root.Images[1].Platform != "linux/arm64" {
		t.Errorf("got %+v", root)
	}
	root = open(t, "oci:"+dir, image.Selection{Platform: "linux/arm64"})
	if _, seen, _ := scan(t, root, nil); !slices.Equal(seen, []string{"arch=arm64"}) {
		t.Errorf("got %q", seen)
	}
	if _, err := image.Open(t.Context(), "oci:"+dir, own.New(own.Options{}), image.Selection{Platform: "linux/s390x"}); err == nil || !strings.Contains(err.Error(), "linux/s390x") {
		t.Errorf("got %v", err)
	}
}

// TestDamage: whatever was changed, cut off or put in the place of something else is
// named, and never read as if it were right.
func TestDamage(t *testing.T) {
	write := func(t *testing.T, img v1.Image) (string, v1.Image) {
		dir := t.TempDir()
		p, err := layout.Write(dir, empty.Index)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.AppendImage(img); err != nil {
			t.Fatal(err)
		}
		return dir, img
	}
	blob := func(t *testing.T, dir string, h v1.Hash, change func([]byte) []byte) {
		t.Helper()
		file := filepath.Join(dir, "blobs/sha256", h.Hex)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, change(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	longer := func(b []byte) []byte { return append(b, 0) }
	for name, change := range map[string]func([]byte) []byte{"flip": flip, "cut": cut, "longer": longer} {
		t.Run(name, func(t *testing.T) {
			dir, img := write(t, example(t))
			layers, err := img.Layers()
			if err != nil {
				t.Fatal(err)
			}
			h, err := layers[1].Digest()
			if err != nil {
				t.Fatal(err)
			}
			blob(t, dir, h, change)
			r, _, _ := scan(t, open(t, "oci:"+dir, image.Selection{}), nil)
			if len(r.Coverage.Gaps) == 0 || !strings.Contains(r.Coverage.Gaps[0].Reason, "the layer cannot be read") {
				t.Errorf("a layer: gaps %+v", r.Coverage.Gaps)
			}
			for what, hash := range map[string]func() (v1.Hash, error){"manifest": img.Digest, "configuration": img.ConfigName} {
				dir, img := write(t, example(t))
				_ = img
				h, err := hash()
				if err != nil {
					t.Fatal(err)
				}
				blob(t, dir, h, change)
				if _, err := image.Open(t.Context(), "oci:"+dir, own.New(own.Options{}), image.Selection{}); err == nil {
					t.Errorf("the %s: no error", what)
				}
			}
		})
	}
}

// TestHostileLayers: names that lead out of the image, and links to nothing, are gaps.
func TestHostileLayers(t *testing.T) {
	for name, tc := range map[string]struct {
		files []string
		want  string
		seen  []string
	}{
		"parent":        {[]string{"../etc/passwd=x", "ok=1"}, "leads out of the image", []string{"ok=1"}},
		"hidden parent": {[]string{"a/../../b=x"}, "leads out of the image", nil},
		"absolute":      {[]string{"/etc/x=1"}, "", []string{"etc/x=1"}},
		"link outside":  {[]string{"x->../../etc/shadow"}, "leads out of the image", nil},
		"link nowhere":  {[]string{"x->etc/shadow"}, "not in the image", nil},
		"link to self":  {[]string{"x->x"}, "not in the image", nil},
		"twice":         {[]string{"x=1", "x=2"}, "", []string{"x=1 (hidden)", "x=2"}},
		"whiteout root": {[]string{".wh.=", "x=1"}, "", []string{"x=1"}},
		"document name": {[]string{"//config.json=x"}, "", []string{"config.json=x"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p, err := layout.Write(dir, empty.Index)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.AppendImage(build(t, layer(t, tc.files...))); err != nil {
				t.Fatal(err)
			}
			r, seen, _ := scan(t, open(t, "oci:"+dir, image.Selection{}), nil)
			reasons := ""
			for _, g := range r.Coverage.Gaps {
				reasons += g.Reason + "\n"
			}
			if (tc.want == "") != (reasons == "") || !strings.Contains(reasons, tc.want) {
				t.Errorf("gaps: %s", reasons)
			}
			if !slices.Equal(seen, tc.seen) {
				t.Errorf("got %q, want %q", seen, tc.seen)
			}
		})
	}
}

// TestSymbolicLinks: a link is a gap only if it gives the name of something that is
// looked at to content in the image that is not.
func TestSymbolicLinks(t *testing.T) {
	for name, tc := range map[string]struct {
		files []string
		gap   bool
	}{
		"to a name that is read":               {[]string{"a/one.lock=1", "b.lock~>a/one.lock"}, false},
		"to a name that is not":                {[]string{"a/one=1", "b.lock~>a/one"}, true},
		"absolute, from the root of the image": {[]string{"a/one=1", "x/b.lock~>/a/one"}, true},
		"above the root":                       {[]string{"a/one=1", "x/b.lock~>../../../a/one"}, true},
		"through another link":                 {[]string{"a/one=1", "l~>/a", "x/b.lock~>../l/one"}, true},
		"to nothing":                           {[]string{"x/b.lock~>/proc/mounts"}, false},
		"to a directory":                       {[]string{"a/one.lock=1", "b.lock~>a"}, false},
		"in a circle":                          {[]string{"a.lock~>b.lock", "b.lock~>a.lock"}, true},
		"gone in a later layer":                {[]string{"a/one=1", "b.lock~>a/one", "/", "b.lock=2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p, err := layout.Write(dir, empty.Index)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.AppendImage(build(t, layer(t, tc.files...))); err != nil {
				t.Fatal(err)
			}
			files := open(t, "oci:"+dir, image.Selection{}).Images[0].Files(nil)
			defer files.Close()
			s := &gatehouse.Scanner{
				Name: "locks", Doc: "Locks", Reads: "*.lock", Version: "1",
				Want: func(f gatehouse.FileInfo) gatehouse.Want {
					return gatehouse.Want{Scan: strings.HasSuffix(f.Path, ".lock")}
				},
				ScanFile: func(context.Context, *gatehouse.File, *gatehouse.Pass) error { return nil },
			}
			r, err := gatehouse.Scan(t.Context(), files.Target(), []*gatehouse.Scanner{s}, gatehouse.ScanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := len(r.Coverage.Gaps) > 0; got != tc.gap {
				t.Errorf("gaps: %+v", r.Coverage.Gaps)
			}
			if len(r.Coverage.Skipped) == 0 && name != "gone in a later layer" {
				t.Error("the link is not in the ledger")
			}
		})
	}
}

func TestReferencesThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.tar")
	if err := os.WriteFile(file, []byte("no tar"), 0o600); err != nil {
		t.Fatal(err)
	}
	artifact := filepath.Join(dir, "artifact")
	p, err := layout.Write(artifact, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.Append(empty.Image, mutate.Addendum{Layer: static.NewLayer([]byte("x"), "application/x")})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.AppendImage(mutate.ConfigMediaType(img, types.MediaType("application/vnd.cncf.helm.config.v1+json"))); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		"oci:" + dir:                   "neither an OCI layout",
		"oci:" + dir + "/none":         "no such file",
		"tar:" + file:                  "as a tar",
		"tar:" + dir:                   "not a regular file",
		"tar:" + dir + "/none":         "no such file",
		"localhost:1/app:1":            "connection refused",
		"registry.example/app":         "want registry/repository",
		"oci:" + artifact + ":sometag": `0 images match "sometag"`,
	} {
		if _, err := image.Open(t.Context(), ref, own.New(own.Options{}), image.Selection{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", ref, err, want)
		}
	}
}

// TestAwkwardImagesQuality opens images as other tools wrote them.
func TestAwkwardImagesQuality(t *testing.T) {
	data := os.Getenv("QUALITY_DATA")
	if data == "" {
		t.Skip("QUALITY_DATA is not set: the images are not here")
	}
	n := 0
	err := filepath.WalkDir(filepath.Join(data, "image"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		ref := ""
		switch {
		case d.Name() == "index.json":
			ref = "oci:" + filepath.Dir(path)
		case strings.HasSuffix(d.Name(), ".tar"):
			ref = "tar:" + path
		default:
			return nil
		}
		n++
		root, err := image.Open(t.Context(), ref, own.New(own.Options{}), image.Selection{})
		if err != nil {
			t.Logf("%s: %v", strings.TrimPrefix(path, data), err)
			return nil
		}
		for _, img := range root.Images {
			files := img.Files(nil)
			l, err := files.List(t.Context())
			t.Logf("%s: %d files, gaps %v, %v", img.Name, len(l.Files), l.Gaps, err)
			if err := files.Close(); err != nil {
				t.Error(err)
			}
		}
		return root.Close()
	})
	if err != nil || n == 0 {
		t.Fatalf("%d images, %v", n, err)
	}
}
