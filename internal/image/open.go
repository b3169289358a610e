package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/klauspost/compress/gzip"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// IsReference reports whether an argument names an image rather than a path: it
// starts with oci: or tar:, or is a reference with a registry and a tag or digest
// that is no path that exists.
func IsReference(arg string) bool {
	return strings.HasPrefix(arg, "oci:") || strings.HasPrefix(arg, "tar:") || IsRemote(arg)
}

// IsRemote reports whether it names an image in a registry.
func IsRemote(arg string) bool {
	if strings.HasPrefix(arg, "oci:") || strings.HasPrefix(arg, "tar:") {
		return false
	}
	if _, err := os.Lstat(arg); err == nil || strings.HasPrefix(arg, ".") || filepath.IsAbs(arg) {
		return false
	}
	host, rest, ok := strings.Cut(arg, "/")
	return ok && (strings.ContainsAny(host, ".:") || host == "localhost") && strings.ContainsAny(rest, ":@")
}

// Open opens the image called ref:
//
//	registry/repository:tag or registry/repository@sha256:…
//	oci:DIR, oci:DIR:tag or oci:DIR@sha256:… (an OCI layout)
//	tar:FILE (an OCI archive, or what docker save writes; perhaps with gzip)
//
// A tag is resolved once: all that follows is about the digest.
func Open(ctx context.Context, ref string, client *registry.Client, want Selection) (*Root, error) {
	var root *Root
	var err error
	if dir, ok := strings.CutPrefix(ref, "oci:"); ok {
		root, err = openLayout(ctx, dir, want)
	} else if file, ok := strings.CutPrefix(ref, "tar:"); ok {
		root, err = openArchive(ctx, file, want)
	} else {
		root, err = openRegistry(ctx, ref, client, want)
	}
	if err != nil {
		return nil, fmt.Errorf("open the image %s: %w", ref, err)
	}
	return root, nil
}

// remoteBlobs are those of a repository.
type remoteBlobs struct {
	repository name.Repository
	client     *registry.Client
	first      map[string][]byte // the manifest that was got with the tag
}

func openRegistry(ctx context.Context, text string, client *registry.Client, want Selection) (*Root, error) {
	ref, err := client.Reference(text)
	if err != nil {
		return nil, err
	}
	got, err := remote.Get(ref, client.Remote(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, registry.NextStep(err))
	}
	digest := got.Digest.String()
	b := remoteBlobs{ref.Context(), client, map[string][]byte{digest: got.Manifest}}
	root, err := load(ctx, b, text, digest, want)
	if err == nil {
		root.remote = &b
	}
	return root, err
}

func (b remoteBlobs) manifest(ctx context.Context, digest string) ([]byte, error) {
	if raw, ok := b.first[digest]; ok {
		return raw, nil
	}
	got, err := remote.Get(b.repository.Digest(digest), b.client.Remote(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, registry.NextStep(err))
	}
	return got.Manifest, nil
}

func (b remoteBlobs) open(ctx context.Context, d descriptor) (io.ReadCloser, error) {
	layer, err := remote.Layer(b.repository.Digest(d.Digest), b.client.Remote(ctx)...)
	if err != nil {
		return nil, err
	}
	r, err := layer.Compressed()
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, registry.NextStep(err))
	}
	return r, nil
}

// dirBlobs are those of an OCI layout in a directory that links cannot leave.
//
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md
type dirBlobs struct{ root *os.Root }

func openLayout(ctx context.Context, text string, want Selection) (*Root, error) {
	dir, pick := splitLayout(text)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	b := dirBlobs{root}
	return openIndex(ctx, b, b, dir, pick, want, root.Close)
}

// splitLayout takes tag or digest from the directory of a layout, which may have
// colons in its name: it is the longest part that exists.
func splitLayout(text string) (dir, pick string) {
	if _, err := os.Stat(text); err != nil {
		if i := strings.LastIndex(text, "@sha256:"); i > 0 {
			return text[:i], text[i+1:]
		}
		if i := strings.LastIndex(text, ":"); i > 0 {
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

func (b dirBlobs) file(name string) (io.ReadCloser, error) {
	f, err := b.root.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, f.Close(), fmt.Errorf("%s is not a regular file", name))
	}
	return f, nil
}

func (b dirBlobs) manifest(_ context.Context, digest string) ([]byte, error) {
	return readDocument(b, blobName(digest), limits.MaxManifestBytes)
}

func (b dirBlobs) open(_ context.Context, d descriptor) (io.ReadCloser, error) {
	return b.file(blobName(d.Digest))
}

// files opens files of a layout by name.
type files interface {
	file(name string) (io.ReadCloser, error)
}

func blobName(digest string) string { return "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:") }

func readDocument(from files, name string, most int64) ([]byte, error) {
	r, err := from.file(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes, the limit", name, most)
	}
	return b, nil
}

// refName is the annotation that has the tag in an OCI layout; see
// https://github.com/opencontainers/image-spec/blob/main/annotations.md.
const refName = "org.opencontainers.image.ref.name"

// openIndex picks from the index.json of a layout.
func openIndex(ctx context.Context, from files, b blobs, where, pick string, want Selection, done func() error) (*Root, error) {
	root, err := func() (*Root, error) {
		raw, err := readDocument(from, "index.json", limits.MaxManifestBytes)
		if err != nil {
			return nil, fmt.Errorf("it is neither an OCI layout nor what docker save writes: %w", err)
		}
		m, err := parseManifest(raw)
		if err != nil {
			return nil, fmt.Errorf("index.json: %w", err)
		}
		var found []descriptor
		var have []string
		for _, d := range m.Manifests {
			tag := d.Annotations[refName]
			have = append(have, strings.TrimPrefix(tag+"@"+d.Digest, "@"))
			if pick == "" || pick == tag || pick == d.Digest {
				found = append(found, d)
			}
		}
		if len(found) != 1 {
			return nil, fmt.Errorf("%d images match %q, want 1; there are: %.500s", len(found), pick, strings.Join(have, ", "))
		}
		return load(ctx, b, where, found[0].Digest, want)
	}()
	if err != nil {
		return nil, errors.Join(err, done())
	}
	root.close = done
	return root, nil
}

// archive is a tar file whose entries are read where they stand.
type archive struct {
	f       *os.File
	entries map[string]section
}

type section struct{ at, size int64 }

func openArchive(ctx context.Context, file string, want Selection) (*Root, error) {
	f, err := openRegular(file)
	if err != nil {
		return nil, err
	}
	a, err := indexArchive(ctx, f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if a.isLayout() {
		return openIndex(ctx, a, a, file, "", want, a.f.Close)
	}
	root, err := a.openSaved(ctx, file, want)
	if err != nil {
		return nil, errors.Join(err, a.f.Close())
	}
	root.close = a.f.Close
	return root, nil
}

// isLayout reports whether the archive is an OCI layout. Some versions of docker
// save write an index that is empty beside what they mean.
func (a *archive) isLayout() bool {
	if _, ok := a.entries["manifest.json"]; !ok {
		return true
	}
	raw, err := readDocument(a, "index.json", limits.MaxManifestBytes)
	if err != nil {
		return false
	}
	m, err := parseManifest(raw)
	return err == nil && len(m.Manifests) > 0
}

func openRegular(file string) (*os.File, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", file)
	}
	return os.Open(file)
}

// indexArchive finds the entries of the archive. One that is compressed as a whole is
// unpacked into a temporary file first: its entries cannot be read where they stand.
func indexArchive(ctx context.Context, f *os.File) (*archive, error) {
	var magic [2]byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && magic == [2]byte{0x1f, 0x8b} {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("the archive is not gzip: %w", err)
		}
		s, err := spool(ctx, z, limits.MaxLayerBytes)
		if err != nil {
			return nil, fmt.Errorf("unpack the archive: %w", err)
		}
		if err := f.Close(); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		f = s.(*os.File)
	}
	a := &archive{f: f, entries: map[string]section{}}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	t := tar.NewReader(f)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the archive cannot be read as a tar: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		name, ok := cleanName(h.Name)
		switch {
		case !ok:
			return nil, fmt.Errorf("the archive has an entry with the name %.200q, which leads out of it", h.Name)
		case len(a.entries) >= limits.MaxFiles:
			return nil, fmt.Errorf("the archive has more than %d entries", limits.MaxFiles)
		case h.Typeflag == tar.TypeReg:
			a.entries[name] = section{at, h.Size}
		case h.Typeflag == tar.TypeLink, h.Typeflag == tar.TypeSymlink:
			// docker save links layers that are there twice.
			to := path.Clean(path.Join(path.Dir(name), h.Linkname))
			if h.Typeflag == tar.TypeLink {
				to = path.Clean(h.Linkname)
			}
			if s, ok := a.entries[to]; ok {
				a.entries[name] = s
			}
		}
	}
	if len(a.entries) == 0 {
		return nil, errors.New("the archive is empty")
	}
	return a, nil
}

func (a *archive) file(name string) (io.ReadCloser, error) {
	s, ok := a.entries[path.Clean(name)]
	if !ok {
		return nil, fmt.Errorf("%s is not in the archive: %w", name, fs.ErrNotExist)
	}
	return sectionFile{io.NewSectionReader(a.f, s.at, s.size)}, nil
}

// sectionFile is an entry of an archive. Closing it leaves the archive open.
type sectionFile struct{ *io.SectionReader }

func (sectionFile) Close() error { return nil }

func (a *archive) manifest(_ context.Context, digest string) ([]byte, error) {
	return readDocument(a, blobName(digest), limits.MaxManifestBytes)
}

func (a *archive) open(_ context.Context, d descriptor) (io.ReadCloser, error) {
	return a.file(blobName(d.Digest))
}

// savedBlobs are those of what docker save wrote before it wrote OCI layouts: they
// have names instead of digests. The manifest is made of what is there.
type savedBlobs struct {
	*archive
	raw   []byte
	names map[string]string // of blobs by digest
}

func (b savedBlobs) manifest(context.Context, string) ([]byte, error) { return b.raw, nil }

func (b savedBlobs) open(_ context.Context, d descriptor) (io.ReadCloser, error) {
	return b.file(b.names[d.Digest])
}

// openSaved reads the older form of docker save.
//
// https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format
func (a *archive) openSaved(ctx context.Context, file string, want Selection) (*Root, error) {
	raw, err := readDocument(a, "manifest.json", limits.MaxManifestBytes)
	if err != nil {
		return nil, fmt.Errorf("the archive is no image: %w", err)
	}
	var saved []struct {
		Config   string   `json:"Config"`
		RepoTags []string `json:"RepoTags"`
		Layers   []string `json:"Layers"`
	}
	if err := json.Unmarshal(raw, &saved); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(saved) != 1 {
		var tags []string
		for _, s := range saved {
			tags = append(tags, s.RepoTags...)
		}
		return nil, fmt.Errorf("the archive has %d images (%.300s), want 1: save one", len(saved), strings.Join(tags, ", "))
	}
	b := savedBlobs{archive: a, names: map[string]string{}}
	describe := func(name, mediaType string) (descriptor, error) {
		r, err := a.file(name)
		if err != nil {
			return descriptor{}, err
		}
		defer r.Close()
		digest, size, err := hashAll(ctx, r)
		b.names[digest] = name
		return descriptor{MediaType: mediaType, Digest: digest, Size: size}, err
	}
	config, err := describe(saved[0].Config, "application/vnd.docker.container.image.v1+json")
	if err != nil {
		return nil, fmt.Errorf("the configuration %.200q: %w", saved[0].Config, err)
	}
	m := manifest{SchemaVersion: 2, MediaType: "application/vnd.docker.distribution.manifest.v2+json", Config: &config, Layers: []descriptor{}}
	for _, name := range saved[0].Layers {
		d, err := describe(name, "application/vnd.docker.image.rootfs.diff.tar")
		if err != nil {
			return nil, fmt.Errorf("the layer %.200q: %w", name, err)
		}
		m.Layers = append(m.Layers, d)
	}
	if b.raw, err = json.Marshal(m); err != nil {
		return nil, err
	}
	digest, _, err := hashAll(ctx, strings.NewReader(string(b.raw)))
	if err != nil {
		return nil, err
	}
	root, err := load(ctx, b, file, digest, want)
	if err == nil {
		root.Made = true
	}
	return root, err
}
