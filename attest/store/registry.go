package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// Registry stores attestations of images beside them, as referrers, in the form
// that cosign 3 writes and reads.
//
// https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
type Registry struct {
	repository name.Repository
	client     *registry.Client
}

// NewRegistry stores attestations in the repository.
func NewRegistry(repository name.Repository, client *registry.Client) *Registry {
	return &Registry{repository, client}
}

// Open resolves an image to its digest, once, and returns where its attestations are.
func Open(ctx context.Context, client *registry.Client, image string) (*Registry, attest.Digest, error) {
	ref, err := client.Reference(image)
	if err != nil {
		return nil, "", err
	}
	head, err := remote.Head(ref, client.Reads(ctx)...)
	if err != nil {
		return nil, "", fmt.Errorf("find the image %s: %w%s", image, err, registry.NextStep(err))
	}
	digest, err := attest.ParseDigest(head.Digest.String())
	return NewRegistry(ref.Context(), client), digest, err
}

// At is where the attestations of an image are; no request is made.
func At(client *registry.Client, image string) (*Registry, error) {
	ref, err := client.Reference(image)
	if err != nil {
		return nil, err
	}
	return NewRegistry(ref.Context(), client), nil
}

// ResourceURI is what a summary calls the images of the repository: a package URL
// without a version, such as
// pkg:oci/app?repository_url=registry.example/team/app.
//
// https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md
func (r *Registry) ResourceURI() string {
	full := r.repository.Name()
	return "pkg:oci/" + path.Base(full) + "?repository_url=" + full
}

// The annotations of a referrer. They are hints that nobody may rely on.
const (
	annotationContent   = "dev.sigstore.bundle.content"
	annotationPredicate = "dev.sigstore.bundle.predicateType"
	annotationCreated   = "org.opencontainers.image.created"
)

// The media types of manifests and of the older form of attestations.
const (
	emptyConfigType = "application/vnd.oci.empty.v1+json"
	legacyLayerType = "application/vnd.dsse.envelope.v1+json"
)

// Put attaches the bundle to the image or index. The same bundle at the same time
// gives the same manifest, so doing it again changes nothing. Older attestations of
// the same predicate type that supersedes accepts are detached; nil detaches none.
//
// On a registry without the referrers API the index under the tag of the subject is
// written anew, which many may do at once. No registry compares before it writes,
// so each attestation has a tag of its own as well, and who writes the index looks
// afterwards whether all of those are in it: the last one to write sees the tags of
// all others, whose manifests were there before their index was.
func (r *Registry) Put(ctx context.Context, subject attest.Digest, bundle []byte, created time.Time, supersedes func(attest.Attestation) bool) error {
	b, err := attest.ParseBundle(bundle)
	if err != nil {
		return err
	}
	if b.Envelope == nil {
		return errors.New("the bundle signs a blob, not a statement")
	}
	statement, err := b.Envelope.Statement()
	if err != nil {
		return err
	}
	if !statement.Has(subject) {
		return fmt.Errorf("the attestation is not about %s", subject)
	}
	target, err := remote.Head(r.repository.Digest(string(subject)), r.client.Remote(ctx)...)
	if err != nil {
		return fmt.Errorf("find %s@%s: %w%s", r.repository, subject, err, registry.NextStep(err))
	}
	var old []v1.Descriptor
	if supersedes != nil {
		if old, err = r.superseded(ctx, subject, statement.PredicateType, supersedes); err != nil {
			return err
		}
	}
	img, err := referrer(*target, bundle, statement.PredicateType, created)
	if err != nil {
		return err
	}
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	api, err := r.hasReferrers(ctx, subject)
	if err != nil {
		return err
	}
	ref := name.Reference(r.repository.Digest(digest.String()))
	if !api {
		ref = r.repository.Tag(ownTags(subject) + digest.Hex[:16])
	}
	if err := remote.Write(ref, img, r.client.Remote(ctx)...); err != nil {
		return fmt.Errorf("attach the attestation to %s@%s: %w%s", r.repository, subject, err, registry.NextStep(err))
	}
	old = slices.DeleteFunc(old, func(d v1.Descriptor) bool { return d.Digest == digest })
	if !api {
		if err := r.writeIndex(ctx, subject, old); err != nil {
			return fmt.Errorf("list the attestation at %s@%s: %w", r.repository, subject, err)
		}
	}
	// Some registries delete nothing; then it stays, and is only older.
	_, err = r.remove(ctx, subject, old, api)
	return err
}

// Detach detaches the attestations of the predicate type that drop accepts. It
// returns those that are still there, as the registry deletes nothing.
func (r *Registry) Detach(ctx context.Context, subject attest.Digest, predicateType string, drop func(attest.Attestation) bool) ([]attest.Digest, error) {
	old, err := r.superseded(ctx, subject, predicateType, drop)
	if err != nil || len(old) == 0 {
		return nil, err
	}
	api, err := r.hasReferrers(ctx, subject)
	if err != nil {
		return nil, err
	}
	if !api {
		if err := r.writeIndex(ctx, subject, old); err != nil {
			return nil, fmt.Errorf("list the attestations at %s@%s: %w", r.repository, subject, err)
		}
	}
	return r.remove(ctx, subject, old, api)
}

// remove deletes manifests, and returns those that the registry does not delete.
func (r *Registry) remove(ctx context.Context, subject attest.Digest, old []v1.Descriptor, api bool) (left []attest.Digest, err error) {
	for _, d := range old {
		err := remote.Delete(r.repository.Digest(d.Digest.String()), r.client.Remote(ctx)...)
		if err == nil && !api {
			// In some registries the tag outlives the manifest.
			if err = remote.Delete(r.repository.Tag(ownTags(subject)+d.Digest.Hex[:16]), r.client.Remote(ctx)...); err != nil && refused(err) {
				err = nil
			}
		}
		switch {
		case err == nil || notFound(err):
		case refused(err):
			left = append(left, attest.Digest(d.Digest.String()))
		default:
			return left, fmt.Errorf("detach the older attestation %s: %w", d.Digest, err)
		}
	}
	return left, nil
}

func refused(err error) bool {
	t, ok := errors.AsType[*transport.Error](err)
	return ok && t.StatusCode >= 400 && t.StatusCode < 500
}

func notFound(err error) bool {
	t, ok := errors.AsType[*transport.Error](err)
	return ok && t.StatusCode == http.StatusNotFound
}

// ownTags starts the tags of the attestations of a subject on a registry without
// the referrers API; that of their index is the part before the dot.
func ownTags(subject attest.Digest) string { return indexTag(subject) + "." }

func indexTag(subject attest.Digest) string { return "sha256-" + subject.Hex() }

// referrer makes the manifest of an attestation.
func referrer(subject v1.Descriptor, bundle []byte, predicateType string, created time.Time) (v1.Image, error) {
	layer := static.NewLayer(bundle, attest.BundleMediaType)
	img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{Layer: layer})
	if err != nil {
		return nil, fmt.Errorf("make the manifest of the attestation: %w", err)
	}
	img = mutate.ConfigMediaType(img, emptyConfigType)
	img = mutate.Annotations(img, map[string]string{
		annotationContent: "dsse-envelope", annotationPredicate: predicateType, annotationCreated: created.UTC().Format(time.RFC3339),
	}).(v1.Image)
	img = mutate.Subject(img, v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}).(v1.Image)
	return artifact{img}, nil
}

// artifact is an image whose manifest says what it is, and whose configuration is
// empty.
type artifact struct{ v1.Image }

// emptyConfig is the configuration of what has none:
// https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidance-for-an-empty-descriptor
var emptyConfig = []byte("{}")

func (a artifact) RawConfigFile() ([]byte, error) { return emptyConfig, nil }

func (a artifact) ConfigName() (v1.Hash, error) {
	h, _, err := v1.SHA256(bytes.NewReader(emptyConfig))
	return h, err
}

// rawManifest is a manifest with the fields of OCI 1.1 that the library's type lacks.
type rawManifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        v1.Descriptor     `json:"config"`
	Layers        []v1.Descriptor   `json:"layers"`
	Subject       *v1.Descriptor    `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func (a artifact) RawManifest() ([]byte, error) {
	m, err := a.Image.Manifest()
	if err != nil {
		return nil, err
	}
	config, err := a.ConfigName()
	if err != nil {
		return nil, err
	}
	return json.Marshal(rawManifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: attest.BundleMediaType,
		Config: v1.Descriptor{MediaType: emptyConfigType, Digest: config, Size: int64(len(emptyConfig))},
		Layers: m.Layers, Subject: m.Subject, Annotations: m.Annotations,
	})
}

func (a artifact) Digest() (v1.Hash, error) {
	raw, err := a.RawManifest()
	if err != nil {
		return v1.Hash{}, err
	}
	h, _, err := v1.SHA256(bytes.NewReader(raw))
	return h, err
}

func (a artifact) Size() (int64, error) {
	raw, err := a.RawManifest()
	return int64(len(raw)), err
}

// hasReferrers asks whether the registry has the referrers API.
func (r *Registry) hasReferrers(ctx context.Context, subject attest.Digest) (bool, error) {
	_, err := remote.Referrers(r.repository.Digest(string(subject)), append(r.client.Remote(ctx), remote.WithReferrersTagFallback(false))...)
	switch {
	case err == nil:
		return true, nil
	case strings.Contains(err.Error(), "does not support the Referrers API"):
		return false, nil
	}
	return false, fmt.Errorf("ask for the referrers of %s@%s: %w%s", r.repository, subject, err, registry.NextStep(err))
}

// maxRounds is how often an index is written before it is given up. Each round
// that was in vain is one in which somebody else wrote.
const maxRounds = 200

// writeIndex brings all attestations that have a tag into the index of the subject,
// and takes those to be dropped out of it.
func (r *Registry) writeIndex(ctx context.Context, subject attest.Digest, drop []v1.Descriptor) error {
	for round := range maxRounds {
		tags, err := remote.List(r.repository, r.client.Remote(ctx)...)
		if err != nil {
			return err
		}
		index, err := r.readIndex(ctx, subject)
		if err != nil {
			return err
		}
		before := len(index.Manifests)
		index.Manifests = slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool { return contains(drop, d.Digest) })
		changed := len(index.Manifests) != before
		for _, tag := range tags {
			end, ok := strings.CutPrefix(tag, ownTags(subject))
			if !ok || slices.ContainsFunc(index.Manifests, func(d v1.Descriptor) bool { return strings.HasPrefix(d.Digest.Hex, end) }) {
				continue
			}
			d, err := r.describe(ctx, r.repository.Tag(tag))
			if notFound(err) { // detached in the meantime
				continue
			}
			if err != nil {
				return err
			}
			if !contains(drop, d.Digest) {
				index.Manifests = append(index.Manifests, d)
				changed = true
			}
		}
		if !changed {
			return nil
		}
		slices.SortFunc(index.Manifests, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
		if err := remote.Put(r.repository.Tag(indexTag(subject)), rawIndex{index}, r.client.Remote(ctx)...); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(round) * 5 * time.Millisecond):
		}
	}
	return fmt.Errorf("others changed the index %d times while it was written: try again", maxRounds)
}

func contains(list []v1.Descriptor, h v1.Hash) bool {
	return slices.ContainsFunc(list, func(d v1.Descriptor) bool { return d.Digest == h })
}

// rawIndex is an index as it is written.
type rawIndex struct{ index v1.IndexManifest }

func (r rawIndex) RawManifest() ([]byte, error)        { return json.Marshal(r.index) }
func (r rawIndex) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }

func (r *Registry) readIndex(ctx context.Context, subject attest.Digest) (v1.IndexManifest, error) {
	empty := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	got, err := remote.Get(r.repository.Tag(indexTag(subject)), r.client.Remote(ctx)...)
	if notFound(err) {
		return empty, nil
	}
	if err != nil {
		return empty, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(got.Manifest))
	if err != nil || index.MediaType != types.OCIImageIndex {
		return empty, fmt.Errorf("what has the tag %s is no index: remove it", indexTag(subject))
	}
	return *index, nil
}

// describe returns the descriptor of a referrer as it stands in an index: with the
// type and annotations of its manifest.
func (r *Registry) describe(ctx context.Context, ref name.Reference) (v1.Descriptor, error) {
	got, err := remote.Get(ref, r.client.Remote(ctx)...)
	if err != nil {
		return v1.Descriptor{}, err
	}
	var m rawManifest
	if err := json.Unmarshal(got.Manifest, &m); err != nil {
		return v1.Descriptor{}, fmt.Errorf("the manifest of %s: %w", ref, err)
	}
	return v1.Descriptor{MediaType: got.MediaType, Digest: got.Digest, Size: got.Size, ArtifactType: m.ArtifactType, Annotations: m.Annotations}, nil
}

// superseded are the referrers of the predicate type that are to go.
func (r *Registry) superseded(ctx context.Context, subject attest.Digest, predicateType string, supersedes func(attest.Attestation) bool) ([]v1.Descriptor, error) {
	var old []v1.Descriptor
	err := r.each(ctx, subject, func(d v1.Descriptor, a attest.Attestation) {
		if _, s, err := a.Parse(); err == nil && s.PredicateType == predicateType && supersedes(a) {
			old = append(old, d)
		}
	})
	return old, err
}

// Attestations returns what is attached to the subject: [Registry.Bundles] and
// [Registry.Older]. None is no error.
func (r *Registry) Attestations(ctx context.Context, subject attest.Digest) ([]attest.Attestation, error) {
	out, err := r.Bundles(ctx, subject)
	if err != nil {
		return nil, err
	}
	older, err := r.Older(ctx, subject)
	return append(out, older...), err
}

// Bundles returns the bundles that refer to the subject. It takes a request for their
// list, and two for each. None is no error.
func (r *Registry) Bundles(ctx context.Context, subject attest.Digest) ([]attest.Attestation, error) {
	var out []attest.Attestation
	err := r.each(ctx, subject, func(_ v1.Descriptor, a attest.Attestation) { out = append(out, a) })
	return out, err
}

// each calls f with each referrer that is a bundle.
func (r *Registry) each(ctx context.Context, subject attest.Digest, f func(v1.Descriptor, attest.Attestation)) error {
	where := fmt.Sprintf("%s@%s", r.repository, subject)
	index, err := remote.Referrers(r.repository.Digest(string(subject)), r.client.Reads(ctx)...)
	if err != nil {
		return fmt.Errorf("list the referrers of %s: %w%s", where, err, registry.NextStep(err))
	}
	list, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("list the referrers of %s: %w", where, err)
	}
	if len(list.Manifests) > limits.MaxAttestations {
		return fmt.Errorf("%s has %d referrers, the limit is %d", where, len(list.Manifests), limits.MaxAttestations)
	}
	budget := int64(limits.MaxAttestationBytes)
	for _, d := range list.Manifests {
		// Some registries leave the type out, or give that of the configuration.
		if d.ArtifactType != "" && d.ArtifactType != emptyConfigType && d.ArtifactType != attest.BundleMediaType {
			continue
		}
		b, err := r.bundle(ctx, d, &budget)
		if notFound(err) { // it was detached
			continue
		}
		if err != nil {
			return fmt.Errorf("read the referrer %s of %s: %w", d.Digest, where, err)
		}
		if b != nil {
			f(d, attest.Attestation{Bytes: b, Origin: fmt.Sprintf("%s@%s", r.repository, d.Digest)})
		}
	}
	return nil
}

// bundle reads the one layer of a referrer; nil if it is something else.
func (r *Registry) bundle(ctx context.Context, d v1.Descriptor, budget *int64) ([]byte, error) {
	got, err := remote.Get(r.repository.Digest(d.Digest.String()), r.client.Reads(ctx)...)
	if err != nil {
		return nil, err
	}
	var m rawManifest
	if err := json.Unmarshal(got.Manifest, &m); err != nil {
		return nil, err
	}
	if m.ArtifactType != attest.BundleMediaType && (m.ArtifactType != "" || len(m.Layers) != 1 || m.Layers[0].MediaType != attest.BundleMediaType) {
		return nil, nil
	}
	if len(m.Layers) != 1 {
		return nil, fmt.Errorf("it has %d layers, a bundle has one", len(m.Layers))
	}
	return r.blob(ctx, m.Layers[0], budget)
}

// blob reads a layer and checks its digest and size.
func (r *Registry) blob(ctx context.Context, d v1.Descriptor, budget *int64) ([]byte, error) {
	if d.Size < 0 || d.Size > *budget {
		return nil, fmt.Errorf("the attestations have more than %d bytes, the limit", limits.MaxAttestationBytes)
	}
	*budget -= d.Size
	layer, err := remote.Layer(r.repository.Digest(d.Digest.String()), r.client.Reads(ctx)...)
	if err != nil {
		return nil, err
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, d.Size+1))
	if err != nil {
		return nil, err
	}
	if h, n, err := v1.SHA256(bytes.NewReader(b)); err != nil || n != d.Size || h != d.Digest {
		return nil, fmt.Errorf("the layer is not the one that the manifest names: it has %d bytes and the digest %s", n, h)
	}
	return b, nil
}

// Older returns the envelopes that cosign attached before version 3, under the tag
// sha256-….att. None is no error.
func (r *Registry) Older(ctx context.Context, subject attest.Digest) ([]attest.Attestation, error) {
	tag := r.repository.Tag(indexTag(subject) + ".att")
	got, err := remote.Get(tag, r.client.Reads(ctx)...)
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w%s", tag, err, registry.NextStep(err))
	}
	var m rawManifest
	if err := json.Unmarshal(got.Manifest, &m); err != nil {
		return nil, fmt.Errorf("read %s: %w", tag, err)
	}
	if len(m.Layers) > limits.MaxAttestations {
		return nil, fmt.Errorf("%s has %d layers, the limit is %d", tag, len(m.Layers), limits.MaxAttestations)
	}
	budget := int64(limits.MaxAttestationBytes)
	var out []attest.Attestation
	for i, d := range m.Layers {
		if d.MediaType != legacyLayerType {
			continue
		}
		b, err := r.blob(ctx, d, &budget)
		if err != nil {
			return nil, fmt.Errorf("read layer %d of %s: %w", i+1, tag, err)
		}
		out = append(out, attest.Attestation{Bytes: b, Origin: fmt.Sprintf("%s, layer %d", tag, i+1)})
	}
	return out, nil
}
