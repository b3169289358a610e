package image

import (
	"cmp"
	"fmt"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// The annotations, or labels, that name the base of an image:
// https://github.com/opencontainers/image-spec/blob/main/annotations.md
const (
	annotationBaseName   = "org.opencontainers.image.base.name"
	annotationBaseDigest = "org.opencontainers.image.base.digest"
)

// Base is the image that this one says it is built on; nil if it does not say.
func (img *Image) Base() *gatehouse.BaseImage {
	b := gatehouse.BaseImage{
		Name:   cmp.Or(img.Annotations[annotationBaseName], img.Details.Labels[annotationBaseName]),
		Digest: cmp.Or(img.Annotations[annotationBaseDigest], img.Details.Labels[annotationBaseDigest]),
		By:     "annotations",
	}
	if (descriptor{Digest: b.Digest}).check() != nil {
		b.Digest = ""
	}
	if b.Name == "" && b.Digest == "" {
		return nil
	}
	return &b
}

// BuiltOn compares the layers with those of an image that it is said to be built on,
// which was found at the reference. If it is not built on it, that is an error.
func (img *Image) BuiltOn(base *Image, reference string) (*gatehouse.BaseImage, error) {
	if len(base.Layers) > len(img.Layers) {
		return nil, fmt.Errorf("%s is not built on %s, which has more layers", img.Name, base.Name)
	}
	for i, l := range base.Layers {
		if img.Layers[i].DiffID != l.DiffID {
			return nil, fmt.Errorf("%s is not built on %s: layer %d is another one", img.Name, base.Name, i+1)
		}
	}
	return &gatehouse.BaseImage{Name: reference, Digest: base.Digest, Layers: len(base.Layers), By: "request"}, nil
}

// Attribute says in the report which image it is about, and of each finding and
// package which layer it is in. The base may be nil. What made a layer may quote
// secrets, which mask is to mask.
func (f *FS) Attribute(r *gatehouse.Report, base *gatehouse.BaseImage, mask func(string) string) {
	img := f.image
	p := gatehouse.ImagePlatform{
		Platform: img.Platform, Digest: img.Digest, Base: base, Layers: []gatehouse.Layer{},
		Files: r.Target.Files, Bytes: r.Target.Bytes, Gaps: len(r.Coverage.Gaps), Scanners: []gatehouse.PlatformStatus{},
	}
	if img.Details.Created.Unix() > 0 {
		p.Created = img.Details.Created.UTC().Format(time.RFC3339)
	}
	for i, l := range img.Layers {
		p.Layers = append(p.Layers, gatehouse.Layer{Index: i + 1, Digest: l.Digest, DiffID: l.DiffID, Instruction: mask(l.Instruction), Base: base != nil && i < base.Layers})
	}
	for _, s := range r.Coverage.Scanners {
		p.Scanners = append(p.Scanners, gatehouse.PlatformStatus{Scanner: s.Name, Status: s.Status})
	}
	r.Target.Digest, r.Target.Image = img.Digest, &gatehouse.ImageInfo{Platforms: []gatehouse.ImagePlatform{p}}
	for i := range r.Findings {
		finding := &r.Findings[i]
		name := finding.Location.Path
		if finding.History != nil { // a hidden file has a version
			name += "@" + finding.History.Blob
			finding.History = nil
		}
		at, hidden, ok := f.place(name)
		if !ok {
			continue
		}
		l := p.Layers[at.layer]
		l.Hidden = hidden
		finding.Layer = &l
	}
	for i := range r.Components {
		if at, _, ok := f.place(r.Components[i].Location.Path); ok {
			r.Components[i].Layer = at.layer + 1
		}
	}
}
