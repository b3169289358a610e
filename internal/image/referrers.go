package image

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// Referrers lists what is attached to the image, to its index and to its platforms:
// what the registry knows, by the API or the tag that stands for it, and what a
// builder put into the index. Nothing of it is read or verified.
//
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
func (r *Root) Referrers(ctx context.Context) ([]gatehouse.Attached, error) {
	out := slices.Clone(r.attached)
	if r.remote == nil {
		return out, nil
	}
	subjects := []string{r.Digest}
	for _, img := range r.Images {
		if !slices.Contains(subjects, img.Digest) {
			subjects = append(subjects, img.Digest)
		}
	}
	for _, s := range subjects {
		index, err := remote.Referrers(r.remote.repository.Digest(s), r.remote.client.Remote(ctx)...)
		if err != nil {
			return out, fmt.Errorf("list the referrers of %s: %w%s", s, err, registry.NextStep(err))
		}
		list, err := index.IndexManifest()
		if err != nil {
			return out, fmt.Errorf("list the referrers of %s: %w", s, err)
		}
		if len(list.Manifests) > limits.MaxAttestations {
			return out, fmt.Errorf("%s has %d referrers, the limit is %d", s, len(list.Manifests), limits.MaxAttestations)
		}
		for _, d := range list.Manifests {
			kind := d.ArtifactType
			if predicate := d.Annotations["dev.sigstore.bundle.predicateType"]; predicate != "" {
				kind = predicate
			}
			out = append(out, gatehouse.Attached{Digest: d.Digest.String(), To: s, Type: kind, Kind: attachedKind(kind)})
		}
	}
	slices.SortFunc(out, func(a, b gatehouse.Attached) int {
		return cmp.Or(slices.Index(subjects, a.To)-slices.Index(subjects, b.To), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Digest, b.Digest))
	})
	return slices.Compact(out), nil
}

// attachedKind tells from the type of an artifact or predicate what it is.
func attachedKind(kind string) string {
	kind = strings.ToLower(kind)
	for _, k := range []struct{ kind, words string }{
		{"vex", "vex"}, {"sbom", "spdx cyclonedx syft sbom"}, {"signature", "cosign.sig simplesigning notary.signature"},
		{"attestation", "in-toto dsse sigstore.bundle slsa attestation"},
	} {
		for word := range strings.FieldsSeq(k.words) {
			if strings.Contains(kind, word) {
				return k.kind
			}
		}
	}
	return "other"
}

// embedded describes what a builder put into an index beside the images.
func embedded(d descriptor) gatehouse.Attached {
	return gatehouse.Attached{
		Digest: d.Digest, To: d.Annotations["vnd.docker.reference.digest"],
		Type: "application/vnd.in-toto+json", Kind: "attestation",
	}
}

// WithDigest is the reference with the digest in place of its tag.
func WithDigest(reference, digest string) string {
	if i := strings.IndexByte(reference, '@'); i >= 0 {
		reference = reference[:i]
	}
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		reference = reference[:i]
	}
	return reference + "@" + digest
}

// Repository is the last part of the name of the repository of a reference, or of
// the file or directory that an image is in.
func Repository(ref string) string {
	if dir, ok := strings.CutPrefix(ref, "oci:"); ok {
		dir, _ = splitLayout(dir)
		return lastPart(dir)
	}
	if file, ok := strings.CutPrefix(ref, "tar:"); ok {
		return strings.TrimSuffix(strings.TrimSuffix(lastPart(file), ".gz"), ".tar")
	}
	if r, err := name.ParseReference(ref); err == nil {
		return lastPart(r.Context().RepositoryStr())
	}
	return lastPart(ref)
}

func lastPart(p string) string {
	p = strings.TrimRight(p, "/")
	return p[strings.LastIndexByte(p, '/')+1:]
}
