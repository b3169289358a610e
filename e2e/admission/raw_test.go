package admission_test

import (
	"bytes"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// staticLayer is a blob.
type staticLayer struct{ data []byte }

func (l staticLayer) Digest() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(l.data))
	return h, err
}
func (l staticLayer) DiffID() (v1.Hash, error) { return l.Digest() }
func (l staticLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.data)), nil
}
func (l staticLayer) Uncompressed() (io.ReadCloser, error) { return l.Compressed() }
func (l staticLayer) Size() (int64, error)                 { return int64(len(l.data)), nil }
func (l staticLayer) MediaType() (types.MediaType, error)  { return "application/octet-stream", nil }

func (l staticLayer) descriptor(mediaType string) map[string]any {
	h, _ := l.Digest()
	return map[string]any{"mediaType": mediaType, "digest": h.String(), "size": len(l.data)}
}

// rawManifest is a manifest as it is written.
type rawManifest []byte

func (m rawManifest) RawManifest() ([]byte, error)        { return m, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
