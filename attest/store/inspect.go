package store

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// Referrer is a document that is attached to an image, as the registry has it: right
// or wrong.
type Referrer struct {
	Digest attest.Digest
	// Origin says for people where it is.
	Origin string
	// ListedType and ListedAnnotations stand in the list of referrers, Type and
	// Annotations in the manifest; each may be empty.
	ListedType, Type               string
	ListedAnnotations, Annotations map[string]string
	// LayerType is that of the first layer, and Layers counts them.
	LayerType string
	Layers    int
	// Bytes is the size of the first layer.
	Bytes int64
	// Content is the first layer; nil if it is no bundle, or too large to read.
	Content []byte
}

// IsBundle reports whether anything about it says that it is a bundle.
func (r Referrer) IsBundle() bool {
	return r.ListedType == attest.BundleMediaType || r.Type == attest.BundleMediaType || r.LayerType == attest.BundleMediaType
}

// Referrers returns what is attached to the subject, and does not pass over what is
// malformed.
func (r *Registry) Referrers(ctx context.Context, subject attest.Digest) ([]Referrer, error) {
	where := fmt.Sprintf("%s@%s", r.repository, subject)
	index, err := remote.Referrers(r.repository.Digest(string(subject)), r.client.Remote(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("list the referrers of %s: %w%s", where, err, registry.NextStep(err))
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("list the referrers of %s: %w", where, err)
	}
	if len(list.Manifests) > limits.MaxAttestations {
		return nil, fmt.Errorf("%s has %d referrers, the limit is %d", where, len(list.Manifests), limits.MaxAttestations)
	}
	var out []Referrer
	budget := int64(limits.MaxAttestationBytes)
	for _, d := range list.Manifests {
		one, err := r.referrer(ctx, d, &budget)
		if err != nil {
			return nil, fmt.Errorf("read the referrer %s of %s: %w", d.Digest, where, err)
		}
		out = append(out, one)
	}
	return out, nil
}

func (r *Registry) referrer(ctx context.Context, d v1.Descriptor, budget *int64) (Referrer, error) {
	out := Referrer{
		Digest: attest.Digest(d.Digest.String()), Origin: fmt.Sprintf("%s@%s", r.repository, d.Digest),
		ListedType: d.ArtifactType, ListedAnnotations: d.Annotations,
	}
	got, err := remote.Get(r.repository.Digest(d.Digest.String()), r.client.Remote(ctx)...)
	if err != nil {
		return out, err
	}
	var m rawManifest
	if err := json.Unmarshal(got.Manifest, &m); err != nil {
		return out, err
	}
	out.Type, out.Annotations, out.Layers = m.ArtifactType, m.Annotations, len(m.Layers)
	if len(m.Layers) == 0 {
		return out, nil
	}
	out.LayerType, out.Bytes = string(m.Layers[0].MediaType), m.Layers[0].Size
	if out.IsBundle() && out.Bytes <= *budget {
		out.Content, err = r.blob(ctx, m.Layers[0], budget)
	}
	return out, err
}
