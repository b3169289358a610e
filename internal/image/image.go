// Package image opens container images: in registries, OCI layouts and archives.
//
// Nothing is unpacked. A layer is a stream of files, which are listed in one pass
// and read in another, and every blob is held against its digest and size.
//
// Sources:
//   - https://github.com/opencontainers/image-spec/blob/main/manifest.md
//   - https://github.com/opencontainers/image-spec/blob/main/layer.md
package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Image is an image for one platform. Its blobs are read when they are needed.
type Image struct {
	// Name is what the user called the image, with the platform if there are
	// several.
	Name string
	// Digest is that of the manifest, as "sha256:" and hex.
	Digest string
	// Platform is such as linux/arm64/v8; empty if it is not known.
	Platform string
	// Manifest and Config are the bytes of the two documents.
	Manifest, Config []byte
	Annotations      map[string]string
	Details          Details
	// Layers are from the base up.
	Layers []Layer

	blobs blobs
}

// Details are what the configuration says.
//
// https://github.com/opencontainers/image-spec/blob/main/config.md
type Details struct {
	// Created is zero if it is not said.
	Created time.Time
	User    string
	// Env are NAME=VALUE.
	Env        []string
	Entrypoint []string
	Cmd        []string
	Labels     map[string]string
	// Ports are such as 22/tcp, sorted.
	Ports       []string
	Healthcheck bool
	// History says what made the image, the oldest first.
	History []Step
}

// Step is an instruction of the build.
type Step struct {
	Created time.Time
	// CreatedBy is the instruction, as the builder wrote it.
	CreatedBy string
	// Layer is the index of the layer that it made; -1 if it made none.
	Layer int
}

// Layer is one layer of an image.
type Layer struct {
	// Digest and Size are those of the blob, DiffID the digest of the tar in
	// it.
	Digest string
	Size   int64
	DiffID string
	// MediaType says how it is compressed.
	MediaType string
	// Instruction is what made it; empty if the image does not say.
	Instruction string
}

// Root is what a reference names: an image, or an index of several.
type Root struct {
	// Digest is that of the image or of the index.
	Digest string
	// Index is true if it is an index.
	Index bool
	// Images are those that were asked for, in the order of the index. Their
	// platforms differ.
	Images []*Image
	// Complete is true if these are all that there are.
	Complete bool
	// Made is true if the manifest does not come with the image: what docker
	// save wrote before it wrote OCI layouts has none, so its digest is that of
	// no image in a registry.
	Made bool

	attached []gatehouse.Attached
	remote   *remoteBlobs // nil unless it is in a registry
	close    func() error
}

// Close frees what is held open.
func (r *Root) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}

// descriptor names a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
	Platform    *platform         `json:"platform"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
	OSVersion    string `json:"os.version"`
}

// String is such as linux/arm64/v8.
func (p platform) String() string {
	if p.OS == "" && p.Architecture == "" {
		return ""
	}
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	if p.OSVersion != "" {
		s += " " + p.OSVersion
	}
	return s
}

// manifest is an image manifest or an index, of OCI or Docker.
type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *descriptor       `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Manifests     []descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations"`
}

// blobs is where the parts of images are.
type blobs interface {
	// manifest returns the document with the digest, unchecked.
	manifest(ctx context.Context, digest string) ([]byte, error)
	// open returns the blob with the digest, unchecked. A reader that is also
	// an [io.Seeker] can be read again.
	open(ctx context.Context, d descriptor) (io.ReadCloser, error)
}

// Selection says which images of an index are wanted.
type Selection struct {
	// Platform is such as linux/amd64 or linux/arm64/v8; empty means all.
	Platform string
}

func (s Selection) wants(p platform) bool {
	return s.Platform == "" || s.Platform == p.String() || s.Platform == p.OS+"/"+p.Architecture || s.Platform == p.OS+"/"+p.Architecture+"/"+p.Variant
}

// load reads the manifest with the digest and all that it leads to but the layers.
func load(ctx context.Context, b blobs, name, digest string, want Selection) (*Root, error) {
	root := &Root{Digest: digest, Complete: true}
	if err := root.add(ctx, b, name, digest, platform{}, want, 0); err != nil {
		return nil, err
	}
	switch {
	case len(root.Images) == 0 && want.Platform != "":
		return nil, fmt.Errorf("%s has no image for the platform %s", name, want.Platform)
	case len(root.Images) == 0:
		return nil, fmt.Errorf("%s has no image: its index is empty", name)
	}
	platforms := map[string]bool{}
	for _, img := range root.Images {
		if platforms[img.Platform] && img.Platform != "" || img.Platform == "" && len(root.Images) > 1 {
			img.Platform = strings.TrimSpace(img.Platform + " " + img.Digest[:len("sha256:")+12])
		}
		platforms[img.Platform] = true
	}
	if want.Platform != "" && len(root.Images) > 1 {
		return nil, fmt.Errorf("%s has several images for the platform %s, say which: %s", name, want.Platform, strings.Join(slices.Sorted(maps.Keys(platforms)), ", "))
	}
	return root, nil
}

func (r *Root) add(ctx context.Context, b blobs, name, digest string, p platform, want Selection, depth int) error {
	if depth > limits.MaxIndexDepth {
		return fmt.Errorf("%s: indexes are nested more than %d deep", name, limits.MaxIndexDepth)
	}
	raw, err := b.manifest(ctx, digest)
	if err != nil {
		return fmt.Errorf("read the manifest %s: %w", digest, err)
	}
	if err := checkDigest(digest, raw); err != nil {
		return fmt.Errorf("the manifest is not the one that was asked for: %w", err)
	}
	m, err := parseManifest(raw)
	if err != nil {
		return fmt.Errorf("the manifest %s: %w", digest, err)
	}
	if m.Manifests == nil {
		img, err := newImage(ctx, b, name, digest, raw, m)
		if err != nil {
			return err
		}
		if p.OS != "" || p.Architecture != "" {
			img.Platform = p.String()
		}
		if depth == 0 && want.Platform != "" && img.Platform != "" && !want.wants(parsePlatform(img.Platform)) {
			return fmt.Errorf("%s is an image for %s, not for %s", name, img.Platform, want.Platform)
		}
		r.Images = append(r.Images, img)
		if len(r.Images) > limits.MaxPlatforms {
			return fmt.Errorf("%s has more than %d images", name, limits.MaxPlatforms)
		}
		return nil
	}
	if depth == 0 {
		r.Index = true
	}
	for _, d := range m.Manifests {
		if attached(d) {
			r.attached = append(r.attached, embedded(d))
			continue
		}
		var p platform
		if d.Platform != nil {
			p = *d.Platform
		}
		if d.Platform != nil && !want.wants(p) {
			r.Complete = false
			continue
		}
		child := name
		if s := p.String(); s != "" {
			child += " (" + s + ")"
		}
		if err := r.add(ctx, b, child, d.Digest, p, want, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// attached tells what a builder puts beside the images of an index from images.
//
// https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
func attached(d descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

func parsePlatform(s string) platform {
	parts := strings.SplitN(s, "/", 3)
	parts = append(parts, "", "")
	return platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
}

func parseManifest(raw []byte) (manifest, error) {
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("it is not JSON: %w", err)
	}
	switch {
	case m.SchemaVersion != 2:
		return m, fmt.Errorf("its schema version is %d, want 2; images of the first schema must be pushed again", m.SchemaVersion)
	case m.Manifests == nil && m.Config == nil:
		return m, errors.New("it is neither an image nor an index")
	case m.Manifests != nil && m.Config != nil:
		return m, errors.New("it is both an image and an index, so tools read it differently")
	case len(m.Layers) > limits.MaxLayers:
		return m, fmt.Errorf("it has %d layers, the limit is %d", len(m.Layers), limits.MaxLayers)
	}
	for _, d := range slices.Concat(m.Layers, m.Manifests) {
		if err := d.check(); err != nil {
			return m, err
		}
	}
	if m.Config != nil {
		return m, m.Config.check()
	}
	return m, nil
}

func (d descriptor) check() error {
	digits, ok := strings.CutPrefix(d.Digest, "sha256:")
	if _, err := hex.DecodeString(digits); err != nil || !ok || len(digits) != 64 || digits != strings.ToLower(digits) {
		return fmt.Errorf("the digest %.80q is not sha256: and 64 hexadecimal digits", d.Digest)
	}
	if d.Size < 0 {
		return fmt.Errorf("the size of %s is negative", d.Digest)
	}
	return nil
}

func checkDigest(want string, data []byte) error {
	sum := sha256.Sum256(data)
	if got := "sha256:" + hex.EncodeToString(sum[:]); got != want {
		return fmt.Errorf("its digest is %s, want %s", got, want)
	}
	return nil
}

// config is the part of the configuration that is looked at.
type config struct {
	platform
	Created *time.Time `json:"created"`
	Config  struct {
		User         string              `json:"User"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		Labels       map[string]string   `json:"Labels"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Healthcheck  *struct {
			Test []string `json:"Test"`
		} `json:"Healthcheck"`
	} `json:"config"`
	RootFS struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created    *time.Time `json:"created"`
		CreatedBy  string     `json:"created_by"`
		EmptyLayer bool       `json:"empty_layer"`
	} `json:"history"`
}

func newImage(ctx context.Context, b blobs, name, digest string, raw []byte, m manifest) (*Image, error) {
	img := &Image{Name: name, Digest: digest, Manifest: raw, Annotations: m.Annotations, blobs: b}
	if m.Config.Size > limits.MaxImageConfigBytes {
		return nil, fmt.Errorf("%s: its configuration has %d bytes, the limit is %d", name, m.Config.Size, limits.MaxImageConfigBytes)
	}
	r, err := b.open(ctx, *m.Config)
	if err != nil {
		return nil, fmt.Errorf("read the configuration of %s: %w", name, err)
	}
	img.Config, err = io.ReadAll(io.LimitReader(r, limits.MaxImageConfigBytes+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read the configuration of %s: %w", name, err)
	}
	if err := checkDigest(m.Config.Digest, img.Config); err != nil {
		return nil, fmt.Errorf("the configuration of %s is not the one that the manifest names: %w", name, err)
	}
	var c config
	if err := json.NewDecoder(bytes.NewReader(img.Config)).Decode(&c); err != nil {
		return nil, fmt.Errorf("the configuration of %s cannot be read: %w", name, err)
	}
	if len(c.RootFS.DiffIDs) != len(m.Layers) {
		return nil, fmt.Errorf("%s is no container image: its manifest has %d layers, its configuration %d (media type %q)", name, len(m.Layers), len(c.RootFS.DiffIDs), m.Config.MediaType)
	}
	img.Platform = c.platform.String()
	img.Details = details(c)
	for i, d := range m.Layers {
		l := Layer{Digest: d.Digest, Size: d.Size, DiffID: c.RootFS.DiffIDs[i], MediaType: d.MediaType}
		for _, s := range img.Details.History {
			if s.Layer == i {
				l.Instruction = s.CreatedBy
			}
		}
		img.Layers = append(img.Layers, l)
	}
	return img, nil
}

func details(c config) Details {
	d := Details{
		User: c.Config.User, Env: c.Config.Env, Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd, Labels: c.Config.Labels,
		Healthcheck: c.Config.Healthcheck != nil && !slices.Equal(c.Config.Healthcheck.Test, []string{"NONE"}),
	}
	if c.Created != nil {
		d.Created = *c.Created
	}
	for p := range c.Config.ExposedPorts {
		d.Ports = append(d.Ports, p)
	}
	slices.Sort(d.Ports)
	layers := 0
	for _, h := range c.History {
		s := Step{CreatedBy: h.CreatedBy, Layer: -1}
		if h.Created != nil {
			s.Created = *h.Created
		}
		if !h.EmptyLayer {
			s.Layer = layers
			layers++
		}
		d.History = append(d.History, s)
	}
	if layers != len(c.RootFS.DiffIDs) { // what made which layer is not known
		for i := range d.History {
			d.History[i].Layer = -1
		}
	}
	return d
}

// listingKey is under which the listing of a layer is kept.
func listingKey(diffID string) [32]byte { return sha256.Sum256([]byte("layer 1 " + diffID)) }

// hashAll returns digest and size of what r gives.
func hashAll(ctx context.Context, r io.Reader) (string, int64, error) {
	c := &counting{r: r, h: sha256.New(), most: limits.MaxLayerBytes, ctx: ctx}
	_, err := io.Copy(io.Discard, c)
	return "sha256:" + hex.EncodeToString(c.h.Sum(nil)), c.n, err
}
