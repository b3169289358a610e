// Package pull fetches a vulnerability database that was published as an OCI
// artifact: from a registry, an OCI layout or an archive.
package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// The media types of a published database.
const (
	LayerType  types.MediaType = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
	ConfigType types.MediaType = "application/vnd.aquasec.trivy.config.v1+json"
)

// Options are the choices of a pull or push.
type Options struct {
	// Now is recorded as the time of the download.
	Now time.Time
	// PlainHTTP allows a registry without TLS.
	PlainHTTP bool
	// Keychain has the credentials; nil means those of the Docker
	// configuration of the user.
	Keychain authn.Keychain
	// Transport makes the requests; nil means the default one.
	Transport http.RoundTripper
	// Progress is called with the bytes read so far and those expected, which
	// is 0 if it is not known; may be nil.
	Progress func(done, total int64)
}

// Pull fetches the database called ref and replaces the one in the directory
// dst. A ref is
//
//	registry/repository:tag or registry/repository@sha256:…
//	oci:DIR, oci:DIR:tag or oci:DIR@sha256:… (an OCI layout)
//	tar:FILE, or a path that ends in .tar, .tar.gz or .tgz: the database
//	itself, an OCI archive or a Docker archive
//
// The old database stays until the new one was read and found to be good.
func Pull(ctx context.Context, dst, ref string, opts Options) (vulndb.Manifest, error) {
	var manifest vulndb.Manifest
	err := vulndb.Install(dst, func(tmp string) (err error) {
		manifest, err = fetch(ctx, dst, tmp, ref, opts)
		return err
	})
	if err != nil {
		return vulndb.Manifest{}, fmt.Errorf("pull the vulnerability database %q: %w%s", ref, err, nextStep(err))
	}
	return manifest, nil
}

func fetch(ctx context.Context, dst, tmp, ref string, opts Options) (vulndb.Manifest, error) {
	var origin string
	var err error
	if dir, ok := strings.CutPrefix(ref, "oci:"); ok {
		origin, err = fromLayout(ctx, tmp, dir, opts)
	} else if file, ok := archiveRef(ref); ok {
		origin, err = fromArchive(ctx, tmp, file, opts)
	} else {
		origin, err = fromRegistry(ctx, dst, tmp, ref, opts)
	}
	if err != nil {
		return vulndb.Manifest{}, err
	}
	return finish(tmp, origin, opts.Now)
}

func archiveRef(ref string) (string, bool) {
	if file, ok := strings.CutPrefix(ref, "tar:"); ok {
		return file, true
	}
	for _, end := range []string{".tar", ".tar.gz", ".tgz"} {
		if strings.HasSuffix(ref, end) {
			return ref, true
		}
	}
	return "", false
}

func fromRegistry(ctx context.Context, dst, tmp, text string, opts Options) (string, error) {
	client := opts.client()
	ref, err := client.Reference(text)
	if err != nil {
		return "", fmt.Errorf("%w, oci:DIR or tar:FILE", err)
	}
	desc, err := remote.Get(ref, client.Remote(ctx)...)
	if err != nil {
		return "", err
	}
	var img v1.Image
	digest := desc.Digest
	if desc.MediaType.IsIndex() {
		index, err := desc.ImageIndex()
		if err != nil {
			return "", err
		}
		if img, digest, err = onlyImage(index, ""); err != nil {
			return "", err
		}
	} else if img, err = desc.Image(); err != nil {
		return "", err
	}
	layer, err := onlyLayer(img, digest)
	if err != nil {
		return "", err
	}
	layerDigest, err := layer.Digest()
	if err != nil {
		return "", err
	}
	size, err := layer.Size()
	if err != nil {
		return "", err
	}
	b, err := newBlob(ctx, ref, layerDigest, size, opts)
	if err != nil {
		return "", err
	}
	return ref.Context().Name() + "@" + digest.String(), b.unpackInto(ctx, dst, tmp, opts)
}

// client reaches the registry.
func (o Options) client() *registry.Client {
	return registry.New(registry.Options{PlainHTTP: o.PlainHTTP, Keychain: o.Keychain, Transport: o.Transport})
}

func fromLayout(ctx context.Context, tmp, text string, opts Options) (string, error) {
	// The directory may have colons in its name, so it is the longest part
	// that exists.
	dir, want := text, ""
	if _, err := os.Stat(dir); err != nil {
		if i := strings.LastIndex(text, "@sha256:"); i > 0 {
			dir, want = text[:i], text[i+1:]
		} else if i := strings.LastIndex(text, ":"); i > 0 {
			dir, want = text[:i], text[i+1:]
		}
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return "", fmt.Errorf("open the OCI layout: %w", err)
	}
	img, digest, err := onlyImage(index, want)
	if err != nil {
		return "", err
	}
	return "oci:" + dir + "@" + digest.String(), fromImage(ctx, tmp, img, digest, opts)
}

// refName is the annotation that has the tag in an OCI layout; see
// https://github.com/opencontainers/image-spec/blob/main/annotations.md.
const refName = "org.opencontainers.image.ref.name"

// onlyImage returns the image of the index that has the tag or digest want, or
// the only one if that is empty.
func onlyImage(index v1.ImageIndex, want string) (v1.Image, v1.Hash, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, v1.Hash{}, err
	}
	var found []v1.Descriptor
	var have []string
	for _, d := range m.Manifests {
		tag := d.Annotations[refName]
		have = append(have, strings.TrimPrefix(tag+"@"+d.Digest.String(), "@"))
		if want == "" || want == tag || want == d.Digest.String() {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		return nil, v1.Hash{}, fmt.Errorf("%d manifests match %q, want 1; there are: %.500s", len(found), want, strings.Join(have, ", "))
	}
	if found[0].MediaType.IsIndex() {
		child, err := index.ImageIndex(found[0].Digest)
		if err != nil {
			return nil, v1.Hash{}, err
		}
		cm, err := child.IndexManifest()
		if err != nil || len(cm.Manifests) != 1 || cm.Manifests[0].MediaType.IsIndex() {
			return nil, v1.Hash{}, errors.Join(err, errors.New("the manifest is an index of several others"))
		}
		return onlyImage(child, "")
	}
	img, err := index.Image(found[0].Digest)
	return img, found[0].Digest, err
}

// onlyLayer returns the layer that is the database.
func onlyLayer(img v1.Image, want v1.Hash) (v1.Layer, error) {
	raw, err := img.RawManifest()
	if err != nil {
		return nil, err
	}
	// A layout is read without a check, unlike a registry.
	if err := checkDigest("manifest", want, sha256.Sum256(raw)); err != nil {
		return nil, err
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	if len(layers) != 1 {
		return nil, fmt.Errorf("it has %d layers, want 1: it is not a vulnerability database", len(layers))
	}
	mt, err := layers[0].MediaType()
	if err != nil {
		return nil, err
	}
	if mt != LayerType {
		return nil, fmt.Errorf("its layer has the media type %q, want %q: it is not a vulnerability database", mt, LayerType)
	}
	size, err := layers[0].Size()
	if err == nil && (size <= 0 || size > limits.MaxDatabaseBytes) {
		err = fmt.Errorf("its layer has %d bytes, the limit is %d", size, int64(limits.MaxDatabaseBytes))
	}
	return layers[0], err
}

func fromImage(ctx context.Context, tmp string, img v1.Image, want v1.Hash, opts Options) error {
	layer, err := onlyLayer(img, want)
	if err != nil {
		return err
	}
	digest, err := layer.Digest()
	if err != nil {
		return err
	}
	size, err := layer.Size()
	if err != nil {
		return err
	}
	r, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	if err := unpack(tmp, &progress{ctx: ctx, r: io.TeeReader(r, h), total: size, tell: opts.Progress}); err != nil {
		return err
	}
	return checkDigest("layer", digest, [sha256.Size]byte(h.Sum(nil)))
}

func checkDigest(what string, want v1.Hash, got [sha256.Size]byte) error {
	if text := hex.EncodeToString(got[:]); want.Algorithm != "sha256" || text != want.Hex {
		return fmt.Errorf("%w: the digest of the %s is sha256:%s, want %s", errDamaged, what, text, want)
	}
	return nil
}

var errDamaged = errors.New("the download is damaged")

// finish checks the database in tmp and writes its manifest.
func finish(tmp, origin string, now time.Time) (vulndb.Manifest, error) {
	meta, theirs, err := readTheirs(tmp)
	if err != nil {
		return theirs, err
	}
	meta.DownloadedAt = now.UTC()
	if err := vulndb.WriteMetadata(tmp, meta); err != nil {
		return theirs, err
	}
	db, err := vulndb.Open(tmp)
	if err != nil {
		return theirs, err
	}
	defer db.Close()
	status, err := db.Status(now)
	if err != nil {
		return theirs, err
	}
	if status.Advisories == 0 {
		return theirs, fmt.Errorf("%w for packages of programming languages", vulndb.ErrEmpty)
	}
	m := vulndb.Manifest{
		Advisories: status.Advisories, Ecosystems: status.Ecosystems, Sources: status.Sources, Feeds: status.Feeds,
		Origin: origin, Rejected: theirs.Rejected, Withdrawn: theirs.Withdrawn,
	}
	// Only what cannot be computed is taken from the manifest that came along.
	for i := range m.Sources {
		for _, s := range theirs.Sources {
			if s.Ecosystem == m.Sources[i].Ecosystem && s.Name == m.Sources[i].Name && s.License+s.Attribution != "" {
				m.Sources[i].License, m.Sources[i].Attribution = s.License, s.Attribution
			}
		}
	}
	return vulndb.Seal(tmp, meta, m)
}

// nextStep says what the user can do about an error.
func nextStep(err error) string {
	if next := registry.NextStep(err); next != "" {
		return next
	}
	switch {
	case errors.Is(err, errDamaged):
		return ": pull again; if that does not help, the copy in the registry or on the disk is damaged"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrNotExist):
		return ""
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) {
		return ": check the network; without one, copy the artifact as an OCI layout (oci:DIR) or an archive (tar:FILE)"
	}
	return ""
}

// progress passes on what it reads, stops when the context ends, and tells how
// far it is.
type progress struct {
	ctx         context.Context
	r           io.Reader
	done, total int64
	tell        func(done, total int64)
}

func (p *progress) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.r.Read(b)
	p.done += int64(n)
	if p.tell != nil {
		p.tell(p.done, p.total)
	}
	return n, err
}
