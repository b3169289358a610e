package image

import (
	"fmt"
	"time"

	"github.com/gatehouse-sec/gatehouse"
)

// The annotations that name the base of an image:
// https://github.com/opencontainers/image-spec/blob/main/annotations.md
const (
	annotationBaseName = "org.opencontainers.image.base.name"
)

// Attribute says in the report which image it is about, and for each finding which
// layer it is in. Index is the digest of the index that the image was taken from, or
// empty. BaseLayers is how many of its layers belong to the base.
func (f *FS) Attribute(r *gatehouse.Report, index string, baseLayers int) {
	img := f.image
	info := &gatehouse.ImageInfo{Platform: img.Platform, Index: index, Base: img.Annotations[annotationBaseName], Layers: []gatehouse.Layer{}}
	if !img.Details.Created.IsZero() {
		info.Created = img.Details.Created.UTC().Format(time.RFC3339)
	}
	for i, l := range img.Layers {
		info.Layers = append(info.Layers, gatehouse.Layer{Index: i + 1, Digest: l.Digest, DiffID: l.DiffID, Instruction: l.Instruction, Base: i < baseLayers})
	}
	r.Target.Digest, r.Target.Image = img.Digest, info
	for i := range r.Findings {
		finding := &r.Findings[i]
		name := finding.Location.Path
		if finding.History != nil { // a hidden file has a version
			name += "@" + finding.History.Blob
			finding.History = nil
		}
		at, ok := f.paths[name]
		hidden := false
		if !ok {
			if at, hidden = f.hidden(name); !hidden {
				continue
			}
		}
		l := info.Layers[at.layer]
		l.Hidden = hidden
		finding.Layer = &l
	}
}

// BaseLayers finds out how many layers belong to the base: those that base has too,
// from the lowest up. If it is not built on base, it is an error.
func (img *Image) BaseLayers(base *Image) (int, error) {
	if len(base.Layers) > len(img.Layers) {
		return 0, fmt.Errorf("%s is not built on %s, which has more layers", img.Name, base.Name)
	}
	for i, l := range base.Layers {
		if img.Layers[i].DiffID != l.DiffID {
			return 0, fmt.Errorf("%s is not built on %s: layer %d is another one", img.Name, base.Name, i+1)
		}
	}
	return len(base.Layers), nil
}
