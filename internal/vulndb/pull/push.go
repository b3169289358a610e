package pull

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// Push publishes the database in dir as ref, which is registry/repository:tag
// or oci:DIR:tag, after it has verified it. It returns the digest of the
// manifest, "sha256:" and hex. The same database gives the same digest.
func Push(ctx context.Context, dir, ref string, opts Options) (string, error) {
	digest, err := push(ctx, dir, ref, opts)
	if err != nil {
		return "", fmt.Errorf("push the vulnerability database in %q to %q: %w%s", dir, ref, err, nextStep(err))
	}
	return digest, nil
}

func push(ctx context.Context, dir, ref string, opts Options) (string, error) {
	if err := vulndb.Verify(dir); err != nil {
		return "", err
	}
	packed, err := pack(dir)
	if err != nil {
		return "", err
	}
	img, err := artifact(packed)
	if err != nil {
		return "", err
	}
	digest, err := img.Digest()
	if err != nil {
		return "", err
	}
	if text, ok := strings.CutPrefix(ref, "oci:"); ok {
		return digest.String(), pushLayout(text, img)
	}
	client := opts.client()
	to, err := client.Reference(ref)
	if err != nil {
		return "", err
	}
	return digest.String(), remote.Write(to, img, client.Remote(ctx)...)
}

// artifact is the image that has the packed database as its only layer.
func artifact(packed []byte) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), ConfigType)
	return mutate.Append(img, mutate.Addendum{
		Layer:       static.NewLayer(packed, LayerType),
		Annotations: map[string]string{"org.opencontainers.image.title": "db.tar.gz"},
	})
}

func pushLayout(text string, img v1.Image) error {
	dir, tag := text, "latest"
	if i := strings.LastIndex(text, ":"); i > 0 {
		dir, tag = text[:i], text[i+1:]
	}
	to, err := layout.FromPath(dir)
	if errors.Is(err, fs.ErrNotExist) {
		to, err = layout.Write(dir, empty.Index)
	}
	if err != nil {
		return err
	}
	return to.ReplaceImage(img, func(d v1.Descriptor) bool { return d.Annotations[refName] == tag },
		layout.WithAnnotations(map[string]string{refName: tag}))
}

// pack makes the db.tar.gz, always with the same bytes.
func pack(dir string) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	for _, name := range []string{vulndb.MetadataName, vulndb.ManifestName, vulndb.FileName} {
		err := packFile(t, filepath.Join(dir, name), name)
		if err != nil && !(name == vulndb.ManifestName && errors.Is(err, fs.ErrNotExist)) {
			return nil, err
		}
	}
	err := errors.Join(t.Close(), z.Close())
	return out.Bytes(), err
}

func packFile(t *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	err = t.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: info.Size(), ModTime: time.Unix(0, 0), Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}
