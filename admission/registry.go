package admission

import (
	"context"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// Registries resolves images and finds their attestations in the registries that they
// come from.
type Registries struct{ Client *registry.Client }

// Resolve asks the registry for the digest that the reference names now.
func (r Registries) Resolve(ctx context.Context, img registry.Image) (attest.Digest, error) {
	_, digest, err := store.Open(ctx, r.Client, img.String())
	return digest, err
}

// Attestations lists what is attached to the image with the digest.
func (r Registries) Attestations(ctx context.Context, img registry.Image, digest attest.Digest) ([]attest.Attestation, error) {
	attached, err := store.At(r.Client, img.Name()+"@"+string(digest))
	if err != nil {
		return nil, err
	}
	return attached.Attestations(ctx, digest)
}
