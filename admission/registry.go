package admission

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// Puller is on whose behalf images are looked up: a registry may answer only to the
// credentials of the pod.
type Puller struct {
	Namespace, ServiceAccount string
	// Secrets are the pull secrets that the pod names.
	Secrets []string
}

// key tells pullers apart.
func (p Puller) key() string {
	return p.Namespace + "\x00" + p.ServiceAccount + "\x00" + strings.Join(p.Secrets, "\x00")
}

// PullSecrets finds the Docker configurations with which a pod pulls its images. What
// cannot be read is in the error, beside what can.
type PullSecrets interface {
	DockerConfigs(ctx context.Context, p Puller) ([][]byte, error)
}

// Registries resolves images and finds their attestations in the registries that they
// come from.
type Registries struct {
	Client *registry.Client
	// Secrets has the credentials of pods; nil means that only those of this
	// program are used.
	Secrets PullSecrets
}

// Resolve asks the registry for the digest that the reference names now.
func (r Registries) Resolve(ctx context.Context, p Puller, img registry.Image) (attest.Digest, error) {
	client, missing := r.client(ctx, p)
	_, digest, err := store.Open(ctx, client, img.String())
	return digest, explain(err, missing)
}

// Attestations lists what refers to the image with the digest.
func (r Registries) Attestations(ctx context.Context, p Puller, img registry.Image, digest attest.Digest) ([]attest.Attestation, error) {
	return r.attached(ctx, p, img, digest, (*store.Registry).Bundles)
}

// Older lists what cosign attached to the image before version 3.
func (r Registries) Older(ctx context.Context, p Puller, img registry.Image, digest attest.Digest) ([]attest.Attestation, error) {
	return r.attached(ctx, p, img, digest, (*store.Registry).Older)
}

func (r Registries) attached(ctx context.Context, p Puller, img registry.Image, digest attest.Digest, list func(*store.Registry, context.Context, attest.Digest) ([]attest.Attestation, error)) ([]attest.Attestation, error) {
	client, missing := r.client(ctx, p)
	where, err := store.At(client, img.Name()+"@"+string(digest))
	if err != nil {
		return nil, err
	}
	found, err := list(where, ctx, digest)
	return found, explain(err, missing)
}

// client logs in as the pod does. What is missing may not matter: the registry decides.
func (r Registries) client(ctx context.Context, p Puller) (client *registry.Client, missing error) {
	if r.Secrets == nil {
		return r.Client, nil
	}
	configs, missing := r.Secrets.DockerConfigs(ctx, p)
	var credentials registry.Credentials
	for _, c := range configs {
		if err := credentials.Add(c); err != nil && missing == nil {
			missing = fmt.Errorf("a pull secret of the pod: %w", err)
		}
	}
	return r.Client.With(credentials), missing
}

func explain(err, missing error) error {
	if err == nil || missing == nil {
		return err
	}
	return fmt.Errorf("%w (and %w)", err, missing)
}
